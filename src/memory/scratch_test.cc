// Scratch data between stores: nothing is lost, and there is never more than one that counts.
#include "memory/scratch.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "store/memory/memory_store.h"

namespace drover::memory {
namespace {

struct ScratchWorld {
  ScratchWorld() { start(); }
  /// As after a start of the process: the stores are as they were.
  void start() {
    memory = std::make_unique<Memory>(own.records());
    memory->add_store("own", own.records());
    memory->add_store("east", east.records());
    memory->add_store("west", west.records());
    scratch = std::make_unique<Scratch>(*memory);
    memory->set_scratch(scratch.get());
    EXPECT_TRUE(loop.run_task(scratch->open(ctx)));
  }
  static ScratchOwner owner() {
    ScratchOwner out;
    out.session = SessionId("ses_1");
    out.tenant = TenantId("ten_a");
    out.name_space = "pad:ses_1";
    return out;
  }
  Result<uint64_t> write(const std::string& key, const std::string& text, const std::string& store,
                         std::optional<uint64_t> expected = std::nullopt) {
    Scope scope;
    scope.tenant = TenantId("ten_a");
    scope.name_space = "pad:ses_1";
    scope.store = store;
    scope.may_hold = may_hold;
    Entry entry;
    entry.key = key;
    entry.text = text;
    entry.data_class = data_class;
    entry.expected_version = expected;
    return loop.run_task(memory->write(ctx, std::move(scope), std::move(entry)));
  }
  std::string keys(store::MemoryStore& store) {
    auto listed =
        loop.run_task(store.records().list(ctx, TenantId("ten_a"), "pad:ses_1", "", "", 1000));
    std::string out;
    for (const store::Record& record : *listed) out += record.key;
    return out;
  }
  Result<ScratchSize> move(const std::string& from, const std::string& to,
                           const std::string& asked = "") {
    return loop.run_task(scratch->move(ctx, owner(), from, to, asked));
  }
  Result<void> settle(const std::string& live) {
    return loop.run_task(scratch->settle(ctx, SessionId("ses_1"), live));
  }
  uint64_t bytes(const std::string& store) {
    return loop.run_task(scratch->size(ctx, owner(), store))->bytes;
  }

  async::SimLoop loop;
  Context ctx{loop};
  SeededRandom random{3};
  store::MemoryStore own{random}, east{random}, west{random};
  std::unique_ptr<Memory> memory;
  std::unique_ptr<Scratch> scratch;
  MayHold may_hold;        // of what is written
  std::string data_class;  // the same
};

TEST(Scratch, FollowsWithItsVersionsAndLeavesNothingBehind) {
  ScratchWorld w;
  ASSERT_TRUE(w.write("a", "one", "own"));
  ASSERT_TRUE(w.write("a", "two", "own"));
  ASSERT_TRUE(w.write("b", "three", "own"));
  EXPECT_EQ(w.bytes("own"), 2 * 1 + 3u + 5u + 2 * 4u) << "keys, texts, and two values of null";
  auto moved = w.move("own", "east");
  ASSERT_TRUE(moved) << moved.error().to_string();
  EXPECT_EQ(moved->records, 2u);
  EXPECT_EQ(moved->bytes, 18u);
  EXPECT_EQ(w.keys(w.own), "ab") << "until it is known to count";
  auto refused = w.write("c", "four", "own");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable) << "it would be lost";
  ASSERT_TRUE(w.settle("east"));
  EXPECT_EQ(w.keys(w.own), "");
  EXPECT_EQ(w.keys(w.east), "ab");
  EXPECT_FALSE(w.scratch->unsettled(SessionId("ses_1")));
  // Versions go on where they were, and what is written counts.
  EXPECT_EQ(w.write("a", "five", "east", 2).value_or(0), 3u);
  EXPECT_EQ(w.bytes("east"), 19u);
}

TEST(Scratch, ADeadProcessLeavesOneThatCountsWhicheverTheJournalSays) {
  for (const char* live : {"own", "east"}) {
    ScratchWorld w;
    ASSERT_TRUE(w.write("a", "one", "own"));
    ASSERT_TRUE(w.move("own", "east"));
    w.start();
    EXPECT_EQ(w.scratch->unsettled(), std::vector<SessionId>({SessionId("ses_1")}));
    ASSERT_TRUE(w.settle(live));
    EXPECT_EQ(w.keys(w.own), live == std::string("own") ? "a" : "");
    EXPECT_EQ(w.keys(w.east), live == std::string("own") ? "" : "a");
    w.start();
    EXPECT_TRUE(w.scratch->unsettled().empty());
  }
}

TEST(Scratch, AMoveIsMadeAgainFromWhatCounts) {
  ScratchWorld w;
  ASSERT_TRUE(w.write("a", "one", "own"));
  ASSERT_TRUE(w.move("own", "east"));
  // Its commit failed, and the next attempt goes elsewhere.
  ASSERT_TRUE(w.move("own", "west"));
  EXPECT_EQ(w.keys(w.east), "");
  ASSERT_TRUE(w.settle("west"));
  EXPECT_EQ(w.keys(w.own) + w.keys(w.east), "");
  EXPECT_EQ(w.keys(w.west), "a");
}

TEST(Scratch, WhatCannotBeCopiedStaysAndIsWhole) {
  ScratchWorld w;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(w.write("k" + std::to_string(100 + i), "text", "own"));
  }
  const std::string before = w.keys(w.own);
  // The note is written, and the first part of the data; the second part is not.
  w.east.disk().sync_time = 1ms;
  w.loop.call_after(1500us,
                    [&] { w.east.disk().fail_next(Error(Code::kResourceExhausted, "disk full")); });
  auto moved = w.move("own", "east");
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().message, "disk full");
  EXPECT_EQ(w.keys(w.own), before);
  EXPECT_EQ(w.keys(w.east), "");
  EXPECT_FALSE(w.scratch->unsettled(SessionId("ses_1")));
  w.east.disk().sync_time = Duration::zero();
  auto again = w.move("own", "east");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->records, 100u);
  ASSERT_TRUE(w.settle("east"));
  EXPECT_EQ(w.keys(w.east), before);
}

