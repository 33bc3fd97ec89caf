#pragma once
// The everyday waits, all under a Context and on one loop:
//   sleep_for(ctx, 5s)              waits; kDeadlineExceeded / kCancelled if the context ends first
//   OneShot<T>                      one value, set once, awaited by any number
//   Channel<T>                      bounded queue; send waits when full
//   Semaphore                       bounded concurrency, first come first served
//   run_blocking(ctx, pool, fn)     fn on a worker thread, the result back on the loop

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "async/context.h"
#include "async/task.h"
#include "async/wait.h"
#include "base/result.h"

namespace drover::async {

/// Waits d. An error only if ctx ends before.
Task<Result<void>> sleep_for(Context ctx, Duration d);

/// A value that arrives once. Must outlive its waiters (hold it in a shared_ptr if unsure).
template <typename T>
class OneShot {
 public:
  /// Only the first call counts; returns whether it was this one.
  bool set(T value) {
    if (value_) return false;
    value_.emplace(std::move(value));
    queue_.wake_all();
    return true;
  }
  bool ready() const { return value_.has_value(); }
  const T& peek() const { return *value_; }
  /// Moves the value out: for one waiter.
  Task<Result<T>> take(Context ctx) {
    while (!value_) {
      Wake wake = co_await queue_.wait(ctx);
      if (wake != Wake::kWoken && !value_) co_return fail(wake_error(wake, ctx));
    }
    co_return std::move(*value_);
  }
  /// Waits until it is set; for any number of waiters.
  Task<Result<void>> wait(Context ctx) {
    while (!value_) {
      Wake wake = co_await queue_.wait(ctx);
      if (wake != Wake::kWoken && !value_) co_return fail(wake_error(wake, ctx));
    }
    co_return Result<void>();
  }

 private:
  std::optional<T> value_;
  WaitQueue queue_;
};

/// Bounded first-in-first-out queue between tasks of one loop.
template <typename T>
class Channel {
 public:
  explicit Channel(size_t capacity) : capacity_(capacity) {}

  /// Waits for room. kFailedPrecondition once closed.
  Task<Result<void>> send(Context ctx, T value) {
    while (items_.size() >= capacity_ && !closed_) {
      Wake wake = co_await senders_.wait(ctx);
      if (wake != Wake::kWoken) co_return fail(wake_error(wake, ctx));
    }
    if (closed_) co_return fail(Code::kFailedPrecondition, "the channel is closed");
    items_.push_back(std::move(value));
    receivers_.wake_one();
    co_return Result<void>();
  }
  /// False when full or closed.
  bool try_send(T value) {
    if (closed_ || items_.size() >= capacity_) return false;
    items_.push_back(std::move(value));
    receivers_.wake_one();
    return true;
  }
  /// The next value; nullopt when closed and drained.
  Task<Result<std::optional<T>>> receive(Context ctx) {
    while (items_.empty() && !closed_) {
      Wake wake = co_await receivers_.wait(ctx);
      if (wake != Wake::kWoken && items_.empty()) co_return fail(wake_error(wake, ctx));
    }
    std::optional<T> out;
    if (!items_.empty()) {
      out.emplace(std::move(items_.front()));
      items_.pop_front();
      senders_.wake_one();
      // A wake is lost if its receiver was cancelled meanwhile: pass it on.
      if (!items_.empty()) receivers_.wake_one();
    }
    co_return out;
  }
  /// The next value if there is one now.
  std::optional<T> try_receive() {
    std::optional<T> out;
    if (items_.empty()) return out;
    out.emplace(std::move(items_.front()));
    items_.pop_front();
    senders_.wake_one();
    return out;
  }
  void close() {
    closed_ = true;
    receivers_.wake_all();
    senders_.wake_all();
  }
  bool closed() const { return closed_; }
  size_t size() const { return items_.size(); }

 private:
  size_t capacity_;
  std::deque<T> items_;
  bool closed_ = false;
  WaitQueue senders_;
  WaitQueue receivers_;
};

/// At most n holders at once. Must outlive its permits.
class Semaphore {
 public:
  explicit Semaphore(size_t n) : free_(n) {}

  class Permit {
   public:
    Permit() = default;
    explicit Permit(Semaphore* s) : owner_(s) {}
    Permit(Permit&& o) noexcept : owner_(std::exchange(o.owner_, nullptr)) {}
    Permit& operator=(Permit&& o) noexcept {
      release();
      owner_ = std::exchange(o.owner_, nullptr);
      return *this;
    }
    ~Permit() { release(); }
    void release() {
      if (owner_ != nullptr) std::exchange(owner_, nullptr)->put_back();
    }

   private:
    Semaphore* owner_ = nullptr;
  };

  Task<Result<Permit>> acquire(Context ctx);
  size_t available() const { return free_; }

 private:
  void put_back() {
    ++free_;
    queue_.wake_one();
  }
  size_t free_;
  WaitQueue queue_;
};

/// Where blocking work runs: threads in production, inline in simulation.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Any thread may call it.
  virtual void submit(std::function<void()> work) = 0;
};

/// Runs work at once on the caller's thread (simulation, tests).
class InlineExecutor final : public Executor {
 public:
  void submit(std::function<void()> work) override { work(); }
};

/// Runs fn (no arguments, returns non-void) on the executor; always waits for it, since it cannot
/// be interrupted. What fn captures must be safe to use on another thread.
template <typename F>
auto run_blocking(Context ctx, Executor& executor, F fn) -> Task<decltype(fn())> {
  using T = decltype(fn());
  auto slot = std::make_shared<OneShot<T>>();
  Loop* loop = &ctx.loop();
  auto shared_fn = std::make_shared<F>(std::move(fn));
  std::function<void()> work = [loop, slot, shared_fn] {
    auto value = std::make_shared<T>((*shared_fn)());
    loop->post([slot, value] { slot->set(std::move(*value)); });
  };
  executor.submit(std::move(work));
  Context quiet = ctx.detached();
  Result<T> out = co_await slot->take(quiet);
  DROVER_ASSERT(out.has_value());
  co_return std::move(*out);
}

}  // namespace drover::async
