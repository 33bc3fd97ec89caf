#include "base/json_quick.h"

namespace drover::detail {

// None of these is inline, which leaves those that read names small.

[[gnu::noinline]] const char* after_indent(const char* p, const char* end) {
#ifdef __SSE2__
  if (end - p < 16) return p;
  const __m128i v = load16(p);
  const __m128i space =
      _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\n')));
  return p + __builtin_ctz(~static_cast<unsigned>(_mm_movemask_epi8(space)));
#else
  return p;
#endif
}

[[gnu::noinline]] std::string_view longer_name(const char* from, const char* end) {
#ifdef __SSE2__
  const char* p = from + 16;
  // Together with bytes that are known, so that there is room for what is to follow too.
  constexpr ptrdiff_t kMore = 19;
  const ptrdiff_t known = end - p < kMore ? kMore - (end - p) : 0;
  const unsigned others = not_name_bits(p - known) >> known;
  if (others == 0) return {};
  p += __builtin_ctz(others);
  return {from, static_cast<size_t>(p - from)};
#else
  return {};
#endif
}

}  // namespace drover::detail
