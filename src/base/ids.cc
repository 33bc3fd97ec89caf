#include "base/ids.h"

#include <array>

namespace drover {

namespace {

/// Bytes that may stand in an id.
constexpr std::array<bool, 256> id_bytes() {
  std::array<bool, 256> table{};
  for (size_t c = '0'; c <= '9'; ++c) table[c] = true;
  for (size_t c = 'A'; c <= 'Z'; ++c) table[c] = table[c + 32] = true;
  table['_'] = table['-'] = true;
  return table;
}
constexpr std::array<bool, 256> kIdBytes = id_bytes();

}  // namespace

void put_ulid(char* at, WallTime now, Random& random) {
  uint64_t ms = static_cast<uint64_t>(unix_millis(now));
  for (int i = 9; i >= 0; --i, ms >>= 5) at[i] = kCrockfordDigits[ms & 31];
  uint64_t bits = random.next();
  for (size_t i = 10; i < 22; ++i, bits >>= 5) at[i] = kCrockfordDigits[bits & 31];
  bits = random.next();
  for (size_t i = 22; i < 26; ++i, bits >>= 5) at[i] = kCrockfordDigits[bits & 31];
}

std::string make_ulid(WallTime now, Random& random) {
  std::string out(kUlidChars, '\0');
  put_ulid(out.data(), now, random);
  return out;
}

bool is_id_text(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size() + 2 || text.size() > prefix.size() + 65) return false;
  if (!text.starts_with(prefix) || text[prefix.size()] != '_') return false;
  bool all = true;
  for (char c : text.substr(prefix.size() + 1)) all &= kIdBytes[static_cast<uint8_t>(c)];
  return all;
}

}  // namespace drover
