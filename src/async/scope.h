#pragma once
// Scope: structured concurrency. Tasks spawned in a scope run side by side on the loop; join()
// waits for all. A scope must be joined before it goes: no task outlives the block that made it.
//
//   Scope scope(ctx);
//   scope.spawn(pump(scope.context(), upstream));
//   ... scope.cancel("client gone");
//   co_await scope.join();

#include <string>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "async/wait.h"

namespace drover::async {

class Scope {
 public:
  explicit Scope(const Context& parent) : source_(parent) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope();

  /// The context for spawned tasks: ends with the parent's, or by cancel().
  const Context& context() const { return source_.context(); }
  /// Starts the task now, up to its first wait.
  void spawn(Task<void> task);
  void cancel(std::string reason = "cancelled") { source_.cancel(std::move(reason)); }
  /// Waits until every task has ended; not interruptible (cancel first to hurry).
  Task<void> join();
  size_t running() const { return running_; }

 private:
  friend std::coroutine_handle<> detail::end_spawned(std::coroutine_handle<> frame,
                                                     Scope& scope) noexcept;
  CancelSource source_;
  size_t running_ = 0;
  WaitQueue done_;
};

/// Awaits all tasks side by side; the results in the order given.
template <typename T>
Task<std::vector<T>> when_all(Context ctx, std::vector<Task<T>> tasks);

namespace detail {
template <typename T>
Task<void> fill_slot(Task<T> task, std::optional<T>* slot) {
  slot->emplace(co_await std::move(task));
}
}  // namespace detail

template <typename T>
Task<std::vector<T>> when_all(Context ctx, std::vector<Task<T>> tasks) {
  std::vector<std::optional<T>> slots(tasks.size());
  Scope scope(ctx);
  for (size_t i = 0; i < tasks.size(); ++i) {
    scope.spawn(detail::fill_slot<T>(std::move(tasks[i]), &slots[i]));
  }
  co_await scope.join();
  std::vector<T> out;
  out.reserve(slots.size());
  for (auto& slot : slots) out.push_back(std::move(*slot));
  co_return out;
}

}  // namespace drover::async
