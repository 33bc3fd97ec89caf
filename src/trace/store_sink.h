#pragma once
// Writes finished spans to the store: in batches, within limits::kSpanFlushInterval, one write at a
// time. A span is packed into its batch as it comes, and a batch is never copied. Never waits:
// beyond limits::kSpanQueueMax spans are dropped and counted. A store that fails gets the same
// batch again, and is logged once per episode.
// Loop thread only. close() writes what is left; to be awaited before this goes.

#include <deque>
#include <memory>

#include "async/scope.h"
#include "base/limits/trace.h"
#include "store/span_batch.h"
#include "trace/span.h"

namespace drover::trace {

class StoreSink final : public SpanSink {
 public:
  /// Both outlive this.
  StoreSink(async::Loop& loop, store::Spans& spans, size_t queue_max = limits::kSpanQueueMax);
  ~StoreSink() override;
  void emit(const store::SpanFacts& span) override;
  async::Task<void> close();

  uint64_t written() const { return written_; }
  uint64_t dropped() const { return dropped_; }
  size_t queued() const { return queued_; }

 private:
  void begin_batch();
  void schedule(Duration after);
  async::Task<void> flush();
  async::Task<bool> write_batch();

  async::Loop& loop_;
  store::Spans& spans_;
  // What a span looks at, in one place.
  size_t queue_max_;
  size_t queued_ = 0;
  /// The last of the batches, as long as it takes what comes: it is not full, nor was it given to
  /// the store.
  store::SpanBatch* filling_ = nullptr;
  async::Loop::TimerId timer_ = 0;
  bool flushing_ = false;
  bool failing_ = false;
  bool closed_ = false;
  async::Scope scope_;
  /// The oldest first.
  std::deque<std::shared_ptr<store::SpanBatch>> batches_;
  size_t last_bytes_ = 0;  // of the batch that was written last: the next will be about as large
  uint64_t written_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace drover::trace
