#include "base/ids.h"

namespace drover {

std::string make_ulid(WallTime now, Random& random) {
  static constexpr char kCrockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string out(26, '0');
  uint64_t ms = static_cast<uint64_t>(unix_millis(now));
  for (int i = 9; i >= 0; --i, ms >>= 5) out[static_cast<size_t>(i)] = kCrockford[ms & 31];
  uint64_t bits = random.next();
  for (size_t i = 10; i < 22; ++i, bits >>= 5) out[i] = kCrockford[bits & 31];
  bits = random.next();
  for (size_t i = 22; i < 26; ++i, bits >>= 5) out[i] = kCrockford[bits & 31];
  return out;
}

bool is_id_text(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size() + 2 || text.size() > prefix.size() + 65) return false;
  if (!text.starts_with(prefix) || text[prefix.size()] != '_') return false;
  for (char c : text.substr(prefix.size() + 1)) {
    bool ok = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              c == '_' || c == '-';
    if (!ok) return false;
  }
  return true;
}

}  // namespace drover
