#include "session/session_test_world.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

std::string agent(std::string more) {
  return R"({"name":"a","models":["m"],"tools":["fake"],"builtins":["request_extension"],)" + more +
         "}";
}

TEST(Budget, EachCallIsReservedAndSettledOnce) {
  World w;
  w.road.price_input = Money::from_pico_usd(1'000'000);
  w.road.price_output = Money::from_pico_usd(4'000'000);
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(agent(R"("limits":{"output_tokens":50})"), "go");
  w.loop.run_for(5s);
  EXPECT_EQ(w.count(id, kind::kBudgetReserved), 1u);
  EXPECT_EQ(w.count(id, kind::kBudgetSettled), 1u);
  Json reserved = w.payload(id, kind::kBudgetReserved);
  Json settled = w.payload(id, kind::kBudgetSettled);
  EXPECT_EQ(reserved.get_string("reservation"), settled.get_string("reservation"));
  EXPECT_GE(*reserved.get_int("tokens"), 60);
  EXPECT_EQ(settled.get_int("tokens"), 15);
  EXPECT_EQ(settled.get_string("cost_usd"), "0.00003");
  EXPECT_EQ(w.state(id).cost.usd(), "0.00003");
  EXPECT_EQ(w.state(id).tokens, 15);
}

TEST(Budget, TheOutputLimitIsClampedToTheStep) {
  World w;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    EXPECT_TRUE(r.max_tokens.has_value());
    EXPECT_LT(r.max_tokens.value_or(1000), 1000);
    return say("ok");
  };
  w.create(agent(R"("step_budget":{"tokens":1000})"), "go");
  w.loop.run_for(5s);
  EXPECT_EQ(w.road.calls, 1);
}

TEST(Budget, AnAnswerThatIsCutPausesAndGoesOnWhenAPersonGrantsMore) {
  World w;
  w.road.output_tokens = 900;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("long"); };
  SessionId id = w.create(agent(R"("step_budget":{"tokens":1000})"), "go");
  w.loop.run_for(60s);
  State s = w.state(id);
  EXPECT_EQ(s.reason, "budget");
  EXPECT_EQ(w.road.calls, 1);
  EXPECT_EQ(w.payload(id, kind::kBudgetExceeded).get_string("effect"), "cut");
  w.crash();
  w.loop.run_for(60s);
  EXPECT_EQ(w.road.calls, 1) << "paused over a restart";
  ExtensionDecision more;
  more.tokens = 5000;
  more.explanation = "worth it";
  w.decide(id, more);
  w.loop.run_for(5s);
  EXPECT_EQ(w.road.calls, 2);
  EXPECT_EQ(w.state(id).messages.back().text(), "long");
  EXPECT_EQ(w.payload(id, kind::kWaitResolved).get_string("outcome"), "granted");
}

TEST(Budget, APromptThatIsTooLargeIsRefusedBeforeTheCall) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(agent(R"("step_budget":{"tokens":500})"), std::string(3000, 'x'));
  w.loop.run_for(60s);
  EXPECT_EQ(w.road.calls, 0);
  EXPECT_EQ(w.state(id).reason, "budget");
  EXPECT_EQ(w.payload(id, kind::kBudgetExceeded).get_string("effect"), "refused");
}

TEST(Budget, TimeCutsACallAndTheSessionPauses) {
  World w;
  w.road.think = 30s;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("slow"); };
  SessionId id = w.create(agent(R"("step_budget":{"time_s":10})"), "go");
  w.loop.run_for(120s);
  EXPECT_EQ(w.state(id).reason, "budget");
  EXPECT_EQ(w.payload(id, kind::kBudgetExceeded).get_string("budget"), "time");
  ExtensionDecision more;
  more.time = 60s;
  w.decide(id, more);
  w.loop.run_for(120s);
  EXPECT_EQ(w.state(id).messages.back().text(), "slow");
}

TEST(Budget, TimeCutsATool) {
  World w;
  w.tools.latency["t"] = 30s;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    return r.messages.back().role == Role::kUser ? call_tools({"t"}) : say("done");
  };
  SessionId id = w.create(agent(R"("step_budget":{"time_s":10})"), "go");
  w.loop.run_for(120s);
  EXPECT_EQ(w.state(id).reason, "budget");
  ExtensionDecision more;
  more.time = 60s;
  w.decide(id, more);
  w.loop.run_for(120s);
  EXPECT_EQ(w.state(id).messages.back().text(), "done");
  ASSERT_EQ(w.tools.calls.size(), 2u);
  EXPECT_EQ(w.tools.calls[0].idempotency_key, w.tools.calls[1].idempotency_key);
  EXPECT_EQ(w.tools.calls[1].attempt, 2);
}

constexpr std::string_view kAsk =
    R"({"reason_code":"large_input","explanation":"a long file","tokens":4000,"time_s":60,)"
    R"("expected_gain":"the answer"})";

void ask_then_answer(World& w) {
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    if (r.messages.back().role == Role::kUser) {
      return call_tool("drover_request_extension", std::string(kAsk));
    }
    return say(r.messages.back().text());
  };
}

