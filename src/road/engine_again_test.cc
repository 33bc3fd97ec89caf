// Calls that wait while the rules or the facts change: they go where these allow it, or nowhere.

#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

class AgainTest : public RoadFixture {
 protected:
  void at(const std::string& host, const std::string& zone, int calls = 0) {
    Json json = Json::object().set("zone", zone).set("prompt_cache", "none");
    if (calls > 0) json.set("calls_in_flight", int64_t{calls});
    facts_ = *catalog::Facts::from_json(json, "test", "2026-11-01");
    add(host);
  }
  void answers(const std::string& host, Duration after = {}, int status = 200) {
    ImposterScript script;
    const std::string body = status == 200 ? chat_body(host) : R"({"error":{"message":"no"}})";
    script.then(answer(status, body).parts[0].bytes, after);
    imposter(host).script(std::move(script));
  }
  void bind_to(const std::string& zone) {
    policy::PolicySpec spec;
    spec.floor = *contract::DataClass::parse("residency=" + zone);
    policy_.replace(*policy::Policy::make(std::move(spec)));
  }
  size_t asked(const std::string& host) { return imposter(host).requests().size(); }
  static Task<void> one(Context ctx, Road* road, ModelCall call, std::string* where) {
    auto out = co_await road->call_model(ctx, std::move(call), nullptr);
    *where = out ? out->endpoint->id : out.error().error.reason + ": " + out.error().error.message;
  }
  void begin(ModelCall call, std::string* where) {
    scope_.spawn(one(scope_.context(), road_.get(), std::move(call), where));
    loop_.run_for(10ms);
  }
  void begin(std::string* where) { begin(call_for(request_body(false)), where); }
  void finish() { loop_.run_task(scope_.join()); }

  async::Scope scope_{Context(loop_)};
};

TEST_F(AgainTest, ACallThatWaitsForAPlaceIsRefusedWhereTheRulesLeaveNone) {
  at("us.test", "us", 1);
  answers("us.test", 5s);
  std::string held, queued;
  begin(&held);
  begin(&queued);
  bind_to("de");
  road_->configure(parts_.settings);
  loop_.run_for(20s);
  EXPECT_EQ(held, "us.test") << "it was sent before";
  EXPECT_NE(queued.find("no_place: no endpoint of the model 'm' may see this data"),
            std::string::npos)
      << queued;
  EXPECT_EQ(asked("us.test"), 1u);
  // Its seat is free for others.
  policy_.replace(std::make_shared<policy::Policy>());
  EXPECT_EQ(run(call_for(request_body(false)))->endpoint->id, "us.test");
  finish();
}

TEST_F(AgainTest, OrGoesWhereTheyAllowItNow) {
  at("us.test", "us", 1);
  answers("us.test", 5s);
  std::string held, queued;
  begin(&held);
  begin(&queued);
  bind_to("de");
  at("de.test", "de");
  answers("de.test");
  loop_.run_for(20s);
  EXPECT_EQ(held, "us.test");
  EXPECT_EQ(queued, "de.test");
  EXPECT_EQ(asked("us.test"), 1u);
  finish();
}

TEST_F(AgainTest, AWaitForABudgetIsNoWayRoundThem) {
  at("us.test", "us");
  answers("us.test");
  auto budget = budget_from_json(*Json::parse(R"({"name":"r","requests":1,"per":"minute"})"));
  ASSERT_TRUE(budget);
  ASSERT_TRUE(accounts_.set_budgets({*budget}));
  ASSERT_TRUE(run(neutral_call()));
  std::string waits;
  begin(neutral_call(), &waits);
  EXPECT_EQ(waits, "");
  bind_to("de");
  loop_.run_for(120s);
  EXPECT_NE(waits.find("no_place"), std::string::npos) << waits;
  EXPECT_EQ(asked("us.test"), 1u);
  finish();
}

TEST_F(AgainTest, FailoverPassesOverWhatTheRulesTookAwayMeanwhile) {
  at("de1.test", "de");
  at("us.test", "us");
  at("de2.test", "de");
  answers("de1.test", 2s, 503);
  answers("us.test");
  answers("de2.test");
  std::string where;
  begin(&where);
  bind_to("de");
  loop_.run_for(20s);
  EXPECT_EQ(where, "de2.test");
  EXPECT_EQ(asked("us.test"), 0u);
  finish();
}

TEST_F(AgainTest, AndSaysWhichRuleItWasWhereNothingElseIsLeft) {
  at("us1.test", "us");
  at("us2.test", "us");
  answers("us1.test", 2s, 503);
  answers("us2.test");
  std::string where;
  begin(&where);
  bind_to("de");
  loop_.run_for(20s);
  EXPECT_EQ(asked("us2.test"), 0u);
  EXPECT_NE(where.find("us2.test -> residency: the data may be in de; its zone is us"),
            std::string::npos)
      << where;
  finish();
}

TEST_F(AgainTest, AnotherMachineByTheSameNameIsAnotherPlace) {
  at("a.test", "de");
  at("b.test", "de");
  answers("a.test", 2s, 503);
  answers("b.test");
  answers("moved.test");
  std::string where;
  begin(&where);
  // What is said of it is said of where it is now.
  endpoints_[1].base_url = "http://moved.test/v1";
  ASSERT_TRUE(catalog_.replace(endpoints_));
  loop_.run_for(20s);
  EXPECT_EQ(asked("b.test"), 0u);
  EXPECT_EQ(where, "b.test");
  EXPECT_EQ(asked("moved.test"), 1u);
  EXPECT_EQ(asked("a.test"), 1u) << "what failed is not tried again";
  finish();
}

TEST_F(AgainTest, FactsThatChangeNothingForItChangeNothing) {
  at("a.test", "de");
  at("b.test", "de");
  answers("a.test", 2s, 503);
  answers("b.test");
  std::string where;
  begin(&where);
  at("c.test", "de");
  loop_.run_for(20s);
  EXPECT_EQ(where, "b.test") << where;
  finish();
}

/// Nobody can be asked about one endpoint.
struct SilentAboutOne final : policy::Authorizer {
  std::optional<policy::Denial> deny(const policy::Ask&,
                                     const policy::Thing& thing) const override {
    if (thing.id != "b1.test") return std::nullopt;
    return policy::Denial{"elsewhere", "it gave no answer", true};
  }
  bool by_tenant() const override { return false; }
  std::string fingerprint() const override { return "silent about one"; }
};

TEST_F(AgainTest, WhereNobodyCouldBeAskedAboutOneAccountThePlaceHasNotFailed) {
  for (const char* host : {"a.test", "b1.test", "b2.test", "c.test"}) at(host, "de");
  for (size_t i : {1, 2}) endpoints_[i].site = "b";
  ASSERT_TRUE(catalog_.replace(endpoints_));
  answers("a.test", 2s, 503);
  for (const char* host : {"b1.test", "b2.test", "c.test"}) answers(host);
  std::string where;
  begin(&where);
  policy_.replace(policy::Policy().with(std::make_shared<SilentAboutOne>()));
  loop_.run_for(20s);
  EXPECT_EQ(asked("b1.test"), 0u);
  EXPECT_EQ(where, "b2.test");
  finish();
}

}  // namespace
}  // namespace drover::road
