#pragma once
// Looks for the rare byte in text that is nearly always clean, sixteen bytes at a time where the
// processor can (in long JSON texts 128, with AVX2): for the loops that pass over every byte of
// headers and bodies. What finds gives the place of the first such byte from `p` on, or `end`.

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <cstddef>
#include <cstring>

namespace drover {

#ifdef __SSE2__
namespace detail {
/// Ones in the places of those of 16 bytes that end or escape in a JSON string. A quote with its
/// bit 1 turned is the byte that follows the control characters: one comparison finds both.
inline __m128i json_special(__m128i v) {
  const __m128i above = _mm_subs_epu8(_mm_xor_si128(v, _mm_set1_epi8(2)), _mm_set1_epi8(0x20));
  const __m128i plain = _mm_min_epu8(above, _mm_xor_si128(v, _mm_set1_epi8('\\')));
  return _mm_cmpeq_epi8(plain, _mm_setzero_si128());
}
inline unsigned json_special_bits(__m128i v) {
  return static_cast<unsigned>(_mm_movemask_epi8(json_special(v)));
}
inline __m128i load16(const char* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
inline __m128i load8(const char* p) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)); }
/// For what has 8 to 15 bytes left: two looks, of which the last ends where the text does.
template <unsigned (*kBitsOf)(__m128i)>
inline const char* find_by_eight(const char* p, const char* end) {
  const char* last = end - 8;
  for (;; p = last) {
    const unsigned bits = kBitsOf(load8(p)) & 0xff;
    if (bits != 0) return p + __builtin_ctz(bits);
    if (p == last) return end;
  }
}
/// Bits of those of 16 bytes that are control characters but TAB.
inline unsigned control_bits(__m128i v) {
  const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
  const __m128i tab = _mm_cmpeq_epi8(v, _mm_set1_epi8('\t'));
  const __m128i del = _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del)));
}
/// All bits of those of 16 bytes that are not from `low` to `low + span`.
inline __m128i outside(__m128i v, char low, char span) {
  const __m128i shifted = _mm_sub_epi8(v, _mm_set1_epi8(low));
  const __m128i inside = _mm_cmpeq_epi8(_mm_min_epu8(shifted, _mm_set1_epi8(span)), shifted);
  return _mm_xor_si128(inside, _mm_set1_epi8(-1));
}
/// Bits of those of 16 bytes that are no digit.
inline unsigned not_digit_bits(const char* p) {
  return static_cast<unsigned>(_mm_movemask_epi8(outside(load16(p), '0', 9)));
}
/// Bits of those of 16 bytes that are no letter, no digit, no '-' and no '_'.
inline unsigned not_word_bits(__m128i v) {
  const __m128i letter = outside(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'a', 25);
  const __m128i other = _mm_andnot_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('-')), outside(v, '0', 9));
  return static_cast<unsigned>(_mm_movemask_epi8(
      _mm_andnot_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('_')), _mm_and_si128(letter, other))));
}
inline unsigned json_special_bits(const char* p) { return json_special_bits(load16(p)); }
const char* skip_ascii_blocks(const char* p, const char* end);
/// The same search once 16 bytes before `p` are known to be clean.
const char* find_json_special_far(const char* p, const char* end);
}  // namespace detail
#endif

/// A quote, a backslash or a control character below 0x20: what ends or escapes in a JSON string.
inline const char* find_json_special(const char* p, const char* end) {
#ifdef __SSE2__
  if (end - p >= 16) {  // most texts end within these
    if (unsigned bits = detail::json_special_bits(p)) return p + __builtin_ctz(bits);
    return detail::find_json_special_far(p + 16, end);
  }
  if (end - p >= 8)
    return detail::find_by_eight<detail::json_special_bits>(p, end);  // names of members are short
#endif
  while (p < end && *p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20) ++p;
  return p;
}

/// A place before which all is ASCII, in ASCII the end: what has to be looked at for UTF-8 begins
/// there.
inline const char* skip_ascii(const char* p, const char* end) {
#ifdef __SSE2__
  return detail::skip_ascii_blocks(p, end);
#else
  while (p < end && static_cast<unsigned char>(*p) < 0x80) ++p;
  return p;
#endif
}

