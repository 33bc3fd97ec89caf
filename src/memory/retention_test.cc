#include "memory/retention.h"

#include <gtest/gtest.h>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "memory/memory.h"
#include "store/memory/memory_store.h"

namespace drover::memory {
namespace {

struct RetentionWorld {
  async::SimLoop loop;
  Context ctx{loop};
  SeededRandom random{3};
  store::MemoryStore store{random};
  Memory memory{store.records()};
  async::Scope scope{ctx};
  std::vector<std::string> told;

  RetentionWorld() { start(); }
  ~RetentionWorld() { stop(); }
  void start() {
    std::function<void(const store::Removed&)> tell = [this](const store::Removed& r) {
      told.push_back(r.tenant.str() + "/" + r.name_space + " " + std::to_string(r.records));
    };
    scope.spawn(sweep_expired(scope.context(), &store.records(), std::move(tell)));
  }
  void stop() {
    scope.cancel("over");
    loop.run_task(scope.join());
  }
  Result<uint64_t> write(const std::string& key, const std::string& data_class,
                         const std::string& of_writer = "", SessionId source = SessionId()) {
    Scope scope;
    scope.tenant = TenantId("ten_a");
    scope.name_space = "notes";
    scope.data_class = of_writer;
    scope.source = std::move(source);
    Entry entry;
    entry.key = key;
    entry.text = "a note";
    entry.data_class = data_class;
    return loop.run_task(memory.write(ctx, std::move(scope), std::move(entry)));
  }
  std::optional<store::Record> find(const std::string& key) {
    auto got = loop.run_task(store.records().get(ctx, TenantId("ten_a"), "notes", key));
    return got ? std::optional<store::Record>(*got) : std::nullopt;
  }
};

TEST(MemoryRetention, RecordsGoWhenTheirClassSaysSoAndAreAudited) {
  RetentionWorld w;
  ASSERT_TRUE(w.write("short", "retention=1d"));
  ASSERT_TRUE(w.write("long", "retention=30d"));
  ASSERT_TRUE(w.write("always", "residency=de"));
  EXPECT_EQ(w.find("short")->expires, w.find("short")->updated + 24h);
  EXPECT_EQ(record_json(*w.find("short")).get_string("expires"),
            format_rfc3339(w.find("short")->updated + 24h));
  w.loop.run_for(23h);
  EXPECT_TRUE(w.find("short"));
  w.loop.run_for(1h + limits::kRecordSweepInterval);
  EXPECT_FALSE(w.find("short"));
  EXPECT_TRUE(w.find("long"));
  EXPECT_EQ(w.told, std::vector<std::string>{"ten_a/notes 1"});
  w.loop.run_for(40 * 24h);
  EXPECT_FALSE(w.find("long"));
  EXPECT_TRUE(w.find("always"));
}

TEST(MemoryRetention, TheStrictestIsInheritedAndAWriteBeginsItAnew) {
  RetentionWorld w;
  ASSERT_TRUE(w.write("k", "retention=30d", "retention=1d", SessionId("ses_0000000001")));
  EXPECT_EQ(w.find("k")->expires, w.find("k")->updated + 24h);
  w.loop.run_for(20h);
  ASSERT_TRUE(w.write("k", "", "retention=1d"));
  w.loop.run_for(20h);
  EXPECT_TRUE(w.find("k"));
  w.loop.run_for(5h);
  EXPECT_FALSE(w.find("k"));
}

TEST(MemoryRetention, AClockSetBackOnlyMakesThemWait) {
  RetentionWorld w;
  ASSERT_TRUE(w.write("k", "retention=1d"));
  w.loop.run_for(23h);
  w.stop();
  // The next process finds an earlier time.
  async::SimLoop earlier(w.loop.wall() - 5h);
  Context ctx(earlier);
  async::Scope scope(ctx);
  std::function<void(const store::Removed&)> tell = [](const store::Removed&) {};
  scope.spawn(sweep_expired(scope.context(), &w.store.records(), std::move(tell)));
  earlier.run_for(5h);
  EXPECT_TRUE(w.find("k"));
  earlier.run_for(1h + limits::kRecordSweepInterval);
  EXPECT_FALSE(w.find("k"));
  scope.cancel("over");
  earlier.run_task(scope.join());
}

TEST(MemoryRetention, WhatIsKeptForTheWorkAloneNeedsASession) {
  RetentionWorld w;
  for (const char* data : {"retention=none", "retention=session"}) {
    auto outside = w.write("k", data);
    ASSERT_FALSE(outside);
    EXPECT_EQ(outside.error().code, Code::kInvalidArgument);
    EXPECT_NE(outside.error().message.find("as long as a session works"), std::string::npos);
    ASSERT_TRUE(w.write("k", data, "", SessionId("ses_0000000001")));
    EXPECT_FALSE(w.find("k")->expires) << "it goes with its session";
    const WallTime before = w.loop.wall();
    ASSERT_TRUE(w.write("k", data, "retention=3m", SessionId("ses_0000000001")));
    ASSERT_TRUE(w.find("k")->expires) << "or when a duration beside it is over";
    EXPECT_GE(*w.find("k")->expires, before + 3min);
    EXPECT_LE(*w.find("k")->expires, w.loop.wall() + 3min);
  }
}

TEST(MemoryRetention, MoreThanOneSliceGoesAtOnceAndAFailureIsTriedAgain) {
  RetentionWorld w;
  const size_t many = limits::kRecordRemovalSlice + 20;
  for (size_t i = 0; i < many; ++i) {
    ASSERT_TRUE(w.write("k" + std::to_string(i), "retention=1h"));
  }
  w.store.disk().fail_after(0, Error(Code::kUnavailable, "the disk failed"));
  w.loop.run_for(2h);
  EXPECT_FALSE(w.find("k7")) << "it waits for the sweep, and is not found all the same";
  EXPECT_TRUE(w.told.empty());
  w.store.disk().heal();
  w.loop.run_for(2 * limits::kRecordSweepInterval);
  for (size_t i = 0; i < many; ++i) EXPECT_FALSE(w.find("k" + std::to_string(i)));
  EXPECT_EQ(w.told, (std::vector<std::string>{"ten_a/notes 500", "ten_a/notes 20"}));
}

}  // namespace
}  // namespace drover::memory
