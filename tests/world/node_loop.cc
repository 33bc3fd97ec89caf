#include "world/node_loop.h"

#include <algorithm>

namespace drover::world {

NodeLoop::NodeLoop(async::SimLoop& world) : world_(world) {}

NodeLoop::~NodeLoop() {
  if (core_->life != Life::kDead) kill();
  core_->ready.clear();
  core_->timers.clear();
}

MonoTime NodeLoop::mono() { return core_->life == Life::kDead ? afterlife_ : world_.mono(); }

WallTime NodeLoop::wall() { return world_.wall() + (mono() - world_.mono()) + wall_offset_; }

void NodeLoop::schedule_one() {
  world_.post([core = core_] { core->run_one(); });
}

void NodeLoop::Core::run_one() {
  if (life != Life::kAlive || ready.empty()) return;
  std::function<void()> fn = std::move(ready.front());
  ready.pop_front();
  fn();
}

void NodeLoop::Core::fire(TimerId id) {
  auto it = timers.find(id);
  if (it == timers.end() || life == Life::kDead) return;
  if (life == Life::kPaused) {
    due_while_paused.push_back(id);
    return;
  }
  std::function<void()> fn = std::move(it->second.fn);
  timers.erase(it);
  fn();
}

void NodeLoop::post(std::function<void()> fn) {
  core_->ready.push_back(std::move(fn));
  if (core_->life == Life::kAlive) schedule_one();
}

async::Loop::TimerId NodeLoop::call_at(MonoTime t, std::function<void()> fn) {
  TimerId id = next_timer_++;
  Timer timer;
  timer.at = std::max(t, mono());
  timer.fn = std::move(fn);
  if (core_->life != Life::kDead) {
    timer.in_world = world_.call_at(timer.at, [core = core_, id] { core->fire(id); });
  }
  core_->timers.emplace(id, std::move(timer));
  return id;
}

void NodeLoop::cancel_timer(TimerId id) {
  auto it = core_->timers.find(id);
  if (it == core_->timers.end()) return;
  if (it->second.in_world != 0) world_.cancel_timer(it->second.in_world);
  core_->timers.erase(it);
}

void NodeLoop::pause() {
  if (core_->life == Life::kAlive) core_->life = Life::kPaused;
}

void NodeLoop::resume() {
  if (core_->life != Life::kPaused) return;
  core_->life = Life::kAlive;
  for (size_t i = 0; i < core_->ready.size(); ++i) schedule_one();
  std::deque<TimerId> due = std::move(core_->due_while_paused);
  core_->due_while_paused.clear();
  for (TimerId id : due) {
    world_.post([core = core_, id] { core->fire(id); });
  }
}

void NodeLoop::kill() {
  afterlife_ = world_.mono();
  core_->life = Life::kDead;
  for (auto& [id, timer] : core_->timers) {
    if (timer.in_world != 0) world_.cancel_timer(std::exchange(timer.in_world, 0));
  }
}

bool NodeLoop::wind_down(uint64_t steps_max) {
  for (uint64_t i = 0; i < steps_max; ++i) {
    std::function<void()> fn;
    if (!core_->ready.empty()) {
      fn = std::move(core_->ready.front());
      core_->ready.pop_front();
    } else if (!core_->timers.empty()) {
      auto earlier = [](const auto& a, const auto& b) { return a.second.at < b.second.at; };
      auto it = std::min_element(core_->timers.begin(), core_->timers.end(), earlier);
      afterlife_ = it->second.at;
      fn = std::move(it->second.fn);
      core_->timers.erase(it);
    } else {
      return true;
    }
    fn();
  }
  return false;
}

}  // namespace drover::world
