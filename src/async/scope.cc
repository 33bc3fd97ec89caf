#include "async/scope.h"

namespace drover::async {

// Always on: a task that outlives its scope would write to freed memory.
Scope::~Scope() { DROVER_ASSERT(running_ == 0); }

detail::Detached Scope::drive(Scope* self, Task<void> task) {
  co_await std::move(task);
  if (--self->running_ == 0) self->done_.wake_all();
}

void Scope::spawn(Task<void> task) {
  ++running_;
  drive(this, std::move(task));
}

Task<void> Scope::join() {
  Context quiet = context().detached();
  while (running_ > 0) {
    Wake wake = co_await done_.wait(quiet);
    (void)wake;
  }
}

}  // namespace drover::async
