#include "world/director.h"

#include <algorithm>

namespace drover::world {

using async::Context;
using async::Task;

Director::Director(World& world) : world_(world), random_(world.seed("director")) {}

Duration Director::below(Duration most) {
  return Duration(static_cast<int64_t>(random_.below(static_cast<uint64_t>(most.count()) + 1)));
}

/// Between nothing and twice the mean.
Duration Director::around(Duration mean) { return below(2 * mean); }

bool Director::trouble() const {
  return world_.loop().mono().time_since_epoch() < world_.scenario().chaos;
}

void Director::start(async::Scope& scope) {
  scope.spawn(rule_processes(scope.context()));
  scope.spawn(rule_disk(scope.context()));
  if (world_.scenario().between_lost_answers > Duration::zero()) {
    scope.spawn(rule_answers(scope.context()));
  }
  if (world_.scenario().between_clock_jumps > Duration::zero()) {
    scope.spawn(rule_clock(scope.context()));
  }
  scope.spawn(end_trouble(scope.context()));
}

Task<void> Director::bring_up(Context ctx) {
  // A fault that was armed while there was trouble may be spent on the first quiet start.
  int quiet_failures = 0;
  for (;;) {
    auto opened = world_.prepare_node();
    if (opened) break;
    world_.verdict().note("the store does not open: {}", opened.error().to_string());
    if (!trouble() && ++quiet_failures > 1) {
      world_.verdict().fail("recovery", "the store does not open: " + opened.error().to_string());
      co_return;
    }
    auto slept = co_await async::sleep_for(ctx, 500ms);
    if (!slept) co_return;
  }
  co_await world_.book().audit(ctx, world_.machine().journal());
  if (!world_.verdict().ok()) co_return;
  world_.start_node();
}

void Director::arm() {
  auto point = static_cast<Point>(random_.below(kPoints));
  world_.points().arm(point, 1 + random_.below(20));
}

/// A node stands still (a stopped process, a frozen machine) and somebody starts another one over
/// the same data, which is refused. Then the first goes on as if nothing had been, or is killed.
Task<void> Director::stand_still(Context ctx) {
  Node* node = world_.serving();
  node->pause();
  auto still = co_await async::sleep_for(ctx, below(3s));
  if (!still || world_.serving() != node) co_return;
  if (world_.start_second()) co_return co_await without_lock(ctx);
  auto longer = co_await async::sleep_for(ctx, below(3s));
  if (!longer || world_.serving() != node) co_return;
  if (trouble() && random_.chance(0.3)) {
    world_.crash(false);
  } else {
    node->resume();
  }
}

/// What comes of it where the lock is missing (options.h, kMissingFence): both work.
Task<void> Director::without_lock(Context ctx) {
  auto apart = co_await async::sleep_for(ctx, below(2s));
  if (!apart || world_.superseded_node() == nullptr) co_return;
  world_.superseded_node()->resume();
  auto both = co_await async::sleep_for(ctx, below(1s));
  (void)both;
  world_.kill_superseded();
}

Task<void> Director::rule_processes(Context ctx) {
  const Scenario& s = world_.scenario();
  co_await bring_up(ctx);
  if (s.crash_points) arm();
  while (!ctx.cancelled()) {
    // Sleeps until it strikes, or something else has struck.
    bool stands = s.between_standstills > Duration::zero() &&
                  (s.between_crashes == Duration::zero() || random_.chance(0.4));
    Duration mean = stands ? s.between_standstills : s.between_crashes;
    bool planned = trouble() && mean > Duration::zero();
    Context until = planned ? ctx.with_timeout(around(mean)) : ctx;
    async::Wake wake = async::Wake::kWoken;
    if (world_.serving() != nullptr) wake = co_await world_.crashed().wait(until);
    if (wake == async::Wake::kCancelled) co_return;
    if (world_.serving() != nullptr && trouble()) {
      if (stands) {
        co_await stand_still(ctx);
      } else {
        world_.crash(random_.chance(0.5));
      }
    }
    if (world_.serving() != nullptr) continue;
    auto down = co_await async::sleep_for(ctx, below(s.down_most));
    if (!down) co_return;
    co_await bring_up(ctx);
    if (!world_.verdict().ok()) co_return;
    if (s.crash_points && trouble() && random_.chance(0.7)) arm();
  }
}

Task<void> Director::rule_disk(Context ctx) {
  const Scenario& s = world_.scenario();
  while (trouble()) {
    world_.machine().set_sync_time(below(s.sync_most));
    bool fills = s.between_full > Duration::zero();
    auto slept = co_await async::sleep_for(ctx, fills ? around(s.between_full) : 5s);
    if (!slept) co_return;
    if (fills && trouble()) {
      world_.verdict().note("the disk is full");
      world_.machine().set_full(true);
      auto full = co_await async::sleep_for(ctx, below(4s));
      world_.machine().set_full(false);
      if (!full) co_return;
    }
  }
}

Task<void> Director::rule_answers(Context ctx) {
  while (trouble()) {
    auto slept = co_await async::sleep_for(ctx, around(world_.scenario().between_lost_answers));
    if (!slept || !trouble()) co_return;
    world_.machine().lose_next_answer();
  }
}

/// Somebody sets the machine's clock, forwards or back.
Task<void> Director::rule_clock(Context ctx) {
  while (trouble()) {
    auto slept = co_await async::sleep_for(ctx, around(world_.scenario().between_clock_jumps));
    if (!slept || !trouble()) co_return;
    Duration by = below(2min);
    world_.set_clock(random_.chance(0.5) ? by : -by);
  }
}

Task<void> Director::end_trouble(Context ctx) {
  auto slept = co_await async::sleep_for(ctx, world_.scenario().chaos);
  if (!slept) co_return;
  world_.verdict().note("all trouble is over");
  world_.faults().calm();
  world_.points().disarm();
  world_.machine().set_full(false);
  world_.machine().set_sync_time(1ms);
  world_.set_clock(Duration::zero());
  calm_ = true;
}

}  // namespace drover::world
