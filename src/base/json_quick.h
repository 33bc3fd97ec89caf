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

/// Of a name of 16 bytes and more, what quick_name() says; up to 32 are looked at.
std::string_view longer_name(const char* from, const char* end);

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

inline uint16_t two_bytes(const char* p) {
  uint16_t out;
  std::memcpy(&out, p, sizeof out);
  return out;
}
/// What each of these may look at: so many bytes from `p` on.
constexpr ptrdiff_t kQuickBytes = 20;

#ifdef __SSE2__
/// Ones in the places of those of 16 bytes that names mostly do not have: what ends or escapes in a
/// string, and besides that spaces, '!' and what is not ASCII, with which one comparison of signed
/// bytes finds all but the backslash.
inline unsigned not_name_bits(const char* p) {
  const __m128i v = load16(p);
  const __m128i low = _mm_cmplt_epi8(v, _mm_set1_epi8('"' + 1));
  return static_cast<unsigned>(
      _mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')))));
}
#endif

/// A member's name as nearly all text has them: short and plain, with at most one space before, or
/// on a line of its own. Whether it ends there, value_of() says. Its data is null where a closer
/// look is needed.
inline std::string_view quick_name(const char* p, const char* end) {
#ifdef __SSE2__
  if (two_bytes(p) == two_bytes(" \"")) {
    p += 2;
  } else if (*p == '"') {
    ++p;
  } else {
    if (*p != '\n') return {};
    p = after_indent(p, end - kQuickBytes);
    if (*p++ != '"') return {};
  }
  const unsigned others = not_name_bits(p);
  if (others == 0) return longer_name(p, end);
  return {p, static_cast<size_t>(__builtin_ctz(others))};
#else
  return {};
#endif
}

/// Where the value of a name that quick_name() gave begins, but for white space beyond one space;
/// null where there is none, or something else than a quote and a colon behind it.
inline const char* value_of(std::string_view name) {
  if (name.data() == nullptr) return nullptr;
  const char* p = name.data() + name.size();
  if (two_bytes(p) != two_bytes("\":")) return nullptr;
  return p[2] == ' ' ? p + 3 : p + 2;
}

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

/// What follows a short value that holds no others: a plain string or number, or a word; null where
/// a closer look is needed.
inline const char* quick_scalar(const char* p) {
#ifdef __SSE2__
  switch (*p) {
    case '"': {
      const unsigned special = json_special_bits(p + 1);
      if (special == 0) return nullptr;
      p += 1 + __builtin_ctz(special);
      return *p == '"' ? p + 1 : nullptr;
    }
    case '{':
    case '[':
      return nullptr;
    case 'n':
      return std::memcmp(p, "null", 4) == 0 ? p + 4 : nullptr;
    case 't':
      return std::memcmp(p, "true", 4) == 0 ? p + 4 : nullptr;
    case 'f':
      return std::memcmp(p, "false", 5) == 0 ? p + 5 : nullptr;
    default:
      return quick_number(p);
  }
#else
  return nullptr;
#endif
}

}  // namespace drover::detail
