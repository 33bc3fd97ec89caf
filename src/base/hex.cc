#include "base/hex.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>

#include "base/assert.h"

namespace drover {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

/// -1 for what is no digit, so that the sign of two joined values tells of either.
constexpr std::array<int8_t, 256> hex_values(HexCase letters) {
  std::array<int8_t, 256> table{};
  for (auto& v : table) v = -1;
  for (int i = 0; i < 16; ++i) {
    const auto digit = static_cast<uint8_t>(kHexDigits[i]);
    table[digit] = static_cast<int8_t>(i);
    if (letters == HexCase::kAny && i > 9) table[digit - 32u] = static_cast<int8_t>(i);
  }
  return table;
}
constexpr std::array<int8_t, 256> kLowerValues = hex_values(HexCase::kLower);
constexpr std::array<int8_t, 256> kAnyValues = hex_values(HexCase::kAny);

#ifdef __SSE2__
/// The digits of sixteen values below 16.
__m128i digits_of(__m128i values) {
  const __m128i letter = _mm_cmpgt_epi8(values, _mm_set1_epi8(9));
  const __m128i from_zero = _mm_add_epi8(values, _mm_set1_epi8('0'));
  return _mm_add_epi8(from_zero, _mm_and_si128(letter, _mm_set1_epi8('a' - '9' - 1)));
}

/// Sixteen bytes to their 32 digits.
void hex_32(const char* bytes, char* out) {
  const __m128i all = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  const __m128i low_bits = _mm_set1_epi8(15);
  const __m128i high = digits_of(_mm_and_si128(_mm_srli_epi16(all, 4), low_bits));
  const __m128i low = digits_of(_mm_and_si128(all, low_bits));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_unpacklo_epi8(high, low));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16), _mm_unpackhi_epi8(high, low));
}

/// Sixteen digits to their eight bytes; which of them are digits at all.
template <HexCase kLetters>
__m128i unhex_16(const char* digits, char* out) {
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(digits));
  // With this bit set, only letters of either case become a to f.
  const __m128i folded = kLetters == HexCase::kAny ? _mm_or_si128(text, _mm_set1_epi8(0x20)) : text;
  const auto within = [](__m128i bytes, char low, char high) {
    return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(static_cast<char>(low - 1))),
                         _mm_cmplt_epi8(bytes, _mm_set1_epi8(static_cast<char>(high + 1))));
  };
  const __m128i letter = within(folded, 'a', 'f');
  const __m128i digit = _mm_or_si128(within(text, '0', '9'), letter);
  // The low four bits of a digit are its value, those of a letter its place in the alphabet.
  const __m128i values =
      _mm_add_epi8(_mm_and_si128(text, _mm_set1_epi8(15)), _mm_and_si128(letter, _mm_set1_epi8(9)));
  const __m128i pairs = _mm_or_si128(_mm_slli_epi16(_mm_and_si128(values, _mm_set1_epi16(255)), 4),
                                     _mm_srli_epi16(values, 8));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_packus_epi16(pairs, pairs));
  return digit;
}
#endif

template <HexCase kLetters>
bool unhex_all(std::string_view digits, char* out) {
  size_t i = 0;
#ifdef __SSE2__
  __m128i every = _mm_set1_epi8(-1);
  for (; i + 16 <= digits.size(); i += 16, out += 8) {
    every = _mm_and_si128(every, unhex_16<kLetters>(digits.data() + i, out));
  }
  if (_mm_movemask_epi8(every) != 0xFFFF) return false;
#endif
  const auto& values = kLetters == HexCase::kAny ? kAnyValues : kLowerValues;
  int all = 0;
  for (; i < digits.size(); i += 2) {
    const int high = values[static_cast<uint8_t>(digits[i])];
    const int low = values[static_cast<uint8_t>(digits[i + 1])];
    all |= high | low;
    *out++ = static_cast<char>(high * 16 + low);
  }
  return all >= 0;
}

}  // namespace

int hex_value(char digit) { return kAnyValues[static_cast<uint8_t>(digit)]; }

char* put_hex(char* at, std::string_view bytes) {
  size_t i = 0;
#ifdef __SSE2__
  for (; i + 16 <= bytes.size(); i += 16, at += 32) hex_32(bytes.data() + i, at);
#endif
  for (; i < bytes.size(); ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    *at++ = kHexDigits[byte >> 4];
    *at++ = kHexDigits[byte & 15];
  }
  return at;
}

bool unhex(std::string_view digits, HexCase letters, char* out) {
  DROVER_ASSERT(digits.size() % 2 == 0);
  return letters == HexCase::kLower ? unhex_all<HexCase::kLower>(digits, out)
                                    : unhex_all<HexCase::kAny>(digits, out);
}

}  // namespace drover
