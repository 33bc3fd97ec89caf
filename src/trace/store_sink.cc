#include "trace/store_sink.h"

#include <iterator>

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

void StoreSink::emit(store::SpanRow span) {
  if (closed_ || queue_.size() >= queue_max_) {
    ++dropped_;
    return;
  }
  queue_.push_back(std::move(span));
  bool full = queue_.size() >= limits::kSpanBatchMax && !failing_;
  schedule(full ? Duration::zero() : Duration(limits::kSpanFlushInterval));
}

void StoreSink::schedule(Duration after) {
  if (flushing_) return;  // what came meanwhile is taken by the same flush
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
  size_t n = std::min(queue_.size(), limits::kSpanBatchMax);
  std::vector<store::SpanRow> batch(std::make_move_iterator(queue_.begin()),
                                    std::make_move_iterator(queue_.begin() + static_cast<long>(n)));
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<long>(n));
  // The store takes what it is given: a copy stays for the next try.
  std::vector<store::SpanRow> copy = batch;
  async::Context ctx = scope_.context().with_timeout(kCloseTimeout);
  Result<void> wrote = co_await spans_.write(ctx, std::move(batch));
  if (wrote) {
    written_ += n;
    if (failing_) LOG_INFO("spans are stored again; {} were dropped so far", dropped_);
    failing_ = false;
    co_return true;
  }
  if (!failing_) LOG_WARN("spans cannot be stored for now: {}", wrote.error().to_string());
  failing_ = true;
  size_t room = queue_max_ - std::min(queue_max_, queue_.size());
  size_t kept = std::min(room, copy.size());
  dropped_ += copy.size() - kept;
  queue_.insert(queue_.begin(), std::make_move_iterator(copy.end() - static_cast<long>(kept)),
                std::make_move_iterator(copy.end()));
  co_return false;
}

async::Task<void> StoreSink::flush() {
  bool good = true;
  while (good && !queue_.empty()) good = co_await write_batch();
  flushing_ = false;
  if (!queue_.empty() && !closed_) schedule(kRetryPause);
}

async::Task<void> StoreSink::close() {
  closed_ = true;
  if (timer_ != 0) loop_.cancel_timer(std::exchange(timer_, 0));
  co_await scope_.join();
  if (!queue_.empty()) co_await flush();
  dropped_ += queue_.size();
  queue_.clear();
}

}  // namespace drover::trace
