#pragma once
// The one way to suspend: a Waiter is one suspended coroutine that is woken exactly once, by an
// event, by its context's deadline, or by its cancellation. Everything that waits (OneShot,
// Channel, Semaphore, sleep, sockets) is built on it.
//
//   WaitQueue queue;                              // owned by the thing waited for
//   Wake w = co_await queue.wait(ctx);            // kWoken, kDeadline or kCancelled
//   queue.wake_one();
//
// The context is only referred to: it must live as long as the waiter, as a coroutine's own does,
// and as one does that is made in the same expression.
//
// Loop thread only. A waiter that is destroyed while suspended unlinks itself.

#include <coroutine>

#include "async/context.h"
#include "base/result.h"

namespace drover::async {

enum class Wake : uint8_t { kPending, kWoken, kDeadline, kCancelled };

/// The error for a wake that was not kWoken.
Error wake_error(Wake wake, const Context& ctx);

class WaitQueue;

class Waiter final : private CancelHook, private Turn {
 public:
  Waiter(WaitQueue* queue, const Context& ctx) : queue_(queue), ctx_(ctx) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter();

  bool await_ready();
  void await_suspend(std::coroutine_handle<> h);
  Wake await_resume() const { return wake_; }

 private:
  friend class WaitQueue;
  void on_cancel() override { finish(Wake::kCancelled); }
  /// The deadline.
  void on_turn() override {
    timer_ = 0;
    finish(Wake::kDeadline);
  }
  void finish(Wake wake);
  void disarm();

  WaitQueue* queue_;
  const Context& ctx_;
  std::coroutine_handle<> handle_;
  Wake wake_ = Wake::kPending;
  bool queued_ = false;
  Waiter* prev_ = nullptr;
  Waiter* next_ = nullptr;
  Loop::TimerId timer_ = 0;
};

/// First in, first out.
class WaitQueue {
 public:
  WaitQueue() = default;
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;
  ~WaitQueue();

  Waiter wait(const Context& ctx) { return Waiter(this, ctx); }
  /// True if somebody was waiting.
  bool wake_one();
  void wake_all();
  bool empty() const { return head_ == nullptr; }

 private:
  friend class Waiter;
  void link(Waiter* w);
  void unlink(Waiter* w);
  Waiter* head_ = nullptr;
  Waiter* tail_ = nullptr;
};

}  // namespace drover::async