TEST(Budget, ARuleGrantsARequest) {
  World w;
  ask_then_answer(w);
  SessionId id =
      w.create(agent(R"("step_budget":{"tokens":1000},)"
                     R"("extensions":{"auto":{"tokens":5000,"time_s":100,"requests":1}})"),
               "go");
  w.loop.run_for(5s);
  Json decided = w.payload(id, kind::kBudgetExtensionDecided);
  EXPECT_EQ(decided.get_bool("granted"), true);
  EXPECT_EQ(decided.get_string("by"), "rule:extensions");
  EXPECT_EQ(w.payload(id, kind::kBudgetExtensionRequested).get_string("reason_code"),
            "large_input");
  ASSERT_EQ(w.road.requests.size(), 2u);
  EXPECT_GT(*w.road.requests[1].max_tokens, *w.road.requests[0].max_tokens + 3000);
}

TEST(Budget, BeyondTheRuleAPersonDecides) {
  World w;
  ask_then_answer(w);
  SessionId id = w.create(agent(R"("step_budget":{"tokens":1000})"), "go");
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).reason, "budget");
  Json asked = w.payload(id, kind::kWaitStarted);
  ExtensionDecision no;
  no.request_id = asked.get_text("request_id");
  no.granted = false;
  no.explanation = "too dear";
  w.decide(id, no);
  auto again = w.loop.run_task(w.manager->decide_extension(w.ctx, w.who, id, no));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().reason, "not_open");
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).messages.back().text(), "Refused. too dear");
  EXPECT_TRUE(w.state(id).waits.empty());
}

TEST(Budget, AMalformedRequestIsToldToTheModel) {
  World w;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    if (r.messages.back().role == Role::kUser) {
      return call_tool("drover_request_extension", R"({"tokens":"many"})");
    }
    return say(r.messages.back().text());
  };
  SessionId id = w.create(agent(R"("step_budget":{"tokens":1000})"), "go");
  w.loop.run_for(5s);
  EXPECT_NE(w.state(id).messages.back().text().find("Error"), std::string::npos);
  EXPECT_EQ(w.count(id, kind::kBudgetExtensionRequested), 0u);
}

TEST(Budget, ARequestSaysWhatItIsExpectedToBring) {
  World w;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    if (r.messages.back().role == Role::kUser) {
      return call_tool("drover_request_extension",
                       R"({"reason_code":"long","explanation":"many pages","tokens":4000})");
    }
    return say(r.messages.back().text());
  };
  SessionId id = w.create(agent(R"("step_budget":{"tokens":1000})"), "go");
  w.loop.run_for(5s);
  EXPECT_NE(w.state(id).messages.back().text().find("'expected_gain'"), std::string::npos);
  EXPECT_EQ(w.count(id, kind::kBudgetExtensionRequested), 0u);
  ASSERT_FALSE(w.road.requests.empty());
  const Json& schema = w.road.requests[0].tools.back().parameters;
  EXPECT_EQ(schema.find("required")->dump(), R"(["reason_code","explanation","expected_gain"])");
}

TEST(Budget, ARequestCannotOverflowTheRuleThatGrants) {
  World w;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    if (r.messages.back().role == Role::kUser)
      return call_tool("drover_request_extension", std::string(kAsk));
    if (r.messages.size() < 6) {
      return call_tool("drover_request_extension",
                       R"({"reason_code":"r","explanation":"e","tokens":9223372036854775807,)"
                       R"("expected_gain":"g"})");
    }
    return say(r.messages.back().text());
  };
  SessionId id =
      w.create(agent(R"("step_budget":{"tokens":1000},)"
                     R"("extensions":{"auto":{"tokens":5000,"time_s":100,"requests":9}})"),
               "go");
  w.loop.run_for(60s);
  EXPECT_EQ(w.count(id, kind::kBudgetExtensionRequested), 1u);
  EXPECT_EQ(w.state(id).extension_tokens_granted, 4000);
  EXPECT_NE(w.state(id).messages.back().text().find("'tokens' must be"), std::string::npos);
}

TEST(Budget, ADecisionThatMakesNoSenseIsRefused) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(agent(R"("limits":{"steps":9})"), "go");
  w.loop.run_for(5s);
  auto refused = [&](ExtensionDecision d) {
    auto done = w.loop.run_task(w.manager->decide_extension(w.ctx, w.who, id, std::move(d)));
    return done ? std::string("taken") : done.error().message;
  };
  ExtensionDecision d;
  EXPECT_NE(refused(d).find("say how much more"), std::string::npos);
  d.tokens = -5;
  EXPECT_NE(refused(d).find("only be raised"), std::string::npos);
  d.tokens = INT64_MAX;
  EXPECT_NE(refused(d).find("at most"), std::string::npos);
  d.tokens.reset();
  d.cost = Money::from_usd(limits::kBudgetUsdMax) + Money::from_pico_usd(1);
  EXPECT_NE(refused(d).find("at most 1000000000000 dollars at once"), std::string::npos);
  d.cost.reset();
  d.time = limits::kBudgetTimeMax + Duration(1);
  EXPECT_NE(refused(d).find("at most 36600 days at once"), std::string::npos);
  d.time.reset();
  d.tokens = 5;
  d.budget = "patience";
  EXPECT_NE(refused(d).find("step, subtask, session, tree or account"), std::string::npos);
  d.budget = "step";
  d.granted = false;
  EXPECT_NE(refused(d).find("name the request"), std::string::npos);
  d.request_id = "x77";
  EXPECT_NE(refused(d).find("no request 'x77' is open"), std::string::npos);
  EXPECT_EQ(w.count(id, kind::kBudgetExtensionDecided), 0u);
}

