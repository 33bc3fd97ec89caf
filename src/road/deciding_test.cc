// Slow rules on another thread: the call waits for its own decision, the loop serves the others.

#include "road/deciding.h"

#include <atomic>
#include <deque>

#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

/// Work that is done when the test says so.
class HeldExecutor final : public async::Executor {
 public:
  void submit(std::function<void()> work) override { held.push_back(std::move(work)); }
  void run_one() {
    std::function<void()> work = std::move(held.front());
    held.pop_front();
    work();
  }
  std::deque<std::function<void()>> held;
};

/// Rules that take long: one endpoint may not see confidential data.
class SlowRules final : public policy::Authorizer {
 public:
  SlowRules(std::string forbidden, std::string print)
      : forbidden_(std::move(forbidden)), print_(std::move(print)) {}
  std::optional<policy::Denial> deny(const policy::Ask& ask,
                                     const policy::Thing& thing) const override {
    ++asked;
    if (ask.data.sensitivity < contract::Sensitivity::kConfidential || thing.id != forbidden_) {
      return std::nullopt;
    }
    return policy::Denial{"slow:" + print_, "the rule says so"};
  }
  bool slow() const override { return true; }
  bool by_tenant() const override { return looks_at_tenants; }
  std::string fingerprint() const override { return print_; }
  mutable std::atomic<int> asked = 0;
  bool looks_at_tenants = false;

 private:
  std::string forbidden_;
  std::string print_;
};

class DecidingTest : public RoadFixture {
 protected:
  DecidingTest() {
    facts_ = *catalog::Facts::from_json(*Json::parse(R"({"cleared_for":"restricted"})"), "test",
                                        "2026-11-01");
    parts_.decider = &executor_;
    make();
    for (const char* host : {"a.test", "b.test"}) {
      add(host);
      imposter(host).script(answer(200, chat_body(host)));
    }
    use("a.test", "one");
  }
  void use(std::string forbidden, std::string print) {
    rules_ = std::make_shared<SlowRules>(std::move(forbidden), std::move(print));
    policy::PolicySpec spec;
    spec.authorizers.push_back(rules_);
    policy_.replace(*policy::Policy::make(std::move(spec)));
  }
  ModelCall call(const std::string& data_class) {
    ModelCall out = call_for(request_body(false));
    out.data_class = *contract::DataClass::parse(data_class);
    return out;
  }
  static Task<void> one(Context ctx, road::Road* road, ModelCall call, std::string* where) {
    auto out = co_await road->call_model(ctx, std::move(call), nullptr);
    *where = out ? out->endpoint->id : out.error().error.message;
  }
  /// Its endpoint, or the error; empty while it waits.
  void begin(async::Scope& scope, const std::string& data_class, std::string* where) {
    scope.spawn(one(scope.context(), road_.get(), call(data_class), where));
    loop_.run_for(10ms);
  }

  HeldExecutor executor_;
  std::shared_ptr<SlowRules> rules_;
};

TEST_F(DecidingTest, ACallWaitsForItsOwnDecisionAndNobodyElseDoes) {
  async::Scope scope{Context(loop_)};
  std::string known, waits;
  begin(scope, "", &known);
  ASSERT_EQ(executor_.held.size(), 1u);
  executor_.run_one();
  loop_.run_for(100ms);
  EXPECT_EQ(known, "a.test");
  const int asked = rules_->asked;

  begin(scope, "sensitivity=confidential", &waits);
  EXPECT_EQ(rules_->asked, asked) << "nothing is asked on the loop";
  for (int i = 0; i < 3; ++i) {
    std::string other;
    begin(scope, "", &other);
    loop_.run_for(100ms);
    EXPECT_EQ(other, "a.test") << "answered while the decision is being made";
  }
  EXPECT_EQ(waits, "");
  ASSERT_EQ(executor_.held.size(), 1u);
  executor_.run_one();
  loop_.run_for(100ms);
  EXPECT_EQ(waits, "b.test");
  EXPECT_EQ(run(call("sensitivity=confidential"))->endpoint->id, "b.test") << "it is kept";
  EXPECT_TRUE(executor_.held.empty());
  loop_.run_task(scope.join());
}

Task<void> timed(Context ctx, road::Road* road, ModelCall call, LatencyParts* took) {
  auto out = co_await road->call_model(ctx, std::move(call), nullptr);
  *took = out->latency;
}

