#include <gtest/gtest.h>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "async/sync.h"
#include "async/worker_pool.h"

namespace drover::async {
namespace {

Task<Result<int>> sleepy(Context ctx, Duration d, int value) {
  CO_TRY_VOID(co_await sleep_for(ctx, d));
  co_return value;
}

TEST(Async, SleepsOnVirtualTime) {
  SimLoop loop;
  Context ctx(loop);
  MonoTime start = loop.mono();
  auto r = loop.run_task(sleepy(ctx, 24h, 7));
  ASSERT_TRUE(r);
  EXPECT_EQ(*r, 7);
  EXPECT_EQ(loop.mono() - start, Duration(24h));
}

TEST(Async, DeadlineEndsAWait) {
  SimLoop loop;
  Context ctx(loop);
  auto r = loop.run_task(sleepy(ctx.with_timeout(1s), 5s, 7));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(loop.mono().time_since_epoch(), Duration(1s));
}

TEST(Async, CancelEndsAWaitAndItsChildren) {
  SimLoop loop;
  Context ctx(loop);
  CancelSource outer(ctx);
  CancelSource inner(outer.context());
  loop.call_after(2s, [&] { outer.cancel("stop"); });
  auto r = loop.run_task(sleepy(inner.context(), 5s, 7));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::kCancelled);
  EXPECT_EQ(r.error().message, "stop");
}

struct Household {
  explicit Household(Loop& loop) : scope(Context(loop)) {}
  Scope scope;
};

Task<void> live_in(std::shared_ptr<Household> house, Duration d) {
  auto slept = co_await sleep_for(house->scope.context(), d);
  EXPECT_TRUE(slept);
}

TEST(Async, ATaskMayBeTheLastThatHoldsItsScope) {
  SimLoop loop;
  auto house = std::make_shared<Household>(loop);
  std::weak_ptr<Household> left = house;
  house->scope.spawn(live_in(house, 0s));
  house->scope.spawn(live_in(house, 2s));
  EXPECT_GE(house->scope.running(), 1u);
  house.reset();
  loop.run_for(1s);
  ASSERT_FALSE(left.expired());
  EXPECT_EQ(left.lock()->scope.running(), 1u);
  loop.run_for(2s);
  EXPECT_TRUE(left.expired());
}

Task<void> note_end(Context ctx, std::vector<int>* ended, int value) {
  auto slept = co_await sleep_for(ctx, 5s);
  if (!slept) ended->push_back(value);
}

TEST(Async, ACancellationReachesAllThatWaitInTheirOrder) {
  SimLoop loop;
  Context ctx(loop);
  Scope scope(ctx);
  std::vector<int> ended;
  auto passing = std::make_unique<CancelSource>(scope.context());
  for (int i = 0; i < 4; ++i) scope.spawn(note_end(scope.context(), &ended, i));
  passing.reset();  // a child that goes first leaves nothing behind
  CancelSource child(scope.context());
  scope.spawn(note_end(child.context(), &ended, 4));
  child.cancel("only the child");
  loop.run_for(1s);
  EXPECT_EQ(ended, std::vector<int>({4}));
  scope.cancel("all");
  loop.run_task(scope.join());
  EXPECT_EQ(ended, std::vector<int>({4, 0, 1, 2, 3}));
  CancelSource late(scope.context());
  EXPECT_TRUE(late.cancelled());
  EXPECT_EQ(late.context().check().error().message, "all");
}

TEST(Async, WhenAllRunsSideBySide) {
  SimLoop loop;
  Context ctx(loop);
  std::vector<Task<Result<int>>> tasks;
  for (int i = 0; i < 10; ++i) tasks.push_back(sleepy(ctx, 1s * (10 - i), i));
  auto all = loop.run_task(when_all(ctx, std::move(tasks)));
  ASSERT_EQ(all.size(), 10u);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(*all[static_cast<size_t>(i)], i);
  EXPECT_EQ(loop.mono().time_since_epoch(), Duration(10s));
}

Task<void> produce(Context ctx, Channel<int>* channel, int n) {
  for (int i = 0; i < n; ++i) {
    auto sent = co_await channel->send(ctx, i);
    EXPECT_TRUE(sent);
  }
  channel->close();
}

Task<int> consume_sum(Context ctx, Channel<int>* channel) {
  Scope scope(ctx);
  scope.spawn(produce(scope.context(), channel, 100));
  int sum = 0;
  for (;;) {
    auto item = co_await channel->receive(ctx);
    EXPECT_TRUE(item);
    if (!item || !item->has_value()) break;
    sum += **item;
  }
  co_await scope.join();
  co_return sum;
}

TEST(Async, ChannelIsBoundedAndKeepsOrder) {
  SimLoop loop;
  Context ctx(loop);
  Channel<int> channel(2);
  EXPECT_EQ(loop.run_task(consume_sum(ctx, &channel)), 4950);
}

Task<void> hold(Context ctx, Semaphore* sem, int* now, int* most) {
  auto permit = co_await sem->acquire(ctx);
  EXPECT_TRUE(permit);
  *most = std::max(*most, ++*now);
  auto slept = co_await sleep_for(ctx, 1s);
  EXPECT_TRUE(slept);
  --*now;
}

Task<void> hold_many(Context ctx, Semaphore* sem, int* now, int* most) {
  Scope scope(ctx);
  for (int i = 0; i < 9; ++i) scope.spawn(hold(scope.context(), sem, now, most));
  co_await scope.join();
}

TEST(Async, SemaphoreBoundsConcurrency) {
  SimLoop loop;
  Context ctx(loop);
  Semaphore sem(3);
  int now = 0;
  int most = 0;
  loop.run_task(hold_many(ctx, &sem, &now, &most));
  EXPECT_EQ(most, 3);
  EXPECT_EQ(loop.mono().time_since_epoch(), Duration(3s));
}

Task<int> blocking_sum(Context ctx, Executor* pool) {
  int sum = 0;
  for (int i = 0; i < 10; ++i) {
    auto work = [i] { return i; };
    sum += co_await run_blocking(ctx, *pool, work);
  }
  co_return sum;
}

TEST(Async, BlockingWorkComesBackToTheLoop) {
  SimLoop loop;
  Context ctx(loop);
  InlineExecutor pool;
  EXPECT_EQ(loop.run_task(blocking_sum(ctx, &pool)), 45);
}

}  // namespace
}  // namespace drover::async
