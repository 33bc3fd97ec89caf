// The road and the accounts: what a call does to them, answered, failed, refused or left.

#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

class RoadBudgetTest : public RoadFixture {
 protected:
  void budgets(std::initializer_list<std::string_view> list) {
    std::vector<Budget> out;
    for (std::string_view text : list) {
      auto one = budget_from_json(*Json::parse(text));
      ASSERT_TRUE(one) << one.error().message;
      out.push_back(*one);
    }
    ASSERT_TRUE(accounts_.set_budgets(std::move(out)));
  }
  Use used(std::string_view name) {
    for (const Accounts::Report& r : accounts_.report()) {
      EXPECT_TRUE(r.reserved.empty()) << "nothing is in flight";
      if (r.account->budget().name == name) return r.used;
    }
    return Use();
  }
};

TEST_F(RoadBudgetTest, AnAnswerSettlesWhatTheProviderSays) {
  add("one.test");
  budgets({R"({"name":"all","money":1,"tokens":100000,"requests":10})"});
  imposter("one.test").script(answer(200, chat_body("hi")));
  ASSERT_TRUE(run(call_for(request_body(false))));
  Use use = used("all");
  EXPECT_EQ(use.requests, 1);
  EXPECT_EQ(use.tokens, 15);
  EXPECT_EQ(use.money, sums().cost);
}

TEST_F(RoadBudgetTest, ARefusalSendsNothing) {
  add("one.test");
  budgets({R"({"name":"tiny","money":0.0000001})"});
  auto outcome = run(call_for(request_body(false)));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.reason, "budget_exceeded");
  EXPECT_TRUE(imposter("one.test").requests().empty());
  EXPECT_EQ(sums(), trace::LedgerSums());
  EXPECT_EQ(health_.check(endpoints_[0]).circuit, catalog::Circuit::kClosed)
      << "it says nothing about the endpoint";
}

TEST_F(RoadBudgetTest, AllAnswersOfACallAreReserved) {
  add("one.test");
  budgets({R"({"name":"few","tokens":900})"});
  auto ask = [&](std::string_view more) {
    std::string body = request_body(false);
    body.insert(body.size() - 1, more);
    return run(call_for(std::move(body)));
  };
  // Each fits, ten of them do not.
  imposter("one.test").script(answer(200, chat_body("hi")));
  EXPECT_TRUE(ask(R"(,"max_tokens":100)"));
  auto ten = ask(R"(,"max_tokens":100,"n":10)");
  ASSERT_FALSE(ten);
  EXPECT_EQ(ten.error().error.reason, "budget_exceeded");
  EXPECT_EQ(imposter("one.test").requests().size(), 1u);
}

TEST_F(RoadBudgetTest, ACallBeyondAWholeRateIsNotToldToComeBack) {
  add("one.test");
  budgets({R"({"name":"rate","tokens":300,"per":"minute"})"});
  auto outcome = run(neutral_call());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.reason, "budget_exceeded");
  EXPECT_EQ(outcome.error().error.retry, Retry::kNever);
  EXPECT_FALSE(outcome.error().error.retry_after);
  EXPECT_NE(outcome.error().error.message.find("more than the whole budget"), std::string::npos);
}

TEST_F(RoadBudgetTest, ANumberThatNobodyMeansFreesNothing) {
  add("one.test");
  budgets({R"({"name":"few","tokens":900,"money":0.01})"});
  auto hold = [&](std::string_view more) {
    std::string body = request_body(false);
    body.insert(body.size() - 1, more);
    ModelCall call = call_for(std::move(body));
    return ask_for(endpoints_[0], call.prompt, loop_.wall(), "", "", true);
  };
  for (std::string_view more : {R"(,"max_tokens":9223372036854775807)",
                                R"(,"max_tokens":9223372036854775807,"n":9223372036854775807)",
                                R"(,"max_tokens":-1000,"n":-5)"}) {
    const Ask ask = hold(more);
    EXPECT_GE(ask.output_tokens, 0) << more;
    EXPECT_GT(ask.input_tokens + ask.output_tokens, 0) << more;
    EXPECT_GT(ask.money, Money()) << more;
  }
  auto huge = run(call_for(R"({"model":"m","max_tokens":9223372036854775807,)"
                           R"("messages":[{"role":"user","content":"hi"}]})"));
  ASSERT_FALSE(huge);
  EXPECT_EQ(huge.error().error.reason, "budget_exceeded");
}