TEST_F(DecidingTest, TheWaitForADecisionIsItsPlacements) {
  async::Scope scope{Context(loop_)};
  LatencyParts took;
  const MonoTime begin = loop_.mono();
  scope.spawn(timed(scope.context(), road_.get(), call("sensitivity=confidential"), &took));
  loop_.run_for(30ms);
  executor_.run_one();
  loop_.run_task(scope.join());
  EXPECT_GE(took.placement, Duration(30ms));
  checked(took, loop_.mono() - begin);

  const MonoTime again = loop_.mono();
  const auto known = run(call("sensitivity=confidential"));
  EXPECT_EQ(checked(known->latency, loop_.mono() - again).placement, Duration::zero());
}

TEST_F(DecidingTest, CallsOfOneClassShareADecisionWhateverTheyNeed) {
  async::Scope scope{Context(loop_)};
  std::vector<std::string> where(5);
  for (std::string& w : where) begin(scope, "sensitivity=confidential", &w);
  ModelCall needy = call("sensitivity=confidential");
  needy.needs.make().vision = true;
  std::string none;
  scope.spawn(one(scope.context(), road_.get(), std::move(needy), &none));
  loop_.run_for(10ms);
  ASSERT_EQ(executor_.held.size(), 1u);
  executor_.run_one();
  loop_.run_for(100ms);
  for (const std::string& w : where) EXPECT_EQ(w, "b.test");
  EXPECT_NE(none.find("needs"), std::string::npos) << none;
  EXPECT_EQ(rules_->asked, 2) << "each endpoint once";
  loop_.run_task(scope.join());
}

TEST_F(DecidingTest, ADecisionOfAnOlderPolicyIsThrownAway) {
  async::Scope scope{Context(loop_)};
  std::string where;
  begin(scope, "sensitivity=confidential", &where);
  use("b.test", "two");
  executor_.run_one();
  loop_.run_for(100ms);
  EXPECT_EQ(where, "") << "what the old policy said is not used";
  ASSERT_EQ(executor_.held.size(), 1u) << "it is asked anew";
  executor_.run_one();
  loop_.run_for(100ms);
  EXPECT_EQ(where, "a.test");
  loop_.run_task(scope.join());
}

TEST_F(DecidingTest, WhoLeavesDoesNotEndItForOthers) {
  async::Scope scope{Context(loop_)};
  async::Scope leaver{Context(loop_)};
  std::string left, stays;
  begin(leaver, "sensitivity=confidential", &left);
  begin(scope, "sensitivity=confidential", &stays);
  leaver.cancel("gone");
  loop_.run_for(10ms);
  EXPECT_NE(left, "") << "he has his answer at once";
  executor_.run_one();
  loop_.run_for(100ms);
  EXPECT_EQ(stays, "b.test");
  loop_.run_task(leaver.join());
  loop_.run_task(scope.join());
}

TEST_F(DecidingTest, WhatWasAskedBeforeAReloadIsAskedAgainAhead) {
  async::Scope scope{Context(loop_)};
  std::string where;
  begin(scope, "sensitivity=confidential", &where);
  executor_.run_one();
  loop_.run_for(100ms);
  use("b.test", "two");
  road_->configure(parts_.settings);
  for (int i = 0; i < 4 && (loop_.run_for(1ms), !executor_.held.empty()); ++i) executor_.run_one();
  loop_.run_for(1ms);
  EXPECT_EQ(rules_->asked, 4) << "that class, and data of which nothing is said";
  EXPECT_EQ(run(call("sensitivity=confidential"))->endpoint->id, "a.test");
  EXPECT_TRUE(executor_.held.empty());
  loop_.run_task(scope.join());
}

TEST_F(DecidingTest, RulesThatLookAtTenantsAreNotAskedAheadInNobodysName) {
  rules_->looks_at_tenants = true;
  road_->configure(parts_.settings);
  loop_.run_for(1ms);
  EXPECT_TRUE(executor_.held.empty());
  use("a.test", "for all");
  road_->configure(parts_.settings);
  loop_.run_for(1ms);
  ASSERT_EQ(executor_.held.size(), 1u);
  executor_.run_one();
  loop_.run_for(1ms);
}

TEST_F(DecidingTest, AnExplanationAsksNothingAgain) {
  async::Scope scope{Context(loop_)};
  std::string where;
  begin(scope, "sensitivity=confidential", &where);
  executor_.run_one();
  loop_.run_for(100ms);
  const int asked = rules_->asked;
  SupposedCall supposed;
  supposed.tenant = "ten_1";
  supposed.data_class = *contract::DataClass::parse("sensitivity=confidential");
  supposed.ladder = {"m"};
  auto explained = road_->explain(supposed);
  ASSERT_EQ(explained.rejected.size(), 1u);
  EXPECT_EQ(explained.rejected[0].rule, "slow:one");
  EXPECT_EQ(explained.rejected[0].reason, "the rule says so");
  EXPECT_EQ(rules_->asked, asked);
  loop_.run_task(scope.join());
}

}  // namespace
}  // namespace drover::road