TEST(Scratch, HasTheClassOfAllItsRecordsAndNothingStricterMoves) {
  ScratchWorld w;
  w.data_class = "residency=eu";
  ASSERT_TRUE(w.write("a", "one", "own"));
  w.data_class = "sensitivity=confidential";
  ASSERT_TRUE(w.write("b", "two", "own"));
  auto size = w.loop.run_task(w.scratch->size(w.ctx, w.owner(), "own"));
  ASSERT_TRUE(size);
  EXPECT_EQ(size->data_class, "residency=eu;sensitivity=confidential");
  auto refused = w.move("own", "east", "residency=eu");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("'sensitivity=confidential' was written meanwhile"),
            std::string::npos)
      << refused.error().message;
  EXPECT_EQ(w.keys(w.east), "");
  EXPECT_EQ(w.keys(w.own), "ab");
  EXPECT_FALSE(w.scratch->unsettled(SessionId("ses_1")));
  ASSERT_TRUE(w.move("own", "east", size->data_class));
  ASSERT_TRUE(w.settle("east"));
  EXPECT_EQ(w.keys(w.east), "ab");
}

TEST(Scratch, WhoeverNamesNoStoreAsksTheOneWhereItLies) {
  ScratchWorld w;
  ASSERT_TRUE(w.write("a", "one", "own"));
  ASSERT_TRUE(w.move("own", "west"));
  ASSERT_TRUE(w.settle("west"));
  w.may_hold = [](Context, std::string store, std::string data_class) -> Task<Result<void>> {
    if (store != "west" || data_class.empty()) co_return Result<void>();
    co_return fail(Code::kPermissionDenied, store + " may not hold " + data_class);
  };
  EXPECT_TRUE(w.write("b", "two", "")) << "nothing is said of it";
  w.data_class = "residency=de";
  auto refused = w.write("c", "three", "");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "west may not hold residency=de");
  EXPECT_EQ(w.keys(w.own) + w.keys(w.east), "");
  EXPECT_EQ(w.keys(w.west), "ab");
}

TEST(Scratch, AStoreThatIsGoneIsNamed) {
  ScratchWorld w;
  auto out = w.move("own", "north");
  ASSERT_FALSE(out);
  EXPECT_NE(out.error().message.find("'north' is not configured"), std::string::npos);
  EXPECT_FALSE(w.write("a", "x", "north"));
}

TEST(Scratch, WhoeverNamesNoStoreFindsItWhereItLies) {
  ScratchWorld w;
  ASSERT_TRUE(w.write("a", "one", "own"));
  ASSERT_TRUE(w.move("own", "west"));
  ASSERT_TRUE(w.settle("west"));
  ASSERT_TRUE(w.write("b", "two", ""));
  EXPECT_EQ(w.keys(w.west), "ab");
  Scope scope;
  scope.tenant = TenantId("ten_a");
  scope.name_space = "pad:ses_1";
  auto read = w.loop.run_task(w.memory->read(w.ctx, scope, "a"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->text, "one");
}

}  // namespace
}  // namespace drover::memory
