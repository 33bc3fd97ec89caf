#pragma once
// Writes finished spans to the store: in batches, within limits::kSpanFlushInterval, one write at a
// time. Never waits: beyond limits::kSpanQueueMax spans are dropped and counted. A store that fails
// keeps its batch for the next try (while there is room) and is logged once per episode.
// Loop thread only. close() writes what is left; to be awaited before this goes.

#include <deque>
#include <memory>

#include "async/scope.h"
#include "base/limits/trace.h"
#include "trace/span.h"

namespace drover::trace {

class StoreSink final : public SpanSink {
 public:
  /// Both outlive this.
  StoreSink(async::Loop& loop, store::Spans& spans, size_t queue_max = limits::kSpanQueueMax);
  ~StoreSink() override;
  void emit(store::SpanRow span) override;
  async::Task<void> close();

  uint64_t written() const { return written_; }
  uint64_t dropped() const { return dropped_; }
  size_t queued() const { return queue_.size(); }

 private:
  void schedule(Duration after);
  async::Task<void> flush();
  async::Task<bool> write_batch();

  async::Loop& loop_;
  store::Spans& spans_;
  size_t queue_max_;
  async::Scope scope_;
  std::deque<store::SpanRow> queue_;
  async::Loop::TimerId timer_ = 0;
  bool flushing_ = false;
  bool failing_ = false;
  bool closed_ = false;
  uint64_t written_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace drover::trace
