// Random programs of tasks on virtual time, with cancellations and deadlines at every moment. What
// must hold: nobody hangs (the loop would run dry: a lost wake-up), a semaphore never lets more in
// than it may, a channel loses and doubles nothing, and all permits are back at the end.

#include <gtest/gtest.h>

#include <set>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "async/sync.h"
#include "base/random.h"

namespace drover::async {
namespace {

struct Rig {
  explicit Rig(uint64_t seed) : random(seed), sem(1 + random.below(3)), permits(sem.available()) {}
  SeededRandom random;
  SimLoop loop;
  Semaphore sem;
  size_t permits;
  Channel<int> channel{3};
  OneShot<int> gate;
  size_t inside = 0;
  int next = 0;
  std::multiset<int> sent;
  std::multiset<int> received;
  int ended = 0;
  int acquiring = 0;
  int sending = 0;
  int receiving = 0;
  bool over = false;

  /// Timers run only when nothing is ready: whoever waits now, waits for something that is not
  /// there. If it is there, a wake-up was lost. (Without this, close() would rescue the sleepers.)
  void watch() {
    EXPECT_FALSE(acquiring > 0 && sem.available() > 0) << "a permit is free, and somebody waits";
    EXPECT_FALSE(sending > 0 && channel.size() < 3) << "there is room, and a sender waits";
    EXPECT_FALSE(receiving > 0 && channel.size() > 0) << "there are items, and a receiver waits";
    if (!over) loop.call_after(500us, [this] { watch(); });
  }

  Duration pause() { return Duration(1'000'000 * static_cast<int64_t>(random.below(20))); }
  /// The context as it is, with a short deadline, or with one that is over.
  Context some_context(const Context& ctx) {
    uint64_t dice = random.below(10);
    if (dice < 5) return ctx;
    return ctx.with_timeout(dice == 9 ? Duration(0) : pause());
  }
};

Task<void> hold_for_a_while(Context ctx, Rig* rig) {
  ++rig->acquiring;
  auto permit = co_await rig->sem.acquire(rig->some_context(ctx));
  --rig->acquiring;
  if (permit) {
    ++rig->inside;
    EXPECT_LE(rig->inside, rig->permits);
    auto slept = co_await sleep_for(ctx, rig->pause());
    (void)slept;
    --rig->inside;
  }
}

Task<void> send_some(Context ctx, Rig* rig) {
  for (int i = 0; i < 5; ++i) {
    int value = rig->next++;
    ++rig->sending;
    auto sent = co_await rig->channel.send(rig->some_context(ctx), value);
    --rig->sending;
    if (sent) rig->sent.insert(value);
    if (rig->random.chance(0.3)) {
      auto slept = co_await sleep_for(ctx, rig->pause());
      (void)slept;
    }
  }
}

Task<void> receive_some(Context ctx, Rig* rig) {
  for (int i = 0; i < 5; ++i) {
    ++rig->receiving;
    auto got = co_await rig->channel.receive(rig->some_context(ctx));
    --rig->receiving;
    if (got && *got) rig->received.insert(**got);
    if (got && !*got) co_return;
  }
}

Task<void> pass_gate(Context ctx, Rig* rig) {
  auto passed = co_await rig->gate.wait(rig->some_context(ctx));
  if (passed) EXPECT_TRUE(rig->gate.ready());
}

Task<void> family(Context ctx, Rig* rig, int depth);

Task<void> one(Context ctx, Rig* rig, int depth) {
  uint64_t dice = rig->random.below(depth > 0 ? 6 : 5);
  if (dice == 0) co_await hold_for_a_while(ctx, rig);
  if (dice == 1) co_await send_some(ctx, rig);
  if (dice == 2) co_await receive_some(ctx, rig);
  if (dice == 3) co_await pass_gate(ctx, rig);
  if (dice == 4) {
    auto slept = co_await sleep_for(rig->some_context(ctx), rig->pause());
    (void)slept;
  }
  if (dice == 5) co_await family(ctx, rig, depth - 1);
  ++rig->ended;
}

Task<void> family(Context ctx, Rig* rig, int depth) {
  Scope scope(rig->some_context(ctx));
  int children = 1 + static_cast<int>(rig->random.below(6));
  for (int i = 0; i < children; ++i) scope.spawn(one(scope.context(), rig, depth));
  auto slept = co_await sleep_for(ctx, rig->pause());
  if (!slept || rig->random.chance(0.5)) scope.cancel("the family goes");
  co_await scope.join();
}

Task<void> program(Context ctx, Rig* rig) {
  CancelSource source(ctx);
  Scope scope(source.context());
  for (int i = 0; i < 8; ++i) scope.spawn(family(scope.context(), rig, 3));
  auto slept = co_await sleep_for(ctx, rig->pause());
  (void)slept;
  rig->gate.set(1);
  slept = co_await sleep_for(ctx, rig->pause() + rig->pause());
  (void)slept;
  rig->over = true;
  // Half of the programs end by cancellation, half by the channel's end.
  if (rig->random.chance(0.5)) source.cancel("the end");
  rig->channel.close();
  co_await scope.join();
}

TEST(AsyncStress, RandomProgramsEndAndLoseNothing) {
  int tasks = 0;
  for (uint64_t seed = 1; seed <= 3'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rig rig(seed);
    // Aborts when the loop runs dry before the program ends.
    rig.watch();
    rig.loop.run_task(program(Context(rig.loop), &rig));
    rig.loop.run_for(1ms);  // the watch sees that it is over
    EXPECT_FALSE(rig.loop.step()) << "something is still armed";
    EXPECT_EQ(rig.sem.available(), rig.permits);
    EXPECT_EQ(rig.inside, 0u);
    // What was sent and not received is still in the channel, in number and in value.
    EXPECT_EQ(rig.sent.size(), rig.received.size() + rig.channel.size());
    for (int value : rig.received) EXPECT_EQ(rig.sent.count(value), 1u);
    ASSERT_FALSE(HasFailure());
    tasks += rig.ended;
  }
  EXPECT_GT(tasks, 50'000);
}

TEST(AsyncStress, WaitingForeverIsNoError) {
  SimLoop loop;
  Context ctx(loop);
  auto r = loop.run_task(sleep_for(ctx.with_timeout(5s), Duration::max()));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(loop.mono().time_since_epoch(), Duration(5s));
}

}  // namespace
}  // namespace drover::async
