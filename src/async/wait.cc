#include "async/wait.h"

namespace drover::async {

Error wake_error(Wake wake, const Context& ctx) {
  if (wake == Wake::kCancelled) return Error(Code::kCancelled, ctx.cancel_state()->reason());
  return Error(Code::kDeadlineExceeded, "the deadline has passed");
}

Waiter::~Waiter() {
  disarm();
  if (queued_) queue_->unlink(this);
}

bool Waiter::await_ready() {
  if (ctx_.cancelled()) {
    wake_ = Wake::kCancelled;
  } else if (ctx_.has_deadline() && ctx_.loop().mono() >= ctx_.deadline()) {
    wake_ = Wake::kDeadline;
  }
  return wake_ != Wake::kPending;
}

void Waiter::await_suspend(std::coroutine_handle<> h) {
  handle_ = h;
  if (queue_ != nullptr) queue_->link(this);
  if (ctx_.has_deadline()) timer_ = ctx_.loop().turn_at(ctx_.deadline(), *this);
  if (const CancelPtr& cancel = ctx_.cancel_state()) cancel->add(*this);
}

void Waiter::disarm() {
  if (timer_ != 0) ctx_.loop().cancel_timer(std::exchange(timer_, 0));
  unlink();
}

void Waiter::finish(Wake wake) {
  if (wake_ != Wake::kPending) return;
  wake_ = wake;
  disarm();
  if (queued_) queue_->unlink(this);
  // Through the loop's queue: the waker's stack stays shallow and its state is settled first.
  ctx_.loop().resume_soon(handle_);
}

WaitQueue::~WaitQueue() {
  while (head_ != nullptr) unlink(head_);
}

void WaitQueue::link(Waiter* w) {
  w->queued_ = true;
  w->prev_ = tail_;
  w->next_ = nullptr;
  (tail_ == nullptr ? head_ : tail_->next_) = w;
  tail_ = w;
}

void WaitQueue::unlink(Waiter* w) {
  (w->prev_ == nullptr ? head_ : w->prev_->next_) = w->next_;
  (w->next_ == nullptr ? tail_ : w->next_->prev_) = w->prev_;
  w->queued_ = false;
  w->prev_ = w->next_ = nullptr;
}

bool WaitQueue::wake_one() {
  if (head_ == nullptr) return false;
  head_->finish(Wake::kWoken);
  return true;
}

void WaitQueue::wake_all() {
  while (wake_one()) {
  }
}

}  // namespace drover::async
