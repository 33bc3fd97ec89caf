#include "app/key_fingerprint.h"

namespace drover::app {
namespace {

constexpr size_t kDigits = 64;

}  // namespace

Result<std::string> read_fingerprint(std::string_view given) {
  auto wrong = [&](const std::string& why) {
    return fail(Code::kInvalidArgument,
                "'" + std::string(given.substr(0, 100)) + "' is no fingerprint of a key: " + why +
                    "; it is the SHA-256 that the server's log names, all " +
                    std::to_string(kDigits) + " hex digits");
  };
  std::string out;
  for (char c : given) {
    if (c == ':' || c == ' ') continue;
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (!digit) return wrong("it is not in hex digits");
    out += c;
  }
  if (out.size() != kDigits) return wrong("it has " + std::to_string(out.size()) + " digits");
  return out;
}

}  // namespace drover::app
