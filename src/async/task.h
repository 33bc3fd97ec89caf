#pragma once
// Task<T>: a lazy coroutine with one awaiter. Nothing runs until it is awaited (or given to a
// Scope); it resumes its awaiter when it ends. There is no detached task: who wants concurrency
// takes a Scope (scope.h). Tasks are loop-affine: start, resume and destroy them on one loop.
// An exception that leaves a task ends the process: errors are Results.

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/memory_pool.h"

namespace drover::async {

/// Asks for the beginning of a frame that is about to be gone on with: where others took their turn
/// since, the second cache has it at best.
inline void fetch_frame(const void* frame) {
  constexpr size_t kBytes = 384;
  constexpr size_t kLine = 64;
  for (size_t at = 0; at < kBytes; at += kLine) {
    __builtin_prefetch(static_cast<const char*>(frame) + at);
  }
}

template <typename T>
class [[nodiscard]] Task;
class Scope;

namespace detail {

struct PromiseBase : Pooled {
  std::coroutine_handle<> continuation = std::noop_coroutine();

  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> h) noexcept {
      return h.promise().continuation;
    }
    void await_resume() noexcept {}
  };

  std::suspend_always initial_suspend() noexcept { return {}; }
  FinalAwaiter final_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
};

/// A coroutine that runs at once and owns itself. For loops and scopes only.
struct Detached {
  struct promise_type : Pooled {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
  };
};

/// Ends a frame, out of the compiler's sight on purpose: clang would otherwise fold the frame of an
/// awaited coroutine into its caller's, once for each place that awaits one, and a call that waits
/// for its model would hold the frames of all that it might still do. With pooled frames that saves
/// nothing and costs kilobytes a stream.
[[gnu::noinline]] inline void end_frame(std::coroutine_handle<> frame) { frame.destroy(); }

/// The same for a task that has ended in its scope, which is told; gives what goes on: nobody.
std::coroutine_handle<> end_spawned(std::coroutine_handle<> frame, Scope& scope) noexcept;

template <typename T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <typename U>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
  T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  /// Of a task that a scope has taken: it has no awaiter, and its frame goes when it ends.
  Scope* scope = nullptr;

  struct FinalAwaiter : PromiseBase::FinalAwaiter {
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> h) noexcept {
      const Promise& ended = h.promise();
      return ended.scope == nullptr ? ended.continuation : end_spawned(h, *ended.scope);
    }
  };
  FinalAwaiter final_suspend() noexcept { return {}; }
  Task<void> get_return_object();
  void return_void() noexcept {}
  void take() noexcept {}
};

}  // namespace detail

template <typename T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle h) : handle_(h) {}
  Task(Task&& o) noexcept : handle_(std::exchange(o.handle_, nullptr)) {}
  Task& operator=(Task&& o) noexcept {
    if (this != &o) {
      if (handle_) detail::end_frame(handle_);
      handle_ = std::exchange(o.handle_, nullptr);
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (handle_) detail::end_frame(handle_);
  }
  /// For a scope, which sees to its end.
  Handle release() { return std::exchange(handle_, nullptr); }

  struct Awaiter {
    Handle handle;
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
      handle.promise().continuation = awaiting;
      return handle;
    }
    T await_resume() { return handle.promise().take(); }
  };
  Awaiter operator co_await() && noexcept {
    DROVER_DASSERT(handle_);
    return Awaiter{handle_};
  }

 private:
  Handle handle_ = nullptr;
};

namespace detail {
template <typename T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}
}  // namespace detail

}  // namespace drover::async
