#include "base/text_find.h"

#ifdef __SSE2__

#include <immintrin.h>

namespace drover::detail {
namespace {

// What is left over at the end is looked at together with bytes before it, which are clean.

const char* find_by_sixteen(const char* p, const char* end) {
  while (p < end) {
    if (end - p < 16) p = end - 16;
    if (unsigned bits = json_special_bits(p)) return p + __builtin_ctz(bits);
    p += 16;
  }
  return end;
}

__attribute__((target("avx2"))) inline __m256i load32(const char* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

/// Bits of what ends or escapes in a JSON string, as json_special(): `turned` is the bytes with
/// their bit 1 turned, or of several blocks the least of them, `slash` where there is a backslash.
__attribute__((target("avx2"))) inline unsigned special_bits(__m256i turned, __m256i slash) {
  const __m256i quote = _mm256_cmpeq_epi8(_mm256_min_epu8(turned, _mm256_set1_epi8(0x20)), turned);
  return static_cast<unsigned>(_mm256_movemask_epi8(_mm256_or_si256(quote, slash)));
}
__attribute__((target("avx2"))) inline __m256i turned(const char* p) {
  return _mm256_xor_si256(load32(p), _mm256_set1_epi8(2));
}
__attribute__((target("avx2"))) inline __m256i slash(const char* p) {
  return _mm256_cmpeq_epi8(load32(p), _mm256_set1_epi8('\\'));
}

/// For what has at least 32 bytes left. Short texts end within these; long ones are read by four
/// times 32 at once until the 128 in which it is.
__attribute__((target("avx2"))) const char* find_by_many(const char* p, const char* end) {
  if (unsigned bits = special_bits(turned(p), slash(p))) return p + __builtin_ctz(bits);
  for (p += 32; end - p >= 128; p += 128) {
    const __m256i least = _mm256_min_epu8(_mm256_min_epu8(turned(p), turned(p + 32)),
                                          _mm256_min_epu8(turned(p + 64), turned(p + 96)));
    const __m256i any = _mm256_or_si256(_mm256_or_si256(slash(p), slash(p + 32)),
                                        _mm256_or_si256(slash(p + 64), slash(p + 96)));
    if (special_bits(least, any) != 0) break;
  }
  while (p < end) {
    if (end - p < 32) p = end - 32;
    if (unsigned bits = special_bits(turned(p), slash(p))) return p + __builtin_ctz(bits);
    p += 32;
  }
  return end;
}

__attribute__((target("avx2"))) const char* skip_ascii_by_many(const char* p, const char* end) {
  for (; end - p >= 128; p += 128) {
    const __m256i low = _mm256_or_si256(load32(p), load32(p + 32));
    const __m256i high = _mm256_or_si256(load32(p + 64), load32(p + 96));
    if (_mm256_movemask_epi8(_mm256_or_si256(low, high)) != 0) return p;
  }
  return p;
}

}  // namespace

const char* find_json_special_far(const char* p, const char* end) {
  if (end - p >= 32 && __builtin_cpu_supports("avx2")) return find_by_many(p, end);
  return find_by_sixteen(p, end);
}

const char* skip_ascii_blocks(const char* p, const char* end) {
  const char* begin = p;
  if (end - p >= 128 && __builtin_cpu_supports("avx2")) p = skip_ascii_by_many(p, end);
  for (; end - p >= 16; p += 16) {
    if (_mm_movemask_epi8(load16(p)) != 0) return p;
  }
  if (end - begin >= 16) return _mm_movemask_epi8(load16(end - 16)) == 0 ? end : p;
  while (p < end && static_cast<unsigned char>(*p) < 0x80) ++p;
  return p;
}

}  // namespace drover::detail

#endif
