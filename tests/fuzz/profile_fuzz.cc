// Any bytes as AWS profile files: an answer or an error that names a line. What was read is written
// plainly and read again as the same.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cloud/profile.h"

namespace {

using namespace drover::cloud;

bool same(const Profiles& a, const Profiles& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, profile] : a) {
    const auto other = b.find(name);
    if (other == b.end() || other->second.size() != profile.size()) return false;
    for (const auto& [key, value] : profile) {
      const auto setting = other->second.find(key);
      if (setting == other->second.end() || !setting->second.same(value)) return false;
    }
  }
  return true;
}

void check(std::string_view text, ProfileFile kind) {
  auto parsed = parse_profiles(text, kind);
  if (!parsed) return;
  std::string written;
  for (const auto& [name, profile] : *parsed) {
    const bool prefixed = kind == ProfileFile::kConfig;
    written += prefixed ? "[profile \"" + name + "\"]\n" : "[" + name + "]\n";
    for (const auto& [key, value] : profile) {
      written += key + "=" + std::string(value.reveal()) + "\n";
    }
  }
  auto again = parse_profiles(written, kind);
  if (!again || !same(*again, *parsed)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(text, ProfileFile::kCredentials);
  check(text, ProfileFile::kConfig);
  return 0;
}
