#include "async/context.h"

#include "base/assert.h"

namespace drover::async {

CancelState::CancelState(CancelPtr parent) : parent_(std::move(parent)) {
  hooks_.prev_ = hooks_.next_ = &hooks_;
  if (!parent_) return;
  if (!parent_->cancelled()) {
    parent_->add(*this);
    return;
  }
  cancelled_ = true;
  reason_ = parent_->reason();
}

CancelState::~CancelState() {
  // Whoever waits holds a context, and with it this state: nobody is left to be told.
  DROVER_DASSERT(hooks_.next_ == &hooks_);
  unlink();  // while the parent is still held
}

CancelPtr CancelState::make(CancelPtr parent) {
  return CancelPtr(new CancelState(std::move(parent)));
}

void CancelState::cancel(std::string reason) {
  if (cancelled_) return;
  // A hook may let go of the last reference.
  CancelPtr self(this);
  cancelled_ = true;
  reason_ = std::move(reason);
  // A hook may add or remove others: take them one at a time.
  while (hooks_.next_ != &hooks_) {
    CancelHook* hook = hooks_.next_;
    hook->unlink();
    hook->on_cancel();
  }
}

void CancelState::add(CancelHook& hook) {
  DROVER_DASSERT(!cancelled_ && !hook.linked());
  hook.prev_ = hooks_.prev_;
  hook.next_ = &hooks_;
  hooks_.prev_->next_ = &hook;
  hooks_.prev_ = &hook;
}

Duration Context::remaining() const {
  if (!has_deadline()) return Duration::max();
  Duration left = deadline_ - loop_->mono();
  return left < Duration::zero() ? Duration::zero() : left;
}

Result<void> Context::check() const {
  if (cancelled()) return fail(Code::kCancelled, cancel_->reason());
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

Context Context::with_cancel(CancelPtr state) const {
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
