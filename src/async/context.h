#pragma once
// Context: the first argument of everything that waits. It carries the loop, a deadline, a
// cancellation and the span; a child never outlives or outlasts its parent. Cheap to copy.
//
// A wait under a context ends with kDeadlineExceeded or kCancelled when the context does.
// Loop thread only.

#include <cstdint>
#include <string>
#include <utility>

#include "async/loop.h"
#include "base/memory_pool.h"
#include "base/result.h"
#include "base/span.h"

namespace drover::async {

/// Something that is told when a cancellation comes; linked into one CancelState at a time, and out
/// of it by its own end. Intrusive, so that a wait registers without an allocation.
class CancelHook {
 public:
  CancelHook() = default;
  CancelHook(const CancelHook&) = delete;
  CancelHook& operator=(const CancelHook&) = delete;
  bool linked() const { return prev_ != nullptr; }
  void unlink();

 protected:
  ~CancelHook() { unlink(); }

 private:
  friend class CancelState;
  /// Called at most once a link, when it is already taken out.
  virtual void on_cancel() = 0;
  CancelHook* prev_ = nullptr;
  CancelHook* next_ = nullptr;
};

class CancelState;

/// Shares a CancelState. Counts without atomics: a context is copied some fifty times in a gateway
/// call, by one thread only.
class CancelPtr {
 public:
  CancelPtr() = default;
  /// Takes over a new state.
  explicit CancelPtr(CancelState* state);
  CancelPtr(const CancelPtr& o);
  CancelPtr(CancelPtr&& o) noexcept : state_(std::exchange(o.state_, nullptr)) {}
  CancelPtr& operator=(CancelPtr o) noexcept {
    std::swap(state_, o.state_);
    return *this;
  }
  ~CancelPtr();
  CancelState* operator->() const { return state_; }
  CancelState& operator*() const { return *state_; }
  explicit operator bool() const { return state_ != nullptr; }

 private:
  CancelState* state_ = nullptr;
};

/// A node of the cancellation tree. Use through Context and CancelSource.
class CancelState final : public Pooled, private CancelHook {
 public:
  /// Without a parent: a root.
  static CancelPtr make(CancelPtr parent);
  CancelState(const CancelState&) = delete;
  CancelState& operator=(const CancelState&) = delete;
  ~CancelState();

  bool cancelled() const { return cancelled_; }
  const std::string& reason() const { return reason_; }
  void cancel(std::string reason);
  /// Precondition: not cancelled, and the hook is linked nowhere.
  void add(CancelHook& hook);

 private:
  friend class CancelPtr;
  /// The ring's head: never told anything.
  struct Head final : CancelHook {
    void on_cancel() override {}
  };
  explicit CancelState(CancelPtr parent);
  void on_cancel() override { cancel(parent_->reason()); }

  // All but the reason is one line of the cache.
  uint32_t owners_ = 0;
  bool cancelled_ = false;
  CancelPtr parent_;
  Head hooks_;
  std::string reason_;
};

inline void CancelHook::unlink() {
  if (prev_ == nullptr) return;
  prev_->next_ = next_;
  next_->prev_ = prev_;
  prev_ = next_ = nullptr;
}

inline CancelPtr::CancelPtr(CancelState* state) : state_(state) { ++state_->owners_; }
inline CancelPtr::CancelPtr(const CancelPtr& o) : state_(o.state_) {
  if (state_ != nullptr) ++state_->owners_;
}
inline CancelPtr::~CancelPtr() {
  if (state_ != nullptr && --state_->owners_ == 0) delete state_;
}

class Context {
 public:
  static constexpr MonoTime kNoDeadline = MonoTime::max();

  /// Nothing cancels it, and it ends with no deadline.
  explicit Context(Loop& loop) : loop_(&loop) {}

  Loop& loop() const { return *loop_; }
  MonoTime deadline() const { return deadline_; }
  bool has_deadline() const { return deadline_ != kNoDeadline; }
  /// Time left; zero when passed, Duration::max() without a deadline.
  Duration remaining() const;
  bool cancelled() const { return cancel_ && cancel_->cancelled(); }
  /// The error a wait would end with now, if the context is over.
  Result<void> check() const;

  /// The same, ending at the latest after d (never later than the parent).
  Context with_timeout(Duration d) const;
  Context with_deadline(MonoTime t) const;
  /// The same deadline and span under a cancellation of its own (see CancelSource).
  Context with_cancel(CancelPtr state) const;
  /// Free of the caller's deadline and cancellation: for bounded clean-up that must finish.
  Context detached() const;

  const SpanContext& span() const { return span_; }
  Context with_span(SpanContext span) const;

  /// None where nothing can cancel it.
  const CancelPtr& cancel_state() const { return cancel_; }

 private:
  // The span's 25 bytes stand before something else, so that a copy takes the gap behind them too.
  // At the end they would be copied in two pieces that overlap, and a processor hands on no store
  // to a load that needs bytes of two: each copy of a copy would wait for the first cache. The
  // deadline, which is written alone, stands apart for the same reason.
  SpanContext span_;
  Loop* loop_;
  CancelPtr cancel_;
  MonoTime deadline_ = kNoDeadline;
};

/// Owns a cancellable child of a context; cancels nothing when it goes.
class CancelSource {
 public:
  explicit CancelSource(const Context& parent)
      : state_(CancelState::make(parent.cancel_state())), context_(parent.with_cancel(state_)) {}
  const Context& context() const { return context_; }
  void cancel(std::string reason = "cancelled") { state_->cancel(std::move(reason)); }
  bool cancelled() const { return state_->cancelled(); }

 private:
  CancelPtr state_;
  Context context_;
};

}  // namespace drover::async
