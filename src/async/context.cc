#include "async/context.h"

namespace drover::async {

CancelState::CancelState(std::shared_ptr<CancelState> parent) : parent_(std::move(parent)) {
  if (parent_ == nullptr) return;
  if (parent_->cancelled()) {
    cancelled_ = true;
    reason_ = parent_->reason();
    return;
  }
  in_parent_ = parent_->add([this] {
    linked_ = false;
    cancel(parent_->reason());
  });
  linked_ = true;
}

CancelState::~CancelState() {
  if (linked_) parent_->remove(in_parent_);
}

void CancelState::cancel(std::string reason) {
  if (cancelled_) return;
  cancelled_ = true;
  reason_ = std::move(reason);
  // A callback may add or remove others: take them one at a time.
  while (!callbacks_.empty()) {
    Callback callback = std::move(callbacks_.front());
    callbacks_.pop_front();
    callback();
  }
}

CancelState::Handle CancelState::add(Callback callback) {
  return callbacks_.insert(callbacks_.end(), std::move(callback));
}

Duration Context::remaining() const {
  if (!has_deadline()) return Duration::max();
  Duration left = deadline_ - loop_->mono();
  return left < Duration::zero() ? Duration::zero() : left;
}

Result<void> Context::check() const {
  if (cancel_->cancelled()) return fail(Code::kCancelled, cancel_->reason());
  if (has_deadline() && loop_->mono() >= deadline_) {
    return fail(Code::kDeadlineExceeded, "the deadline has passed");
  }
  return {};
}

Context Context::with_timeout(Duration d) const {
  MonoTime now = loop_->mono();
  if (d >= kNoDeadline - now) return *this;
  return with_deadline(now + d);
}

Context Context::with_deadline(MonoTime t) const {
  Context out = *this;
  if (t < out.deadline_) out.deadline_ = t;
  return out;
}

Context Context::with_cancel(std::shared_ptr<CancelState> state) const {
  Context out = *this;
  out.cancel_ = std::move(state);
  return out;
}

Context Context::detached() const {
  Context out(*loop_);
  out.span_ = span_;
  return out;
}

Context Context::with_span(SpanContext span) const {
  Context out = *this;
  out.span_ = span;
  return out;
}

}  // namespace drover::async
