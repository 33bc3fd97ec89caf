#include "async/sim_loop.h"

#include <chrono>
#include <thread>

namespace drover::async {

void SimLoop::post(std::function<void()> fn) {
  std::lock_guard<std::mutex> lock(mutex_);
  ready_.push_back(std::move(fn));
}

Loop::TimerId SimLoop::call_at(MonoTime t, std::function<void()> fn) {
  TimerId id = next_timer_++;
  timers_.emplace(std::make_pair(t < now_ ? now_ : t, id), std::move(fn));
  times_.emplace(id, t < now_ ? now_ : t);
  return id;
}

void SimLoop::cancel_timer(TimerId id) {
  auto it = times_.find(id);
  if (it == times_.end()) return;
  timers_.erase(std::make_pair(it->second, id));
  times_.erase(it);
}

bool SimLoop::run_ready() {
  std::function<void()> fn;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (ready_.empty()) return false;
    fn = std::move(ready_.front());
    ready_.pop_front();
  }
  fn();
  return true;
}

bool SimLoop::step() {
  if (run_ready()) return true;
  if (timers_.empty()) return false;
  auto it = timers_.begin();
  now_ = it->first.first;
  std::function<void()> fn = std::move(it->second);
  times_.erase(it->first.second);
  timers_.erase(it);
  fn();
  return true;
}

bool SimLoop::run(uint64_t steps_max) {
  for (uint64_t i = 0; i < steps_max; ++i) {
    if (!step()) return true;
  }
  return false;
}

void SimLoop::run_for(Duration d) {
  MonoTime end = now_ + d;
  while (run_ready() || (!timers_.empty() && timers_.begin()->first.first <= end)) {
    if (!timers_.empty() && timers_.begin()->first.first <= end) {
      bool ready_left = false;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        ready_left = !ready_.empty();
      }
      if (!ready_left) step();
    }
  }
  now_ = end;
}

void SimLoop::clear() {
  std::deque<std::function<void()>> dropped;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    dropped.swap(ready_);
  }
  timers_.clear();
  times_.clear();
}

namespace detail {
namespace {

Detached drive(Task<void> task) { co_await std::move(task); }

}  // namespace

void start_detached(Task<void> task) { drive(std::move(task)); }

}  // namespace detail

}  // namespace drover::async
