// Who writes, and with whom: groups, and the loop itself where the disk is quick.

#include "store/log/log_writer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "async/sim_loop.h"
#include "base/limits/store.h"
#include "store/log/frame.h"
#include "store/memory/sim_disk.h"

namespace drover::store::log {
namespace {

/// Moves on by `step` each time it is asked: a write on the loop, looked at in two parts, takes two
/// of them, one of the executor's takes one.
struct StepClock final : Clock {
  MonoTime mono() override { return now += step; }
  WallTime wall() override { return {}; }
  MonoTime now{};
  Duration step = 50us;
};

/// Work waits here until it is run.
struct HeldExecutor final : async::Executor {
  void submit(std::function<void()> work) override { held.push_back(std::move(work)); }
  void run() {
    while (!held.empty()) {
      auto work = std::move(held.front());
      held.erase(held.begin());
      work();
    }
  }
  std::vector<std::function<void()>> held;
};

struct WriterWorld {
  explicit WriterWorld(Duration direct_sync_max = 300us) {
    LogOptions options;
    options.folder = "/log";
    log = *Log::open(disk, options, random, [](const std::string&) { return Position(0); });
    writer = std::make_unique<LogWriter>(*log, executor, clock, direct_sync_max);
  }
  /// What the jobs were answered, in that order, is in `answered`.
  void add() {
    auto job = std::make_shared<LogWriter::Job>();
    job->frame = encode_mark() + std::string(100, 'x');
    job->crc = body_crc(job->frame);
    job->finish = [this](LogWriter::Job& self) {
      EXPECT_TRUE(self.result);
      answered.push_back(self.position);
    };
    EXPECT_TRUE(writer->add(loop, std::move(job)));
  }
  void settle() {
    loop.run();
    executor.run();
    loop.run();
  }
  uint64_t on_loop() const { return writer->stats().direct; }

  SeededRandom random{1};
  SimDisk disk{random};
  async::SimLoop loop;
  HeldExecutor executor;
  StepClock clock;
  std::unique_ptr<Log> log;
  std::unique_ptr<LogWriter> writer;
  std::vector<Position> answered;
};

TEST(LogWriter, WhatIsAddedTogetherIsOneGroupInItsOrder) {
  WriterWorld w(Duration::zero());
  for (size_t i = 0; i < 20; ++i) w.add();
  w.settle();
  EXPECT_EQ(w.writer->stats().groups, 1u);
  EXPECT_EQ(w.writer->stats().frames, 20u);
  ASSERT_EQ(w.answered.size(), 20u);
  EXPECT_TRUE(std::is_sorted(w.answered.begin(), w.answered.end()));
}

TEST(LogWriter, WhatIsAddedDuringASyncWaitsForTheNext) {
  WriterWorld w(Duration::zero());
  w.add();
  w.loop.run();
  w.add();
  w.add();
  w.loop.run();
  EXPECT_EQ(w.executor.held.size(), 1u);
  w.settle();
  EXPECT_EQ(w.answered.size(), 3u);
}

TEST(LogWriter, AloneOnAQuickDiskTheLoopWrites) {
  WriterWorld w;
  for (int i = 0; i < 10; ++i) {
    w.add();
    w.loop.run();
    EXPECT_TRUE(w.executor.held.empty());
  }
  EXPECT_EQ(w.on_loop(), 10u);
  EXPECT_EQ(w.answered.size(), 10u);
}

TEST(LogWriter, WhatIsReadyRunsBetweenTheWriteAndItsSync) {
  WriterWorld w;
  int rounds = 0;
  uint64_t synced = 1;
  // As whoever adds may: what runs behind the write, and what that makes ready.
  w.loop.post([&] {
    w.loop.post([&] {
      ++rounds;
      w.loop.post([&] {
        ++rounds;
        synced = w.log->syncs();
        EXPECT_TRUE(w.answered.empty());
      });
    });
  });
  w.add();
  w.loop.run();
  EXPECT_EQ(rounds, 2);
  EXPECT_EQ(synced, 0u);
  EXPECT_EQ(w.log->syncs(), 1u);
  EXPECT_EQ(w.answered.size(), 1u);
}

TEST(LogWriter, WhatComesBetweenTheWriteAndItsSyncFollows) {
  WriterWorld w;
  w.add();
  w.loop.post([&] {
    w.loop.post([&] {
      for (size_t i = 0; i < limits::kLogDirectJobsMax + 1; ++i) w.add();
    });
  });
  w.loop.run();
  EXPECT_EQ(w.answered.size(), 1u);
  EXPECT_EQ(w.executor.held.size(), 1u);  // too many for the loop
  w.settle();
  EXPECT_EQ(w.answered.size(), limits::kLogDirectJobsMax + 2);
  EXPECT_TRUE(std::is_sorted(w.answered.begin(), w.answered.end()));
}

TEST(LogWriter, ForManyAtOnceTheExecutorWrites) {
  WriterWorld w;
  for (size_t i = 0; i < limits::kLogDirectJobsMax; ++i) w.add();
  w.loop.run();
  EXPECT_EQ(w.on_loop(), 1u);
  for (size_t i = 0; i < limits::kLogDirectJobsMax + 1; ++i) w.add();
  w.loop.run();
  EXPECT_EQ(w.executor.held.size(), 1u);
  w.add();  // and what comes meanwhile goes the same way, behind it
  w.loop.run();
  EXPECT_EQ(w.executor.held.size(), 1u);
  w.settle();
  EXPECT_EQ(w.on_loop(), 1u);
  EXPECT_EQ(w.answered.size(), 2 * limits::kLogDirectJobsMax + 2);
  EXPECT_TRUE(std::is_sorted(w.answered.begin(), w.answered.end()));
}

TEST(LogWriter, OneSlowSyncChangesNothingASlowDiskDoes) {
  WriterWorld w;
  const auto append = [&] {
    w.add();
    w.settle();
  };
  for (int i = 0; i < 20; ++i) append();
  w.clock.step = 500us;
  append();  // usual: 100 µs and an eighth of 900 µs
  w.clock.step = 50us;
  append();
  EXPECT_EQ(w.on_loop(), 22u);
  w.clock.step = 500us;
  for (int i = 0; i < 20; ++i) append();
  const uint64_t before = w.on_loop();
  EXPECT_LT(before, 26u);
  append();
  EXPECT_EQ(w.on_loop(), before);  // the executor has them
  w.clock.step = 50us;
  for (int i = 0; i < 20; ++i) append();
  EXPECT_GT(w.on_loop(), before);  // and the loop again, once the disk is quick
  EXPECT_EQ(w.answered.size(), 63u);
}

}  // namespace
}  // namespace drover::store::log