TEST_F(RoadBudgetTest, AProviderBeyondItsBudgetIsPassedOver) {
  add("one.test");
  add("two.test");
  endpoints_[0].provider = "vllm";
  ASSERT_TRUE(catalog_.replace(endpoints_));
  budgets({R"({"name":"first","provider":"vllm","money":0.0000001,"per":"day"})",
           R"({"name":"requests","requests":1})"});
  imposter("two.test").script(answer(200, chat_body("hi")));
  auto outcome = run(call_for(request_body(false)));
  ASSERT_TRUE(outcome) << outcome.error().error.message;
  EXPECT_EQ(outcome->endpoint->id, "two.test");
  EXPECT_TRUE(imposter("one.test").requests().empty());
  EXPECT_EQ(used("requests").requests, 1) << "one call is one request";
}

TEST_F(RoadBudgetTest, AFailedAttemptGivesItsReservationBack) {
  add("one.test");
  add("two.test");
  // Room for one call at a time: two reservations would not fit.
  budgets({R"({"name":"narrow","money":0.01})"});
  imposter("one.test").script(answer(503, R"({"error":{"message":"busy"}})"));
  imposter("two.test").script(answer(200, chat_body("hi")));
  auto outcome = run(call_for(request_body(false)));
  ASSERT_TRUE(outcome) << outcome.error().error.message;
  EXPECT_EQ(used("narrow").money, outcome->cost);
}

TEST_F(RoadBudgetTest, EachDimensionLimitsItsOwnAndNobodyElse) {
  add("one.test");
  add("two.test", "env:GOOD_KEY", "n");
  endpoints_[1].provider = "vllm";
  ASSERT_TRUE(catalog_.replace(endpoints_));
  const std::string usage = R"("usage":{"prompt_tokens":4000,"completion_tokens":1000})";
  for (const char* host : {"one.test", "two.test"}) {
    imposter(host).script(answer(200, chat_body("hi", usage)));
  }
  // In the order of kDimensionNames.
  const DimensionValues mine = {"ten_1", "key_1",    "scout",
                                "ses_1", "ses_root", endpoints_[0].provider};
  const DimensionValues theirs = {"ten_2", "key_2", "miner", "ses_2", "ses_other", "vllm"};
  auto why_not = [&](const DimensionValues& who) -> std::string {
    ModelCall call = call_for(request_body(false), {who[5] == "vllm" ? "n" : "m"});
    identity::Principal principal = identity::Principal::system(TenantId(who[0]));
    principal.key = KeyId(who[1]);
    call.principal = std::move(principal);
    call.party = Party{who[3], who[2], who[4]};
    auto outcome = run(std::move(call));
    return outcome ? "" : outcome.error().error.reason;
  };
  for (size_t d = 0; d < kDimensions; ++d) {
    for (const std::string& whom : {mine[d], std::string(kEach)}) {
      const std::string name = std::string(kDimensionNames[d]) + " " + whom;
      // A rolling one begins at nothing, whatever was used before.
      Json budget = Json::object().set("name", name).set(std::string(kDimensionNames[d]), whom);
      budget.set("tokens", 6000).set("per", "day").set("rolling", true);
      budgets({budget.dump()});
      DimensionValues other = mine;
      other[d] = theirs[d];
      EXPECT_EQ(why_not(mine), "") << name;
      EXPECT_EQ(why_not(mine), "budget_exceeded") << name;
      EXPECT_EQ(why_not(other), "") << name << ": another is left alone";
      EXPECT_EQ(why_not(mine), "budget_exceeded") << name;
      // Of the same, whatever else differs.
      DimensionValues same = theirs;
      same[d] = mine[d];
      EXPECT_EQ(why_not(same), "budget_exceeded") << name;
    }
  }
}

TEST_F(RoadBudgetTest, ASessionWaitsForItsRateAndACallerIsTold) {
  add("one.test");
  budgets({R"({"name":"rate","requests":1,"per":"minute"})"});
  imposter("one.test").script(answer(200, chat_body("a")));
  imposter("one.test").script(answer(200, chat_body("b")));
  ASSERT_TRUE(run(neutral_call()));
  auto told = run(call_for(request_body(false)));
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().error.reason, "rate_limited");
  MonoTime before = loop_.mono();
  auto waited = run(neutral_call());
  ASSERT_TRUE(waited) << waited.error().error.message;
  EXPECT_GT(loop_.mono() - before, Duration(1s));
  EXPECT_LE(loop_.mono() - before, Duration(61s));
}

}  // namespace
}  // namespace drover::road
