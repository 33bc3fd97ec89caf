#pragma once
// Context: the first argument of everything that waits. It carries the loop, a deadline, a
// cancellation and the span; a child never outlives or outlasts its parent. Cheap to copy.
//
// A wait under a context ends with kDeadlineExceeded or kCancelled when the context does.
// Loop thread only.

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "async/loop.h"
#include "base/result.h"
#include "base/span.h"

namespace drover::async {

/// A node of the cancellation tree. Use through Context and CancelSource.
class CancelState {
 public:
  using Callback = std::function<void()>;
  using Handle = std::list<Callback>::iterator;

  explicit CancelState(std::shared_ptr<CancelState> parent);
  ~CancelState();
  CancelState(const CancelState&) = delete;
  CancelState& operator=(const CancelState&) = delete;

  bool cancelled() const { return cancelled_; }
  const std::string& reason() const { return reason_; }
  void cancel(std::string reason);
  /// Precondition: not cancelled. The callback runs at most once.
  Handle add(Callback callback);
  void remove(Handle handle) { callbacks_.erase(handle); }

 private:
  std::shared_ptr<CancelState> parent_;
  Handle in_parent_;
  bool linked_ = false;
  bool cancelled_ = false;
  std::string reason_;
  std::list<Callback> callbacks_;
};

class Context {
 public:
  static constexpr MonoTime kNoDeadline = MonoTime::max();

  explicit Context(Loop& loop) : loop_(&loop), cancel_(std::make_shared<CancelState>(nullptr)) {}

  Loop& loop() const { return *loop_; }
  MonoTime deadline() const { return deadline_; }
  bool has_deadline() const { return deadline_ != kNoDeadline; }
  /// Time left; zero when passed, Duration::max() without a deadline.
  Duration remaining() const;
  bool cancelled() const { return cancel_->cancelled(); }
  /// The error a wait would end with now, if the context is over.
  Result<void> check() const;

  /// The same, ending at the latest after d (never later than the parent).
  Context with_timeout(Duration d) const;
  Context with_deadline(MonoTime t) const;
  /// The same deadline and span under a cancellation of its own (see CancelSource).
  Context with_cancel(std::shared_ptr<CancelState> state) const;
  /// Free of the caller's deadline and cancellation: for bounded clean-up that must finish.
  Context detached() const;

  const SpanContext& span() const { return span_; }
  Context with_span(SpanContext span) const;

  const std::shared_ptr<CancelState>& cancel_state() const { return cancel_; }

 private:
  Loop* loop_;
  MonoTime deadline_ = kNoDeadline;
  std::shared_ptr<CancelState> cancel_;
  SpanContext span_;
};

/// Owns a cancellable child of a context; cancels nothing when it goes.
class CancelSource {
 public:
  explicit CancelSource(const Context& parent)
      : state_(std::make_shared<CancelState>(parent.cancel_state())),
        context_(parent.with_cancel(state_)) {}
  const Context& context() const { return context_; }
  void cancel(std::string reason = "cancelled") { state_->cancel(std::move(reason)); }
  bool cancelled() const { return state_->cancelled(); }

 private:
  std::shared_ptr<CancelState> state_;
  Context context_;
};

}  // namespace drover::async