TEST(Budget, WhatABudgetOfTheServerStoppedTriesAgainWhenAPersonSaysSo) {
  World w;
  bool spent = true;
  w.road.answer = [&](const contract::ChatRequest&) -> Result<Message> {
    if (!spent) return say("ok");
    return fail(Error(Code::kResourceExhausted, "the budget 'house' is $5.00 per day")
                    .with_reason("budget_exceeded"));
  };
  SessionId id = w.create(agent(R"("limits":{"steps":9})"), "go");
  w.loop.run_for(5s);
  ASSERT_EQ(w.state(id).reason, "budget");
  auto ask = [&](ExtensionDecision d) {
    auto done = w.loop.run_task(w.manager->decide_extension(w.ctx, w.who, id, std::move(d)));
    w.loop.run_for(5s);
    return done ? std::string("taken") : done.error().message;
  };
  ExtensionDecision d;
  d.budget = "account";
  d.tokens = 5;
  EXPECT_NE(ask(d).find("raised in its configuration"), std::string::npos);
  d.tokens.reset();
  EXPECT_EQ(ask(d), "taken");
  EXPECT_EQ(w.road.calls, 2);
  EXPECT_EQ(w.state(id).reason, "budget") << "it is spent still";
  spent = false;
  EXPECT_EQ(ask(d), "taken");
  EXPECT_EQ(w.state(id).messages.back().text(), "ok");
  EXPECT_EQ(w.state(id).reason, "message");
  EXPECT_EQ(w.count(id, kind::kBudgetExtensionDecided), 2u) << "who and when stands in the journal";
  EXPECT_EQ(ask(d), "no budget has stopped it");
}

TEST(Budget, AnAgentOfVeryShortAnswersNeedsNoBudgetForLongOnes) {
  World w;
  w.road.output_tokens = 3;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(agent(R"("limits":{"output_tokens":5})"), "go");
  w.loop.run_for(5s);
  EXPECT_EQ(w.state(id).reason, "message");
  ASSERT_EQ(w.road.requests.size(), 1u);
  EXPECT_EQ(w.road.requests[0].max_tokens, 5);
}

TEST(Budget, MoneyOfTheTreeStopsARunawayAndARaiseLetsItGoOn) {
  World w;
  w.road.price_input = Money::from_pico_usd(1'000'000'000);  // 0.001 a token
  w.road.price_output = Money::from_pico_usd(1'000'000'000);
  w.road.input_tokens = 100;
  w.tools.latency["t"] = 1ms;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return call_tools({"t"}); };
  SessionId id = w.create(agent(R"("limits":{"output_tokens":100},"tree":{"cost_usd":"2"})"), "go");
  w.loop.run_for(60s);
  State s = w.state(id);
  EXPECT_EQ(s.reason, "budget");
  EXPECT_LE(s.cost, Money::from_usd(2));
  EXPECT_EQ(w.payload(id, kind::kBudgetExceeded).get_string("budget"), "money");
  int before = w.road.calls;
  EXPECT_GT(before, 5);
  ExtensionDecision more;
  more.budget = "tree";
  more.cost = Money::from_usd(1);
  w.decide(id, more);
  w.loop.run_for(60s);
  EXPECT_GT(w.road.calls, before);
  EXPECT_LE(w.state(id).cost, Money::from_usd(3));
  EXPECT_EQ(w.state(id).reason, "budget");
}

TEST(Budget, StepsOfASessionCanBeRaised) {
  World w;
  w.tools.latency["t"] = 1ms;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return call_tools({"t"}); };
  SessionId id = w.create(agent(R"("limits":{"steps":3})"), "go");
  w.loop.run_for(10s);
  EXPECT_EQ(w.state(id).reason, "limit");
  ExtensionDecision more;
  more.budget = "session";
  more.steps = 2;
  w.decide(id, more);
  w.loop.run_for(10s);
  EXPECT_EQ(w.state(id).steps, 5);
  EXPECT_EQ(w.state(id).reason, "limit");
}

TEST(Budget, MoreThanWasReservedIsAFactToBeSeen) {
  World w;
  w.road.input_tokens = 50'000;  // far beyond the estimate
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(agent(R"("limits":{"output_tokens":50})"), "go");
  w.loop.run_for(5s);
  EXPECT_EQ(w.payload(id, kind::kBudgetExceeded).get_string("effect"), "overshot");
  EXPECT_EQ(w.state(id).reason, "message") << "it is not stopped by it";
}

}  // namespace
}  // namespace drover::session
