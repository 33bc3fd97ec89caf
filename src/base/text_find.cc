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

__attribute__((target("avx2"))) inline __m256i special_of_32(const char* p) {
  const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i control = _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v);
  const __m256i quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
  const __m256i slash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
  return _mm256_or_si256(_mm256_or_si256(quote, slash), control);
}

__attribute__((target("avx2"))) inline unsigned bits_of_32(__m256i special) {
  return static_cast<unsigned>(_mm256_movemask_epi8(special));
}

/// For what has at least 64 bytes left: two times 32 at once, which is what long texts are read by.
__attribute__((target("avx2"))) const char* find_by_sixty_four(const char* p, const char* end) {
  while (p < end) {
    if (end - p < 64) p = end - 64;
    const __m256i low = special_of_32(p);
    const __m256i high = special_of_32(p + 32);
    if (bits_of_32(_mm256_or_si256(low, high)) != 0) {
      if (unsigned bits = bits_of_32(low)) return p + __builtin_ctz(bits);
      return p + 32 + __builtin_ctz(bits_of_32(high));
    }
    p += 64;
  }
  return end;
}

}  // namespace

const char* find_json_special_far(const char* p, const char* end) {
  if (end - p >= 64 && __builtin_cpu_supports("avx2")) return find_by_sixty_four(p, end);
  return find_by_sixteen(p, end);
}

}  // namespace drover::detail

#endif