/// Copies text that is short, looking on the way: false, and the copy worth nothing, if a byte of
/// it is one that find_json_special finds.
inline bool copy_json_clean(const char* p, size_t size, char* out) {
#ifdef __SSE2__
  // Parts that overlap, the last of them at the end, take any size without a loop over bytes.
  if (size >= 16) {
    const char* last = p + size - 16;
    __m128i special = detail::json_special(detail::load16(last));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + size - 16), detail::load16(last));
    for (; p < last; p += 16, out += 16) {
      const __m128i v = detail::load16(p);
      special = _mm_or_si128(special, detail::json_special(v));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), v);
    }
    return _mm_movemask_epi8(special) == 0;
  }
  if (size >= 8) {
    const __m128i first = detail::load8(p);
    const __m128i last = detail::load8(p + size - 8);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out), first);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out + size - 8), last);
    return detail::json_special_bits(_mm_unpacklo_epi64(first, last)) == 0;
  }
  if (size >= 4) {
    int first;
    int last;
    std::memcpy(&first, p, 4);
    std::memcpy(&last, p + size - 4, 4);
    std::memcpy(out, &first, 4);
    std::memcpy(out + size - 4, &last, 4);
    const __m128i v = _mm_unpacklo_epi32(_mm_cvtsi32_si128(first), _mm_cvtsi32_si128(last));
    return (detail::json_special_bits(v) & 0xff) == 0;
  }
#endif
  for (size_t i = 0; i < size; ++i) {
    if (p[i] == '"' || p[i] == '\\' || static_cast<unsigned char>(p[i]) < 0x20) return false;
    out[i] = p[i];
  }
  return true;
}

/// A control character but TAB (below 0x20, or 0x7f): what no header value may hold.
inline const char* find_control(const char* p, const char* end) {
#ifdef __SSE2__
  const char* begin = p;
  for (; end - p >= 16; p += 16) {
    const unsigned bits = detail::control_bits(detail::load16(p));
    if (bits != 0) return p + __builtin_ctz(bits);
  }
  if (p < end && end - begin >= 16) {
    // What is left is shorter: once more over the last sixteen, the first of which are known.
    const unsigned bits = detail::control_bits(detail::load16(end - 16));
    return bits == 0 ? end : end - 16 + __builtin_ctz(bits);
  }
  if (end - p >= 8)
    return detail::find_by_eight<detail::control_bits>(p, end);  // as many values are
#endif
  for (; p < end; ++p) {
    unsigned char c = static_cast<unsigned char>(*p);
    if ((c < 0x20 && c != '\t') || c == 0x7f) break;
  }
  return p;
}

/// What is no letter, no digit, no '-' and no '_': what ends a header's name of the usual kind.
inline const char* find_not_word(const char* p, const char* end) {
#ifdef __SSE2__
  for (; end - p >= 16; p += 16) {
    if (unsigned bits = detail::not_word_bits(detail::load16(p))) return p + __builtin_ctz(bits);
  }
  if (end - p >= 8)
    return detail::find_by_eight<detail::not_word_bits>(p, end);  // as most names are
#endif
  for (; p < end; ++p) {
    const char low = static_cast<char>(*p | 0x20);
    const bool word =
        (low >= 'a' && low <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_';
    if (!word) break;
  }
  return p;
}

/// What is no visible ASCII (from '!' to '~'): a space, a control character, a byte beyond ASCII.
inline const char* find_not_visible(const char* p, const char* end) {
#ifdef __SSE2__
  for (; end - p >= 16; p += 16) {
    const __m128i v = detail::load16(p);
    if (const int bits = _mm_movemask_epi8(detail::outside(v, '!', '~' - '!'))) {
      return p + __builtin_ctz(static_cast<unsigned>(bits));
    }
  }
#endif
  while (p < end && *p > ' ' && *p < 0x7f) ++p;
  return p;
}

}  // namespace drover
