#include "trace/ledger.h"

#include <gtest/gtest.h>

#include "async/sync.h"
#include "base/limits/money.h"
#include "trace/ledger_test_fixture.h"

namespace drover::trace {
namespace {

using async::Context;
using async::Task;

TEST_F(LedgerTest, SumsGroupsAndSurvivesARestart) {
  Ledger ledger;
  Ledger::Slot slot;
  ledger.add(settled(10, "0.000000000001"), line("s1"), &slot);
  ledger.add(settled(20, "0.1"), line("s1"), &slot);
  ledger.add(settled(5, "0.2"), line("s2"));
  LedgerRecord unpriced = settled(7, "5");
  unpriced.billing.cost_known = false;
  unpriced.ok = false;
  unpriced.billing.usage.estimated = true;
  ledger.add(unpriced, line("s2"));
  auto rows = ledger.query(LedgerFilter(), {"session"});
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(rows->at(0).sums.cost.usd(), "0.100000000001");
  EXPECT_EQ(rows->at(1).sums.calls, 1);
  EXPECT_EQ(rows->at(1).sums.failed, 1);
  EXPECT_EQ(rows->at(1).sums.estimated, 1);
  EXPECT_EQ(rows->at(1).sums.unpriced, 1);
  EXPECT_EQ(rows->at(1).sums.cost.usd(), "0.2");
  EXPECT_FALSE(ledger.query(LedgerFilter(), {"colour"}));
  LedgerFilter mine;
  mine.session = "s1";
  EXPECT_EQ(sums(ledger, mine).input_tokens, 30);

  ASSERT_TRUE(flush(ledger, store_.documents()));
  EXPECT_FALSE(ledger.dirty());
  Ledger next;
  ASSERT_TRUE(loop_.run_task(next.load(Context(loop_), &store_.documents())));
  next.add(settled(1, "0.5"), line("s1"));
  ASSERT_TRUE(flush(next, store_.documents()));
  Ledger third;
  ASSERT_TRUE(loop_.run_task(third.load(Context(loop_), &store_.documents())));
  EXPECT_EQ(sums(third, mine).cost.usd(), "0.600000000001");
  EXPECT_EQ(sums(third, mine).calls, 3);
  EXPECT_EQ(third.sequence(), next_ - 1);
}

TEST_F(LedgerTest, AReplayAddsWhatIsNewerAndNothingTwice) {
  Ledger ledger;
  LedgerRecord one = settled(1, "1");
  LedgerRecord two = settled(1, "2");
  LedgerRecord other = settled(1, "4");
  ledger.add(one, line("s1"));
  ASSERT_TRUE(flush(ledger, store_.documents()));
  ledger.add(two, line("s1"));
  ledger.add(other, line("s2"));
  Ledger next;
  ASSERT_TRUE(loop_.run_task(next.load(Context(loop_), &store_.documents())));
  for (int times = 0; times < 2; ++times) {
    next.replay(one, line("s1"));
    next.replay(two, line("s1"));
    next.replay(other, line("s2"));
    EXPECT_EQ(sums(next), sums(ledger));
  }
}

TEST_F(LedgerTest, ACorrectionReplacesWhatWasSettled) {
  Ledger ledger;
  LedgerRecord estimate = settled(100, "3");
  estimate.billing.usage.estimated = true;
  ledger.add(estimate, line("s1"));
  EXPECT_EQ(sums(ledger).estimated_cost.usd(), "3");
  LedgerRecord correction = settled(40, "1");
  correction.kind = RecordKind::kCorrect;
  correction.before = estimate.billing;
  ledger.add(correction, line("s1"));
  LedgerSums s = sums(ledger);
  EXPECT_EQ(s.calls, 1);
  EXPECT_EQ(s.estimated, 0);
  EXPECT_EQ(s.input_tokens, 40);
  EXPECT_EQ(s.cost.usd(), "1");
  EXPECT_EQ(s.estimated_cost.usd(), "0");
}

/// Fails until told otherwise, and lets the ledger go on meanwhile.
class SlowDocuments final : public store::Documents {
 public:
  Task<Result<void>> put(Context ctx, std::string collection, std::string name,
                         Json value) override {
    Result<void> slept = co_await async::sleep_for(ctx, 10ms);
    if (failing) co_return fail(Code::kUnavailable, "disk full");
    stored[name] = std::move(value);
    co_return slept;
  }
  Task<Result<std::optional<Json>>> get(Context ctx, std::string c, std::string name) override {
    co_return std::optional<Json>();
  }
  Task<Result<bool>> remove(Context ctx, std::string c, std::string name) override {
    co_return false;
  }
  Task<Result<std::vector<std::pair<std::string, Json>>>> list(Context ctx,
                                                               std::string c) override {
    co_return std::vector<std::pair<std::string, Json>>();
  }
  bool failing = true;
  std::map<std::string, Json> stored;
};

TEST_F(LedgerTest, SumsByTheTierThatWasServed) {
  Ledger ledger;
  Ledger::Slot slot;
  auto under = [&](std::string tier, int64_t in) {
    LedgerRecord out = settled(in, "1");
    out.tier = std::move(tier);
    return out;
  };
  ledger.add(under("default", 1), line("s1"), &slot);
  ledger.add(under("flex", 10), line("s1"), &slot);
  ledger.add(under("default", 2), line("s1"), &slot);
  ledger.add(under("", 4), line("s1"), &slot);
  ledger.add(under("something-new", 8), line("s1"), &slot);
  ledger.add(under("something-newer", 16), line("s1"), &slot);
  auto rows = ledger.query(LedgerFilter(), {"tier"});
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 4u);
  EXPECT_EQ(rows->at(0).key.tier, "");
  EXPECT_EQ(rows->at(0).sums.input_tokens, 4);
  EXPECT_EQ(rows->at(1).key.tier, "default");
  EXPECT_EQ(rows->at(1).sums.input_tokens, 3);
  EXPECT_EQ(rows->at(2).key.tier, "flex");
  EXPECT_EQ(rows->at(3).key.tier, "other") << "words of providers make no rows without end";
  EXPECT_EQ(rows->at(3).sums.calls, 2);
  LedgerFilter flex;
  flex.tier = "flex";
  EXPECT_EQ(sums(ledger, flex).input_tokens, 10);
  // The bill says that it was another tier: the call, its tokens and its money are there then.
  LedgerRecord was = under("flex", 10);
  LedgerRecord correction = was;
  correction.kind = RecordKind::kCorrect;
  correction.before = was.billing;
  correction.billing.cost = *Money::parse_usd("3");
  correction.tier_before = "flex";
  correction.tier = "default";
  ledger.add(correction, line("s1"));
  EXPECT_EQ(sums(ledger, flex), LedgerSums());
  LedgerFilter plain;
  plain.tier = "default";
  EXPECT_EQ(sums(ledger, plain).calls, 3);
  EXPECT_EQ(sums(ledger, plain).cost.usd(), "5");
  // A restart keeps them apart, and takes nothing twice.
  ASSERT_TRUE(flush(ledger, store_.documents()));
  Ledger again;
  ASSERT_TRUE(loop_.run_task(again.load(Context(loop_), &store_.documents())));
  again.replay(correction, line("s1"));
  EXPECT_EQ(sums(again, plain), sums(ledger, plain));
  EXPECT_EQ(sums(again), sums(ledger));
}

TEST_F(LedgerTest, RowsOfBeforeThereWereTiersAreNotCountedTwice) {
  LedgerRecord call = settled(10, "1");
  call.tier = "flex";
  {
    Ledger before;
    LedgerRecord untold = call;
    untold.tier.clear();
    before.add(untold, line("s1"));
    ASSERT_TRUE(flush(before, store_.documents()));
    auto listed = loop_.run_task(store_.documents().list(Context(loop_), "ledger"));
    ASSERT_EQ(listed->size(), 1u);
    // As the version before wrote it.
    Json old = Json::object();
    for (const Json::Member& m : *listed->begin()->second.members()) {
      if (m.first != "all_tiers_to") old.set(m.first, m.second);
    }
    ASSERT_TRUE(loop_.run_task(
        store_.documents().put(Context(loop_), "ledger", listed->begin()->first, std::move(old))));
  }
  Ledger ledger;
  ASSERT_TRUE(loop_.run_task(ledger.load(Context(loop_), &store_.documents())));
  ledger.replay(call, line("s1"));
  EXPECT_EQ(sums(ledger).calls, 1);
  // A newer call without a tier in that row does not hide newer ones with a tier.
  LedgerRecord flex = settled(5, "1");
  flex.tier = "flex";
  ledger.add(settled(7, "1"), line("s1"));
  ASSERT_TRUE(flush(ledger, store_.documents()));
  Ledger killed;
  ASSERT_TRUE(loop_.run_task(killed.load(Context(loop_), &store_.documents())));
  killed.replay(call, line("s1"));
  killed.replay(flex, line("s1"));
  EXPECT_EQ(sums(killed).input_tokens, 22);
}

TEST_F(LedgerTest, WhatChangesDuringAFlushIsWrittenByTheNext) {
  SlowDocuments documents;
  Ledger ledger;
  ledger.add(settled(10, "1"), line("s1"));
  EXPECT_FALSE(flush(ledger, documents));
  EXPECT_TRUE(ledger.dirty());
  documents.failing = false;
  loop_.call_after(5ms, [&] { ledger.add(settled(10, "2"), line("s1")); });
  ASSERT_TRUE(flush(ledger, documents));
  EXPECT_TRUE(ledger.dirty());
  ASSERT_TRUE(flush(ledger, documents));
  EXPECT_FALSE(ledger.dirty());
  ASSERT_EQ(documents.stored.size(), 1u);
  EXPECT_EQ(documents.stored.begin()->second.get_string("cost_usd"), "3");
}

TEST_F(LedgerTest, IsBoundedAndLosesNoAmount) {
  Ledger ledger(10);
  for (int i = 0; i < 100; ++i) ledger.add(settled(1, "1"), line("s" + std::to_string(i)));
  EXPECT_LE(ledger.rows(), 11u);
  EXPECT_EQ(sums(ledger).cost.usd(), "100");
}

TEST_F(LedgerTest, OldDaysAreRolledUpAndKeepTheirSums) {
  Ledger ledger;
  for (int i = 0; i < 20; ++i) ledger.add(settled(1, "1"), line("s" + std::to_string(i)));
  ASSERT_TRUE(flush(ledger, store_.documents()));
  EXPECT_EQ(ledger.rows(), 20u);
  loop_.run_for(limits::kLedgerSessionsAge + 48h);
  ledger.add(settled(1, "1"), line("s1"));
  ASSERT_TRUE(flush(ledger, store_.documents()));
  EXPECT_EQ(ledger.rows(), 2u);
  EXPECT_EQ(sums(ledger).cost.usd(), "21");
  // A correction of what was rolled up lands in the sum, and so does a restart.
  LedgerRecord correction = settled(1, "0.5");
  correction.kind = RecordKind::kCorrect;
  correction.at = loop_.wall() - limits::kLedgerSessionsAge - 48h;
  correction.before = settled(1, "1").billing;
  ledger.add(correction, line("s3"));
  ASSERT_TRUE(flush(ledger, store_.documents()));
  Ledger next;
  ASSERT_TRUE(loop_.run_task(next.load(Context(loop_), &store_.documents())));
  EXPECT_EQ(next.rows(), 2u);
  EXPECT_EQ(sums(next).cost.usd(), "20.5");
}

}  // namespace
}  // namespace drover::trace
