#include "async/scope.h"

namespace drover::async {

// Always on: a task that outlives its scope would write to freed memory.
Scope::~Scope() { DROVER_ASSERT(running_ == 0); }

void Scope::spawn(Task<void> task) {
  ++running_;
  Task<void>::Handle handle = task.release();
  DROVER_DASSERT(handle);
  handle.promise().scope = this;
  handle.resume();
}

std::coroutine_handle<> detail::end_spawned(std::coroutine_handle<> frame, Scope& scope) noexcept {
  if (--scope.running_ == 0) scope.done_.wake_all();
  frame.destroy();  // the last: what it was given may hold what holds the scope
  return std::noop_coroutine();
}

Task<void> Scope::join() {
  Context quiet = context().detached();
  while (running_ > 0) {
    Wake wake = co_await done_.wait(quiet);
    (void)wake;
  }
}

}  // namespace drover::async
