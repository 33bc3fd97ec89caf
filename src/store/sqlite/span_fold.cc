#include "store/sqlite/span_fold.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/crc32c.h"
#include "store/span_batch.h"
#include "store/span_bytes.h"

namespace drover::store::sqlite {
namespace {

constexpr size_t kTraceBytes = sizeof(SpanContext::trace_id);
constexpr size_t kWord = sizeof(uint64_t);
/// So many bytes in common are looked for at least: more than the two lengths around them take, so
/// that nothing grows by them, and enough that looking at every word finds them all.
constexpr size_t kCommonBytesMin = 2 * kWord;
static_assert(kCommonBytesMin > 2 * kTextHeadMax);
/// What a folded span takes at most beside its bytes: its length, that of the way to the other, and
/// one more than those that are made up for.
constexpr size_t kFoldBytesMax = sizeof(uint32_t) + 2 * kTextHeadMax;

struct Earlier {
  std::string_view span;
  size_t name_at = 0;
  size_t number = 0;
};

bool same_word(std::string_view a, std::string_view b, size_t at) {
  return std::memcmp(a.data() + at, b.data() + at, kWord) == 0;
}

/// Writes what of the span lies behind its first `own` bytes: pieces of its own, and between them
/// the lengths of those that stand at the same place in the other. Looks from `at` on, and back
/// from there.
void put_difference(SpanPutter& out, std::string_view span, std::string_view other, size_t own,
                    size_t at) {
  const size_t end = std::min(span.size(), other.size());
  while (at + kWord <= end) {
    if (!same_word(span, other, at)) {
      at += kWord;
      continue;
    }
    size_t begin = at;
    while (begin > own && span[begin - 1] == other[begin - 1]) --begin;
    for (at += kWord; at + kWord <= end && same_word(span, other, at);) at += kWord;
    while (at < end && span[at] == other[at]) ++at;
    if (at - begin < kCommonBytesMin) continue;
    out.text(span.substr(own, begin - own));
    out.length(at - begin);
    own = at;
  }
  out.text(span.substr(own));
}

struct Place {
  size_t at = 0;
  size_t size = 0;
};

/// Appends what is missing of a span that begins in `out`; it is too short or too long where the
/// bytes do not add up.
void take_difference(SpanTaker& in, const Place& span, const Place& other, std::string& out) {
  const size_t end = std::min(span.size, other.size);
  for (;;) {
    out += in.text();
    const size_t done = out.size() - span.at;
    if (in.failed() || done >= span.size) return;
    const size_t common = in.length();
    if (done > end || common > end - done) return in.fail();
    out.append(out, other.at + done, common);
  }
}

}  // namespace

RawBytes fold_spans(const SpanBatch& batch) {
  RawBytes out;
  out.reserve(batch.bytes().size());
  std::array<Earlier, 64> last{};  // by their names; of those that share a place, the last
  size_t number = 0;
  std::string_view trace;
  for (SpanTaker in(batch.bytes()); !in.empty();) {
    const std::string_view span = in.bytes(in.number<uint32_t>());
    const std::string_view rest = from_name_on(span);
    const Earlier now{span, span.size() - rest.size(), ++number};
    Earlier& before = last[crc32c(SpanTaker(rest).text()) % last.size()];

    char* const begin = out.extend(span.size() + kFoldBytesMax);
    SpanPutter put(begin);
    put.number(static_cast<uint32_t>(span.size()));
    const bool same_trace = span.starts_with(trace) && number > 1;
    const size_t own = same_trace ? kTraceBytes : 0;
    if (before.number != 0 && before.name_at == now.name_at) {
      put.length(2 * (number - before.number) + same_trace);
      put_difference(put, span, before.span, own, now.name_at);
    } else {
      put.length(same_trace);
      put.bytes(span.data() + own, span.size() - own);
    }
    out.cut(static_cast<size_t>(put.at() - out.view().data()));
    before = now;
    trace = span.substr(0, kTraceBytes);
  }
  return out;
}

Result<std::string> unfold_spans(std::string_view folded, size_t bytes_max) {
  std::string out;
  std::vector<Place> places;
  for (SpanTaker in(folded); !in.empty();) {
    const std::string_view size_bytes = in.bytes(sizeof(uint32_t));
    const size_t size = SpanTaker(size_bytes).number<uint32_t>();
    const size_t alike = in.length();
    const size_t back = alike / 2;
    const bool same_trace = alike % 2 != 0;
    out += size_bytes;
    const Place place{out.size(), size};
    if (in.failed() || size == 0 || back > places.size() || place.at + size > bytes_max) {
      return damaged_spans();
    }
    if (same_trace) {
      if (places.empty() || std::min(size, places.back().size) < kTraceBytes) {
        return damaged_spans();
      }
      out.append(out, places.back().at, kTraceBytes);
    }
    if (back == 0) {
      out += in.bytes(size - (out.size() - place.at));
    } else {
      take_difference(in, place, places[places.size() - back], out);
    }
    if (in.failed() || out.size() != place.at + size) return damaged_spans();
    places.push_back(place);
  }
  return out;
}

}  // namespace drover::store::sqlite
