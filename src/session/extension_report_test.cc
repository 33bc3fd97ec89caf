#include "session/extension_report.h"

#include <gtest/gtest.h>

namespace drover::session {
namespace {

/// A journal written line by line, a second between events.
class Journal {
 public:
  uint64_t add(std::string kind, std::string_view payload, uint64_t causation = 0,
               uint32_t attempt = 0, std::string actor = "system") {
    contract::Event e;
    e.session = SessionId("ses_1");
    e.sequence = ++sequence_;
    e.time = WallTime(std::chrono::seconds(1'000 + sequence_));
    e.kind = std::move(kind);
    e.causation = causation;
    e.attempt = attempt;
    e.actor.type = std::move(actor);
    e.payload = std::string(payload);
    analysis_.take(e);
    return sequence_;
  }
  uint64_t start(int64_t step_budget) {
    return add("session.started", R"({"agent":{"name":"a","version":"1","step_budget":{"tokens":)" +
                                      std::to_string(step_budget) + R"(}},"tenant":"t"})");
  }
  uint64_t call(int step) {
    return add("model.call", R"({"step":)" + std::to_string(step) + "}", 0, 1);
  }
  void ask(std::string id, int64_t tokens) {
    add("budget.extension_requested",
        R"({"request_id":")" + id + R"(","budget":"step","amount":"","reason_code":"long",)" +
            R"("explanation":"many pages","tokens":)" + std::to_string(tokens) + "}");
  }
  void decide(std::string id, bool granted, int64_t tokens, std::string by) {
    add("budget.extension_decided", R"({"request_id":")" + id + R"(","granted":)" +
                                        (granted ? "true" : "false") + R"(,"tokens":)" +
                                        std::to_string(tokens) + R"(,"by":")" + by + R"("})");
  }
  void settle(uint64_t call, int64_t tokens) {
    add("budget.settled", R"({"reservation":"r","tokens":)" + std::to_string(tokens) + "}", call);
  }
  std::vector<ExtensionCase> cases() const { return analysis_.cases(); }

 private:
  ExtensionAnalysis analysis_;
  uint64_t sequence_ = 0;
};

TEST(ExtensionReport, AGrantThatPaidOff) {
  Journal j;
  j.start(1000);
  uint64_t first = j.call(1);
  j.settle(first, 900);
  j.add("model.result", R"({"finish_reason":"tool_calls"})", first, 1);
  j.ask("x1", 500);
  j.add("wait.started", R"({"for":"budget"})");
  j.decide("x1", true, 400, "person");
  uint64_t second = j.call(2);
  j.add("model.call", "{}", second, 2);
  j.add("model.result", R"({"ignored":"late","error":{"code":"x","message":"y"}})", second, 1);
  j.settle(second, 1250);
  EXPECT_FALSE(j.cases()[0].paid_off) << "a late result says nothing";
  j.add("model.result", R"({"finish_reason":"stop"})", second, 2);
  j.add("reward", R"({"name":"good","value":0.5})");
  j.add("reward", R"({"name":"other step","value":9,"step":7})");
  auto cases = j.cases();
  ASSERT_EQ(cases.size(), 1u);
  const ExtensionCase& c = cases[0];
  EXPECT_EQ(c.agent, "a");
  EXPECT_EQ(c.step, 1);
  EXPECT_EQ(c.reason_code, "long");
  EXPECT_EQ(c.tokens_asked, 500);
  EXPECT_EQ(c.tokens_granted, 400);
  EXPECT_EQ(c.tokens_used, 250) << "1250 settled in the step it was for, 1000 of them its own";
  EXPECT_EQ(c.by, "person");
  EXPECT_EQ(c.decided_after, Duration(2s));
  EXPECT_EQ(c.paid_off, true);
  EXPECT_EQ(c.rewards, std::vector<double>{0.5});
}

TEST(ExtensionReport, WhatACrashMayHaveCostIsNotUsedOfAGrant) {
  Journal j;
  j.start(1000);
  uint64_t call = j.call(1);
  j.ask("x1", 500);
  j.decide("x1", true, 500, "person");
  const char* lost = R"({"reservation":"r","tokens":1500,"step_tokens":300,"estimated":true})";
  j.add("budget.settled", lost, call, 1);
  j.add("model.call", "{}", call, 2);
  j.settle(call, 800);
  j.add("model.result", R"({"finish_reason":"stop"})", call, 2);
  ASSERT_EQ(j.cases().size(), 1u);
  EXPECT_EQ(j.cases()[0].tokens_used, 100);
}

TEST(ExtensionReport, GrantsThatDidNotPayOff) {
  Journal j;
  j.start(100);
  uint64_t call = j.call(1);
  j.ask("x1", 50);
  j.decide("x1", true, 50, "rule:extensions");
  j.ask("x2", 50);
  j.decide("x2", true, 50, "rule:extensions");
  j.settle(call, 180);
  j.add("model.result", R"({"finish_reason":"length"})", call, 1);
  j.ask("x3", 5000);
  j.decide("x3", false, 0, "person");
  j.ask("x4", 1);
  auto cases = j.cases();
  ASSERT_EQ(cases.size(), 4u);
  EXPECT_EQ(cases[0].paid_off, false);
  EXPECT_EQ(cases[0].tokens_used, 50) << "the earlier grant first";
  EXPECT_EQ(cases[1].tokens_used, 30);
  EXPECT_FALSE(cases[2].paid_off) << "it was refused";
  EXPECT_FALSE(cases[3].decided);
  auto sums = summarise(cases);
  ASSERT_EQ(sums.size(), 1u);
  EXPECT_EQ(sums[0].requests, 4);
  EXPECT_EQ(sums[0].granted, 2);
  EXPECT_EQ(sums[0].refused, 1);
  EXPECT_EQ(sums[0].pending, 1);
  EXPECT_EQ(sums[0].by_rule, 2);
  EXPECT_EQ(sums[0].by_person, 1);
  EXPECT_EQ(sums[0].concluded, 2);
  EXPECT_EQ(sums[0].paid_off, 0);
  EXPECT_EQ(sums[0].tokens_used, 80);
}

TEST(ExtensionReport, RaisesErrorsAndEnds) {
  Journal j;
  j.start(0);
  j.add("budget.extension_decided", R"({"request_id":"raise2","granted":true,"tokens":10})", 0, 0,
        "user");
  auto cases = j.cases();
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_TRUE(cases[0].unasked);
  EXPECT_EQ(cases[0].by, "person");
  EXPECT_EQ(cases[0].tokens_granted, 10);
  uint64_t call = j.call(1);
  j.add("model.result", R"({"error":{"code":"x","message":"y"}})", call, 1);
  EXPECT_EQ(j.cases()[0].paid_off, false);
  j.ask("x2", 1);
  j.decide("x2", true, 1, "rule:extensions");
  j.add("purge", "");
  j.add("nonsense", "{");
  j.add("session.ended", R"({"reason":"cancelled"})");
  EXPECT_EQ(j.cases()[1].paid_off, false);
  EXPECT_EQ(summarise(j.cases()).size(), 2u);
}

}  // namespace
}  // namespace drover::session
