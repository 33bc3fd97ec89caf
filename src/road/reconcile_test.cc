#include "road/reconcile.h"

#include <gtest/gtest.h>

namespace drover::road {
namespace {

using trace::BillRow;
using trace::LedgerLine;
using trace::LedgerRecord;
using trace::RecordKind;

class ReconcileTest : public testing::Test {
 protected:
  /// A call from its reservation on.
  uint64_t reserve(std::string key, std::string endpoint = "aws-1/m") {
    LedgerRecord r;
    r.kind = RecordKind::kReserve;
    r.call = next_++;
    r.call_key = std::move(key);
    line_.endpoint = std::move(endpoint);
    line_.provider = line_.endpoint.starts_with("aws") ? "aws-bedrock" : "openai";
    r.at = at_;
    lines_[r.call] = line_;
    reader_.take(r, line_);
    return r.call;
  }
  void settle(uint64_t call, std::string request, int64_t in, int64_t out, bool estimated = false,
              std::string_view cost = "") {
    LedgerRecord r;
    r.kind = RecordKind::kSettle;
    r.call = call;
    r.sequence = 100 + call;
    r.ok = !estimated;
    r.at = at_;
    r.request_id = std::move(request);
    r.billing.usage.input_tokens = in;
    r.billing.usage.output_tokens = out;
    r.billing.usage.estimated = estimated;
    r.billing.cost_known = !cost.empty();
    if (!cost.empty()) r.billing.cost = Money::parse_usd(cost).value();
    reader_.take(r, lines_[call]);
  }
  void release(uint64_t call) {
    LedgerRecord r;
    r.kind = RecordKind::kRelease;
    r.call = call;
    reader_.take(r, lines_[call]);
  }
  Reconciliation run(std::string_view bill, const BillScope& scope = {}) {
    auto rows = trace::read_bill(bill);
    EXPECT_TRUE(rows) << rows.error().message;
    rows_ = std::move(*rows);
    calls_ = std::move(reader_).calls();
    PriceOf price = [](const LedgerLine& line, WallTime, contract::Usage usage,
                       std::string_view tier) {
      trace::Billing out;
      out.usage = std::move(usage);
      out.cost_known = line.endpoint != "gone";
      if (!out.cost_known) return out;
      const int64_t rate = tier == "flex" ? 500 : 1000;
      out.cost = Money::from_pico_usd(rate) * out.usage.input_tokens.value_or(0);
      return out;
    };
    return reconcile(calls_, rows_, scope, price);
  }

