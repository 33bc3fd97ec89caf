#include "store/memory/memory_spans.h"

#include <map>

#include "base/limits/store.h"
#include "store/span_batch.h"

namespace drover::store {
namespace {

/// The rows that match, by start; equal starts in order of writing.
template <typename Matches>
std::vector<SpanRow> in_order(const std::deque<SpanRow>& rows, Matches matches) {
  std::multimap<WallTime, const SpanRow*> sorted;
  for (const SpanRow& row : rows) {
    if (matches(row)) sorted.emplace(row.start, &row);
  }
  std::vector<SpanRow> out;
  for (const auto& [start, row] : sorted) {
    if (out.size() == limits::kSpansPerAnswerMax) break;
    out.push_back(*row);
  }
  return out;
}

}  // namespace

size_t MemorySpans::prune_at(WallTime now, size_t slice) {
  size_t gone = 0;
  while (gone < slice && !spans_.empty() &&
         (spans_.size() > limits_.count_max || spans_.front().start < now - limits_.age_max)) {
    spans_.pop_front();
    ++gone;
  }
  return gone;
}

Task<Result<void>> MemorySpans::write(Context ctx, std::shared_ptr<const SpanBatch> batch) {
  CO_TRY_VOID(disk_.admit());
  const size_t slice = batch->count() + limits::kSpanPruneSlice;
  std::vector<SpanRow> rows;
  CO_TRY_VOID(read_spans(batch->bytes(), SpanQuery(), rows));
  for (SpanRow& row : rows) spans_.push_back(std::move(row));
  prune_at(ctx.loop().wall(), slice);
  // Spans are no truth: a crash of the pretended disk does not take them back.
  std::function<void()> nothing = [] {};
  co_return co_await disk_.commit(ctx, std::move(nothing));
}

Task<Result<std::vector<SpanRow>>> MemorySpans::by_trace(Context ctx, std::string trace_id_hex) {
  co_return in_order(
      spans_, [&](const SpanRow& row) { return row.context.trace_id_hex() == trace_id_hex; });
}

Task<Result<std::vector<SpanRow>>> MemorySpans::by_session(Context ctx, SessionId session) {
  co_return in_order(spans_, [&](const SpanRow& row) {
    return !row.session.empty() && row.session == session.str();
  });
}

Task<Result<void>> MemorySpans::remove_of(Context ctx, SessionId session) {
  CO_TRY_VOID(disk_.admit());
  std::erase_if(spans_, [&](const SpanRow& row) { return row.session == session.str(); });
  std::function<void()> nothing = [] {};
  co_return co_await disk_.commit(ctx, std::move(nothing));
}

Task<Result<size_t>> MemorySpans::prune(Context ctx) {
  co_return prune_at(ctx.loop().wall(), limits::kSpanPruneSlice);
}

}  // namespace drover::store
