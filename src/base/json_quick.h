#pragma once
// Internal to JsonScanner: the names, numbers and white space that nearly every text has,
// recognised sixteen bytes at once. Each says "null" of what it does not know or where there is no
// SSE2, and the scanner then looks byte by byte, so that these decide about speed alone, never
// about what is JSON.
//
// Pure functions. REQUIRES: so many bytes to read as the constant beside each says.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/text_find.h"

namespace drover::detail {

/// What follows the line ends and spaces at `p`, of which at most sixteen are passed over, and none
/// beyond `end` is read: there may be more of them, and other white space.
const char* after_indent(const char* p, const char* end);

inline uint16_t two_bytes(const char* p) {
  uint16_t out;
  std::memcpy(&out, p, sizeof out);
  return out;
}
/// At least what quick_name() may look at, and a byte before it.
constexpr ptrdiff_t kQuickNameBytes = 40;

/// A member's name and its colon as nearly all text has them: short and plain, with at most one
/// space before and after, or on a line of its own. Gives where its value begins, but for more
/// white space; null where a closer look is needed.
inline const char* quick_name(const char* p, const char* end, std::string_view& name) {
#ifdef __SSE2__
  if (two_bytes(p) == two_bytes(" \"")) {
    p += 2;
  } else {
    if (*p == '\n') p = after_indent(p, end - kQuickNameBytes);
    if (*p++ != '"') return nullptr;
  }
  const char* from = p;
  unsigned special = json_special_bits(p);
  if (special == 0) {
    p += 16;
    special = json_special_bits(p);
    if (special == 0) return nullptr;
  }
  p += __builtin_ctz(special);
  if (two_bytes(p) != two_bytes("\":")) return nullptr;
  name = std::string_view(from, static_cast<size_t>(p - from));
  return p + (p[2] == ' ' ? 3 : 2);
#else
  return nullptr;
#endif
}

/// At least what quick_number() may look at.
constexpr ptrdiff_t kQuickNumberBytes = 17;

/// What follows a number that is written with few digits and without an exponent, as nearly all
/// are; null where a closer look is needed.
inline const char* quick_number(const char* p) {
#ifdef __SSE2__
  if (*p == '-') ++p;
  unsigned others = not_digit_bits(p);
  if (others == 0) return nullptr;
  int digits = __builtin_ctz(others);
  if (digits == 0 || (digits > 1 && *p == '0')) return nullptr;
  if (p[digits] == '.') {
    others &= others - 1;
    if (others == 0 || __builtin_ctz(others) == digits + 1) return nullptr;
    digits = __builtin_ctz(others);
  }
  return (p[digits] | 0x20) == 'e' ? nullptr : p + digits;
#else
  return nullptr;
#endif
}

}  // namespace drover::detail
