#include "trace/store_sink.h"

#include "base/limits/trace.h"
#include "base/log.h"

namespace drover::trace {
namespace {

/// After a failed write: long enough not to hammer, short enough that a blip is not seen.
constexpr Duration kRetryPause = 1s;
/// What a close may take with a store that hangs.
constexpr Duration kCloseTimeout = 5s;

}  // namespace

StoreSink::StoreSink(async::Loop& loop, store::Spans& spans, size_t queue_max)
    : loop_(loop), spans_(spans), queue_max_(queue_max), scope_(async::Context(loop)) {}

StoreSink::~StoreSink() {
  if (timer_ != 0) loop_.cancel_timer(timer_);
}

void StoreSink::emit(const store::SpanFacts& span) {
  if (closed_ || queued_ >= queue_max_) {
    ++dropped_;
    return;
  }
  if (filling_ == nullptr) begin_batch();
  filling_->add(span);
  ++queued_;
  const bool full = filling_->full();
  if (full) filling_ = nullptr;
  // While one is written, its end sees to what came meanwhile.
  if (flushing_ || (timer_ != 0 && !full)) return;
  schedule(full && !failing_ ? Duration::zero() : Duration(limits::kSpanFlushInterval));
}

void StoreSink::begin_batch() {
  auto batch = std::make_shared<store::SpanBatch>();
  // About as much as last time. A batch that grows beyond its room is copied whole.
  batch->reserve(last_bytes_ + last_bytes_ / 4);
  filling_ = batch.get();
  batches_.push_back(std::move(batch));
}

void StoreSink::schedule(Duration after) {
  if (timer_ != 0) {
    if (after > Duration::zero()) return;
    loop_.cancel_timer(timer_);
  }
  timer_ = loop_.call_after(after, [this] {
    timer_ = 0;
    flushing_ = true;
    scope_.spawn(flush());
  });
}

async::Task<bool> StoreSink::write_batch() {
  std::shared_ptr<store::SpanBatch> batch = batches_.front();
  async::Context ctx = scope_.context().with_timeout(kCloseTimeout);
  if (filling_ == batch.get()) filling_ = nullptr;  // the store may be reading it from now on
  Result<void> wrote = co_await spans_.write(ctx, batch);
  if (!wrote) {
    if (!failing_) LOG_WARN("spans cannot be stored for now: {}", wrote.error().to_string());
    failing_ = true;
    co_return false;
  }
  batches_.pop_front();
  last_bytes_ = batch->bytes().size();
  queued_ -= batch->count();
  written_ += batch->count();
  if (failing_) LOG_INFO("spans are stored again; {} were dropped so far", dropped_);
  failing_ = false;
  co_return true;
}

async::Task<void> StoreSink::flush() {
  // What came while a batch was written has its own time: under load a store would otherwise be
  // given a few spans again and again.
  bool good = true;
  do {
    good = co_await write_batch();
  } while (good && !batches_.empty() && (closed_ || batches_.front()->full()));
  flushing_ = false;
  if (!batches_.empty() && !closed_) {
    schedule(good ? Duration(limits::kSpanFlushInterval) : kRetryPause);
  }
}

async::Task<void> StoreSink::close() {
  closed_ = true;
  if (timer_ != 0) loop_.cancel_timer(std::exchange(timer_, 0));
  co_await scope_.join();
  if (!batches_.empty()) co_await flush();
  dropped_ += queued_;
  queued_ = 0;
  filling_ = nullptr;
  batches_.clear();
}

}  // namespace drover::trace
