#pragma once
// The loop of one simulated process, on the world's virtual time. It can be paused (a process that
// the machine does not schedule) and killed. A killed process must not touch the world any more,
// but its coroutines hold memory: wind_down() runs what is left of them on a time of their own, in
// which nothing but their own clean-up happens, so that every frame and object ends properly.
//
// Who owns things that others see (a journal, a dialer) must refuse the dead themselves.
// Outlives all tasks of the process. Loop thread only.

#include <deque>
#include <map>
#include <memory>
#include <set>

#include "async/sim_loop.h"

namespace drover::world {

class NodeLoop final : public async::Loop {
 public:
  explicit NodeLoop(async::SimLoop& world);
  ~NodeLoop() override;

  MonoTime mono() override;
  WallTime wall() override;
  void post(std::function<void()> fn) override;
  TimerId call_at(MonoTime t, std::function<void()> fn) override;
  void cancel_timer(TimerId id) override;

  void pause();
  void resume();
  /// From now on nothing runs but by wind_down().
  void kill();
  /// Runs what is left; false if there is still something after `steps_max` things.
  bool wind_down(uint64_t steps_max);
  /// How far the machine's clock is from the world's; timers do not follow it.
  void set_wall_offset(Duration offset) { wall_offset_ = offset; }

 private:
  enum class Life : uint8_t { kAlive, kPaused, kDead };
  struct Timer {
    MonoTime at;
    std::function<void()> fn;
    TimerId in_world = 0;
  };
  /// What callbacks in the world's loop refer to: they may come after the node's loop has gone.
  struct Core {
    Life life = Life::kAlive;
    std::deque<std::function<void()>> ready;
    std::map<TimerId, Timer> timers;
    std::deque<TimerId> due_while_paused;
    void run_one();
    void fire(TimerId id);
  };
  void schedule_one();

  async::SimLoop& world_;
  std::shared_ptr<Core> core_ = std::make_shared<Core>();
  TimerId next_timer_ = 1;
  MonoTime afterlife_{};
  Duration wall_offset_{};
};

}  // namespace drover::world
