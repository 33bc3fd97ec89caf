#pragma once
// A loop on virtual time: nothing sleeps; time jumps to the next timer when the queue is empty.
// The same inputs give the same order of events. One thread; post() from worker threads is
// allowed so that tests with a real worker pool work, but such runs are not deterministic.

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "async/loop.h"
#include "async/task.h"

namespace drover::async {

class SimLoop final : public Loop {
 public:
  explicit SimLoop(WallTime start = wall_from_unix_millis(1'790'000'000'000))
      : wall_start_(start) {}

  MonoTime mono() override { return now_; }
  WallTime wall() override { return wall_start_ + now_.time_since_epoch(); }
  void post(std::function<void()> fn) override;
  TimerId call_at(MonoTime t, std::function<void()> fn) override;
  void cancel_timer(TimerId id) override;

  /// Runs one ready thing, or jumps to the next timer and runs it. False if there is nothing.
  bool step();
  /// Runs until nothing is left, or `steps_max` things have run (then false).
  bool run(uint64_t steps_max = UINT64_MAX);
  /// Runs everything due up to now + d, and moves time there.
  void run_for(Duration d);
  /// Drops everything queued (a crash).
  void clear();

  /// Runs the loop until the task has ended and returns its value (tests). Aborts on deadlock.
  template <typename T>
  T run_task(Task<T> task);

 private:
  bool run_ready();

  WallTime wall_start_;
  MonoTime now_{};
  std::mutex mutex_;
  std::deque<std::function<void()>> ready_;
  std::map<std::pair<MonoTime, TimerId>, std::function<void()>> timers_;
  std::map<TimerId, MonoTime> times_;
  TimerId next_timer_ = 1;
};

namespace detail {
template <typename T>
Task<void> store_into(Task<T> task, std::optional<T>* out) {
  out->emplace(co_await std::move(task));
}
inline Task<void> store_into_void(Task<void> task, bool* done) {
  co_await std::move(task);
  *done = true;
}
/// Starts a task that owns itself. For loops and scopes only.
void start_detached(Task<void> task);
}  // namespace detail

template <typename T>
T SimLoop::run_task(Task<T> task) {
  if constexpr (std::is_void_v<T>) {
    bool done = false;
    detail::start_detached(detail::store_into_void(std::move(task), &done));
    while (!done && step()) {
    }
    DROVER_ASSERT(done);
  } else {
    std::optional<T> out;
    detail::start_detached(detail::store_into<T>(std::move(task), &out));
    while (!out && step()) {
    }
    DROVER_ASSERT(out.has_value());
    return std::move(*out);
  }
}

}  // namespace drover::async
