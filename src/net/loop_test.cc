#include <gtest/gtest.h>

#include <csignal>
#include <ctime>
#include <deque>
#include <map>
#include <thread>

#include "async/sync.h"
#include "base/random.h"
#include "net/asio_loop.h"
#include "net/linger.h"
#include "net/timer_heap.h"

namespace drover::net {
namespace {

MonoTime at(int64_t n) { return MonoTime(Duration(n)); }

/// A turn that says which it was.
class Noted final : public async::Turn {
 public:
  Noted(int* to, int value) : to_(to), value_(value) {}
  void on_turn() override { *to_ = value_; }

 private:
  int* to_;
  int value_;
};

TEST(TimerHeap, AgreesWithASortedMap) {
  SeededRandom random(11);
  TimerHeap heap;
  std::deque<Noted> turns;
  std::map<std::pair<int64_t, uint64_t>, int> model;  // (time, order) -> value
  std::map<int, TimerHeap::Id> ids;
  std::map<int, std::pair<int64_t, uint64_t>> keys;
  std::vector<TimerHeap::Id> old;
  int last_run = -1;
  uint64_t order = 0;
  int64_t now = 0;
  for (int step = 0; step < 50'000; ++step) {
    uint64_t dice = random.below(100);
    if (dice < 45) {
      int64_t t = now + static_cast<int64_t>(random.below(500));
      int value = step;
      ids[value] = random.below(2) == 0 ? heap.add(at(t), [&last_run, value] { last_run = value; })
                                        : heap.add(at(t), turns.emplace_back(&last_run, value));
      ASSERT_NE(ids[value], 0u);
      keys[value] = {t, order++};
      model[keys[value]] = value;
    } else if (dice < 80 && !ids.empty()) {
      auto it = std::next(ids.begin(), static_cast<long>(random.below(ids.size())));
      ASSERT_TRUE(heap.cancel(it->second));
      ASSERT_FALSE(heap.cancel(it->second));
      old.push_back(it->second);
      model.erase(keys[it->first]);
      ids.erase(it);
    } else if (dice < 85 && !old.empty()) {
      ASSERT_FALSE(heap.cancel(old[random.below(old.size())]));
    } else {
      now += static_cast<int64_t>(random.below(60));
      while (auto fn = heap.pop_due(at(now))) {
        (*fn)();
        ASSERT_FALSE(model.empty());
        ASSERT_EQ(last_run, model.begin()->second);
        ASSERT_LE(model.begin()->first.first, now);
        old.push_back(ids[last_run]);
        ids.erase(last_run);
        model.erase(model.begin());
      }
      if (!model.empty()) ASSERT_GT(model.begin()->first.first, now);
    }
    ASSERT_EQ(heap.size(), model.size());
    if (!model.empty()) ASSERT_LE(heap.earliest(), at(model.begin()->first.first));
  }
}

TEST(TimerHeap, ATimerThatTookTheNodeOfAnotherIsDueInItsOwnTime) {
  int last_run = 0;
  Noted turn(&last_run, 1);
  Noted other(&last_run, 2);
  Noted third(&last_run, 3);
  TimerHeap heap;
  EXPECT_TRUE(heap.cancel(heap.add(at(10), turn)));
  EXPECT_EQ(heap.size(), 0u);
  const TimerHeap::Id later = heap.add(at(30), turn);
  heap.add(at(30), other);
  EXPECT_EQ(heap.earliest(), at(10)) << "the node stays where it was";
  EXPECT_FALSE(heap.pop_due(at(20)));
  EXPECT_EQ(heap.earliest(), at(30)) << "until its time comes";
  (*heap.pop_due(at(30)))();
  EXPECT_EQ(last_run, 1) << "those of one time in their order";
  EXPECT_FALSE(heap.cancel(later));
  (*heap.pop_due(at(30)))();
  EXPECT_EQ(last_run, 2);
  EXPECT_TRUE(heap.empty());

  EXPECT_TRUE(heap.cancel(heap.add(at(90), turn)));
  heap.add(at(40), third);
  EXPECT_EQ(heap.earliest(), at(40)) << "an earlier one moves it at once";
  (*heap.pop_due(at(40)))();
  EXPECT_EQ(last_run, 3);
  EXPECT_TRUE(heap.cancel(heap.add(at(50), turn)));
  EXPECT_FALSE(heap.empty());
  EXPECT_FALSE(heap.pop_due(at(50)));
  EXPECT_TRUE(heap.empty());
}

TEST(TimerHeap, IdsOfNobodyCancelNothing) {
  TimerHeap heap;
  EXPECT_FALSE(heap.cancel(0));
  EXPECT_FALSE(heap.cancel(1));
  EXPECT_FALSE(heap.cancel(UINT64_MAX));
}

TEST(AsioLoop, TimersRunInOrderAndNotBefore) {
  AsioLoop loop;
  Context ctx(loop);
  std::vector<int> order;
  MonoTime start = loop.mono();
  MonoTime third{};
  loop.call_after(30ms, [&] {
    order.push_back(3);
    third = loop.mono();
    loop.stop();
  });
  loop.call_after(10ms, [&] { order.push_back(1); });
  loop.call_after(20ms, [&] { order.push_back(2); });
  auto dead = loop.call_after(15ms, [&] { order.push_back(99); });
  loop.cancel_timer(dead);
  loop.cancel_timer(dead);
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_GE(third - start, Duration(30ms));
}

TEST(AsioLoop, AnEarlierTimerMovesTheAlarm) {
  AsioLoop loop;
  loop.call_after(10s, [] {});
  bool ran = false;
  loop.post([&] {
    loop.call_after(5ms, [&] {
      ran = true;
      loop.stop();
    });
  });
  loop.run();
  EXPECT_TRUE(ran);
}

TEST(AsioLoop, PostsFromThreadsAllArrive) {
  AsioLoop loop;
  int got = 0;  // touched on the loop only
  constexpr int kThreads = 4;
  constexpr int kPosts = 20'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kPosts; ++i) {
        loop.post([&] {
          if (++got == kThreads * kPosts) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (auto& t : threads) t.join();
  EXPECT_EQ(got, kThreads * kPosts);
}

TEST(AsioLoop, StopFromAnotherThreadWakesIt) {
  AsioLoop loop;
  std::thread t([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    loop.stop();
  });
  loop.run();
  t.join();
}

TEST(AsioLoop, SignalsRunOnTheLoop) {
  AsioLoop loop;
  std::vector<int> seen;
  loop.on_signal({SIGUSR1, SIGUSR2}, [&](int s) {
    seen.push_back(s);
    if (seen.size() == 2) loop.stop();
  });
  loop.post([] { ::raise(SIGUSR1); });
  loop.call_after(10ms, [] { ::raise(SIGUSR2); });
  loop.run();
  EXPECT_EQ(seen, (std::vector<int>{SIGUSR1, SIGUSR2}));
}

TEST(AsioLoop, PostedWorkDoesNotStarveTimers) {
  AsioLoop loop;
  bool fired = false;
  std::function<void()> again;
  again = [&] {
    if (!fired) loop.post(again);
  };
  loop.post(again);
  loop.call_after(5ms, [&] {
    fired = true;
    loop.stop();
  });
  loop.run();
  EXPECT_TRUE(fired);
}

TEST(AsioLoop, GoesWithWorkLeft) {
  auto witness = std::make_shared<int>(1);
  {
    AsioLoop loop;
    loop.post([witness] {});
    loop.call_after(1h, [witness] {});
  }
  EXPECT_EQ(witness.use_count(), 1);
}

struct PostsItself {
  AsioLoop* loop;
  std::shared_ptr<int> witness;
  void operator()() { loop->post(PostsItself(*this)); }
};

TEST(AsioLoop, GoesWithWhatWasNext) {
  auto witness = std::make_shared<int>(1);
  {
    AsioLoop loop;
    loop.post(PostsItself{&loop, witness});
    loop.stop();
    loop.run();
  }
  EXPECT_EQ(witness.use_count(), 1);
}

class NotedTurn final : public async::Turn {
 public:
  NotedTurn(std::vector<int>* order, int name) : order_(order), name_(name) {}
  void on_turn() override { order_->push_back(name_); }

 private:
  std::vector<int>* order_;
  int name_;
};

TEST(AsioLoop, TurnsComeAmongWhatIsPosted) {
  AsioLoop loop;
  std::vector<int> order;
  NotedTurn second(&order, 2);
  loop.post([&] {
    loop.post([&] { order.push_back(1); });
    loop.call_soon(second);
    loop.post([&] { order.push_back(3); });
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  loop.call_soon(second);  // from outside as well
  while (order.size() < 4) loop.run_once();
  EXPECT_EQ(order.back(), 2);
}

int64_t cpu_ns() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return used.tv_sec * 1'000'000'000 + used.tv_nsec;
}

TEST(Linger, ALoopThatLingersLooksRatherThanSleep) {
  AsioLoop loop;
  // What this thread works while it waits for a timer at 60 ms.
  const auto waited = [&] {
    const int64_t before = cpu_ns();
    bool rang = false;
    loop.call_after(60ms, [&] { rang = true; });
    while (!rang) loop.run_once();
    return cpu_ns() - before;
  };
  waited();  // the kernel tells once of each descriptor that is new
  linger(loop, 40ms);
  const int64_t looking = waited();
  linger(loop, 40ms);  // the last time was in vain: this one is left out
  const int64_t asleep = waited();
  EXPECT_GT(looking, 4 * asleep);
  linger(loop, 40ms);
  EXPECT_GT(waited(), 4 * asleep);
}

TEST(Linger, WhatComesMeanwhileIsServed) {
  AsioLoop loop;
  for (int i = 0; i < 20; ++i) {
    linger(loop, 10s);
    bool came = false;
    std::thread other([&] { loop.post([&] { came = true; }); });
    while (!came) loop.run_once();
    other.join();
    // Nor does a timer wait for its end.
    bool rang = false;
    linger(loop, 10s);
    loop.call_after(1ms, [&] { rang = true; });
    const MonoTime start = loop.mono();
    while (!rang) loop.run_once();
    EXPECT_LT(loop.mono() - start, 5s);
  }
}

}  // namespace
}  // namespace drover::net