  WallTime at_ = wall_from_unix_millis(1'790'000'000'000);
  CallReader reader_;
  LedgerLine line_;
  std::map<uint64_t, LedgerLine> lines_;
  uint64_t next_ = 1;
  std::vector<BillRow> rows_;
  std::vector<LedgerCall> calls_;
};

TEST_F(ReconcileTest, TwoProvidersMayGiveOutTheSameId) {
  settle(reserve("s/1", "aws-1/m"), "req-7", 10, 5);
  settle(reserve("s/2", "oai-1/m"), "req-7", 20, 6);
  auto r = run(R"({"request_id":"req-7","idempotency_key":"s/2","input_tokens":20,"output_tokens":6}
{"request_id":"req-7","idempotency_key":"s/1","input_tokens":10,"output_tokens":5})");
  EXPECT_EQ(r.agreed, 2);
  EXPECT_TRUE(r.exact());
}

TEST_F(ReconcileTest, TheTierOfTheBillCounts) {
  auto under = [&](std::string key, std::string request, std::string tier, bool estimated) {
    const uint64_t call = reserve(std::move(key));
    LedgerRecord r;
    r.kind = RecordKind::kSettle;
    r.call = call;
    r.sequence = 100 + call;
    r.request_id = std::move(request);
    r.tier = std::move(tier);
    r.billing.usage.input_tokens = 10;
    r.billing.usage.output_tokens = 5;
    r.billing.usage.estimated = estimated;
    reader_.take(r, lines_[call]);
  };
  under("k1", "r1", "flex", false);
  under("k2", "r2", "flex", false);     // was served as usual
  under("k3", "r3", "default", false);  // a bill that tells no tier
  under("k4", "", "", true);
  under("k5", "r5", "", false);  // nobody told, and the bill says the usual one
  auto r =
      run("request_id,idempotency_key,service_tier,input_tokens,output_tokens\n"
          "r1,k1,flex,10,5\nr2,k2,default,10,5\nr3,k3,,10,5\n,k4,flex,8,5\nr5,k5,default,10,5\n");
  EXPECT_EQ(r.agreed, 3);
  ASSERT_EQ(r.different.size(), 1u);
  EXPECT_EQ(r.different[0].call->record.request_id, "r2");
  EXPECT_EQ(r.different[0].tier, "default");
  ASSERT_EQ(r.corrected.size(), 1u);
  EXPECT_EQ(r.corrected[0].tier, "flex");
  EXPECT_EQ(r.corrected[0].billed.cost.pico_usd(), 8 * 500) << "at the price of its tier";
}

TEST_F(ReconcileTest, EveryCaseFindsItsPlace) {
  settle(reserve("k1"), "r1", 10, 5);              // agrees
  settle(reserve("k2"), "r2", 10, 5);              // billed otherwise
  settle(reserve("k3"), "", 50, 50, true);         // an estimate, corrected
  settle(reserve("k4"), "", 50, 50, true);         // an estimate, not in the bill
  release(reserve("k5"));                          // free here, billed there
  release(reserve("k6"));                          // free on both sides
  settle(reserve("k7"), "r7", 1, 1);               // not in the bill
  settle(reserve("k8", "azure-1/m"), "r8", 1, 1);  // another provider's
  BillScope scope;
  scope.endpoint = "aws";
  Reconciliation r =
      run("request_id,idempotency_key,input_tokens,output_tokens\n"
          "r1,k1,10,5\n"
          "r2,k2,10,6\n"
          "r3,k3,40,20\n"
          "r5,k5,7,0\n"
          "r6,k6,0,0\n"
          "r9,k9,3,3\n",
          scope);
  EXPECT_EQ(r.agreed, 1);
  ASSERT_EQ(r.different.size(), 1u);
  EXPECT_EQ(r.different[0].call->record.request_id, "r2");
  ASSERT_EQ(r.corrected.size(), 1u);
  EXPECT_EQ(r.corrected[0].billed.usage.input_tokens, 40);
  EXPECT_FALSE(r.corrected[0].billed.usage.estimated);
  EXPECT_EQ(r.corrected[0].billed.cost.pico_usd(), 40'000);
  ASSERT_EQ(r.added.size(), 1u);
  EXPECT_EQ(r.added[0].row->request_id, "r5");
  ASSERT_EQ(r.unknown.size(), 1u);
  EXPECT_EQ(r.unknown[0].row->request_id, "r9");
  ASSERT_EQ(r.unbilled.size(), 1u);
  EXPECT_EQ(r.unbilled[0].call->record.request_id, "r7");
  ASSERT_EQ(r.estimated.size(), 1u);
  EXPECT_EQ(r.estimated[0].call->record.call_key, "k4");
  EXPECT_FALSE(r.exact());
}

TEST_F(ReconcileTest, SeveralAttemptsUnderOneKeyFindTheirOwn) {
  settle(reserve("k"), "", 90, 90, true);         // cut
  settle(reserve("k", "oai"), "", 80, 80, true);  // cut as well, elsewhere
  settle(reserve("k"), "r3", 10, 5);              // and answered
  Reconciliation r = run(
      R"({"request_id":"a0","idempotency_key":"k","provider":"aws-bedrock","billed":{"input_tokens":0,"output_tokens":0}}
{"request_id":"o1","idempotency_key":"k","provider":"openai","billed":{"input_tokens":8,"output_tokens":1}}
{"request_id":"r3","idempotency_key":"k","provider":"aws-bedrock","billed":{"input_tokens":10,"output_tokens":5}}
{"request_id":"a1","idempotency_key":"k","provider":"aws-bedrock","billed":{"input_tokens":9,"output_tokens":2}})");
  EXPECT_EQ(r.agreed, 1);
  ASSERT_EQ(r.corrected.size(), 2u);
  for (const Match& m : r.corrected) {
    EXPECT_EQ(m.call->line.provider, m.row->provider);
    EXPECT_NE(m.row->request_id, "a0") << "a refused attempt is no estimate's";
  }
  EXPECT_TRUE(r.exact());
}

// A call that went on from cloud to cloud leaves attempts under one key at all of them.
TEST_F(ReconcileTest, ABillThatNamesItsProviderIsBookedThere) {
  release(reserve("k", "aws-1/m"));               // free here, billed there
  settle(reserve("k", "oai"), "", 80, 80, true);  // cut
  settle(reserve("k", "oai"), "o2", 10, 5);       // and answered
  Reconciliation r =
      run("idempotency_key,request_id,provider,input_tokens,output_tokens\n"
          "k,o2,openai,10,5\n"
          "k,a1,aws-bedrock,7,0\n"  // the released one
          "k,o1,openai,8,1\n"       // the estimate
          "k,a2,aws-bedrock,9,0\n"  // sent twice there
          "k,c1,coreweave,3,3\n");  // and never here
  EXPECT_EQ(r.agreed, 1);
  ASSERT_EQ(r.corrected.size(), 1u);
  EXPECT_EQ(r.corrected[0].row->request_id, "o1");
  ASSERT_EQ(r.added.size(), 2u);
  for (const Match& m : r.added) EXPECT_EQ(m.call->line.provider, "aws-bedrock");
  ASSERT_EQ(r.unknown.size(), 1u);
  EXPECT_EQ(r.unknown[0].row->request_id, "c1");
}

TEST_F(ReconcileTest, ABillOfTwoProvidersSaysNothingOfAThird) {
  settle(reserve("k1", "aws-1/m"), "r1", 10, 5);
  settle(reserve("k2", "oai"), "r2", 20, 6);
  BillScope scope;
  scope.providers = {"openai", "coreweave"};
  Reconciliation r = run("request_id,input_tokens,output_tokens\nr2,20,6\n", scope);
  EXPECT_EQ(r.agreed, 1);
  EXPECT_TRUE(r.exact()) << "the first call is not in this bill's reach";
  EXPECT_EQ(r.ledger_tokens, 26);
}

// The provider counts a call on the day it came, the ledger on the day it ended.
TEST_F(ReconcileTest, ACallOverMidnightAgreesWithTheBillThatHasIt) {
  BillScope day;
  day.to = at_;
  settle(reserve("k1"), "r1", 10, 5);
  at_ += std::chrono::seconds(3);
  settle(reserve("k2"), "r2", 20, 6);
  settle(reserve("k3"), "r3", 7, 7);
  Reconciliation r = run("request_id,input_tokens,output_tokens\nr1,10,5\nr2,20,6\n", day);
  EXPECT_EQ(r.agreed, 2);
  EXPECT_TRUE(r.exact()) << "what came later stands in the next bill";
  EXPECT_EQ(r.ledger_tokens, r.billed_tokens);
}

TEST_F(ReconcileTest, WhatWasCorrectedAgreesTheNextTime) {
  settle(reserve("k1"), "", 50, 50, true);
  LedgerRecord c;
  c.kind = RecordKind::kCorrect;
  c.call = 101;
  c.billing.usage.input_tokens = 40;
  c.billing.usage.output_tokens = 20;
  reader_.take(c, line_);
  Reconciliation r = run("idempotency_key,input_tokens,output_tokens\nk1,40,20\n");
  EXPECT_EQ(r.agreed, 1);
  EXPECT_TRUE(r.corrected.empty());
  EXPECT_TRUE(calls_[0].corrected);
}

TEST_F(ReconcileTest, AnAttemptThatWasSentTwiceAndBilledTwiceGetsARowMore) {
  settle(reserve("k1"), "r1", 10, 5);
  Reconciliation r =
      run("request_id,idempotency_key,input_tokens,output_tokens\nr0,k1,10,1\nr1,k1,10,5\n");
  EXPECT_EQ(r.agreed, 1);
  ASSERT_EQ(r.added.size(), 1u);
  EXPECT_TRUE(r.added[0].extra);
  EXPECT_EQ(r.added[0].billed.usage.output_tokens, 1);
}

// Its endpoint was taken out of the configuration, or this is a folder without one.
TEST_F(ReconcileTest, WithoutAPriceTheMoneyStaysAsItWasBooked) {
  settle(reserve("k1", "gone"), "", 50, 50, true, "0.5");
  settle(reserve("k2", "gone"), "", 50, 50, true, "0.5");
  settle(reserve("k3", "gone"), "", 50, 50, true, "0.5");
  Reconciliation r =
      run("idempotency_key,input_tokens,output_tokens,cost_usd\nk1,40,20,\nk2,40,20,0.25\n");
  ASSERT_EQ(r.corrected.size(), 2u);
  EXPECT_EQ(r.corrected[0].billed.usage.input_tokens, 40);
  EXPECT_EQ(r.corrected[0].billed.cost.usd(), "0.5");
  EXPECT_TRUE(r.corrected[0].billed.cost_known);
  EXPECT_TRUE(r.corrected[0].billed.usage.estimated) << "the money is one still";
  EXPECT_EQ(r.corrected[1].billed.cost.usd(), "0.25");
  EXPECT_FALSE(r.corrected[1].billed.usage.estimated);
  ASSERT_EQ(r.estimated.size(), 1u);
  EXPECT_TRUE(r.estimated[0].billed.cost_known) << "nothing costs nothing";
  EXPECT_TRUE(r.estimated[0].billed.cost.is_zero());
}

TEST_F(ReconcileTest, ABillInMoneyAloneSetsTheMoney) {
  settle(reserve("k1"), "r1", 50, 50, true);
  Reconciliation r = run("request_id,cost_usd\nr1,0.25\n");
  ASSERT_EQ(r.corrected.size(), 1u);
  EXPECT_EQ(r.corrected[0].billed.cost.usd(), "0.25");
  EXPECT_EQ(r.corrected[0].billed.usage.input_tokens, 50);
}

TEST(Bill, IsReadAgainAsItWasWritten) {
  auto rows = trace::read_bill(
      "request_id,call,time,provider,endpoint,region,model,tier,input_tokens,cache_read_tokens,"
      "cost\n"
      "r1,k1,2026-11-23T10:00:00.5Z,openai,oai,eu,gpt,flex,10,4,\n"
      "r2,,,,,,,,,,0.25\n");
  ASSERT_TRUE(rows) << rows.error().message;
  auto again = trace::read_bill(trace::write_bill(*rows));
  ASSERT_TRUE(again) << again.error().message;
  ASSERT_EQ(again->size(), 2u);
  const BillRow& row = again->front();
  EXPECT_EQ(row.request_id + row.call_key + row.provider + row.endpoint + row.region + row.model +
                row.tier,
            "r1k1openaioaieugptflex");
  EXPECT_EQ(row.at, rows->front().at);
  EXPECT_EQ(row.usage, rows->front().usage);
  EXPECT_FALSE(row.cost);
  EXPECT_EQ((*again)[1].cost, Money::parse_usd("0.25").value());
  EXPECT_FALSE((*again)[1].usage.known());
}

TEST(Bill, SaysWhichRowIsWrong) {
  struct Bad {
    std::string_view text, says;
  };
  for (const Bad& bad : {
           Bad{"", "empty"},
           Bad{"request_id,input_tokens\nr1,many\n", "row 2"},
           Bad{"request_id,cost_usd\nr1,1\nr2,-1\n", "row 3"},
           Bad{"request_id\nr1\n", "nor cost_usd"},
           Bad{"Date,Amount\n", "first line"},
           Bad{"request_id,cost\nr1,\n", "neither tokens nor a cost"},
           Bad{"time,input_tokens\nyesterday,1\n", "RFC 3339"},
           Bad{"request_id,input_tokens\n\"r1,1\n", "no end"},
           Bad{"{\"request_id\":\"r\"}\n", "neither tokens"},
           Bad{"time,model,input_tokens\n2026-11-23T00:00:00Z,m,7\n", "idempotency_key"},
           Bad{"request_id,day,model,cost_usd\n,2026-11-23,m,7\n", "cost --by day"},
           Bad{R"([{"model":"m","input_tokens":7},{"model":"n","input_tokens":8}])", "request_id"},
       }) {
    auto rows = trace::read_bill(bad.text);
    ASSERT_FALSE(rows) << bad.text;
    EXPECT_NE(rows.error().message.find(bad.says), std::string::npos) << rows.error().message;
  }
}

}  // namespace
}  // namespace drover::road
