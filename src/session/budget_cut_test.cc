// What a call that nobody heard the end of counts, and which limit it was that cut one.

#include "session/batch.h"
#include "session/session_test_world.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

std::string budgeted(std::string more) {
  return R"({"name":"a","models":["m"],"tools":["fake"],)" + more + "}";
}

/// Of that kind, in order.
std::vector<Json> payloads_of(World& w, const SessionId& id, std::string_view kind) {
  std::vector<Json> out;
  for (const contract::Event& e : w.events(id)) {
    if (e.kind == kind) out.push_back(Json::parse(e.payload).value_or(Json()));
  }
  return out;
}

TEST(LostCall, ACrashFreesNothingOfWhatItsCallMayHaveCost) {
  World w;
  w.road.price_input = Money::from_pico_usd(1'000'000);
  w.road.price_output = Money::from_pico_usd(4'000'000);
  w.road.think = 10s;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(budgeted(R"("limits":{"output_tokens":50})"), "go");
  w.loop.run_for(1s);
  w.crash();
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).messages.back().text(), "ok");
  std::vector<Json> reserved = payloads_of(w, id, kind::kBudgetReserved);
  std::vector<Json> settled = payloads_of(w, id, kind::kBudgetSettled);
  ASSERT_EQ(reserved.size(), 2u);
  ASSERT_EQ(settled.size(), 2u);
  EXPECT_EQ(settled[0].get_int("tokens"), reserved[0].get_int("tokens"));
  EXPECT_EQ(settled[0].get_string("cost_usd"), reserved[0].get_string("cost_usd"));
  EXPECT_EQ(settled[0].get_bool("estimated"), true);
  EXPECT_EQ(w.state(id).tokens, *reserved[0].get_int("tokens") + 15);
}

TEST(LostCall, ACallThatIsCancelledMayBeBilledInFull) {
  World w;
  w.road.think = 10s;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(budgeted(R"("limits":{"output_tokens":50})"), "go");
  w.loop.run_for(1s);
  const int64_t reserved = w.state(id).reservation.tokens;
  EXPECT_GT(reserved, 50);
  ASSERT_TRUE(w.loop.run_task(w.manager->cancel(w.ctx, w.who, id, "enough")));
  EXPECT_EQ(w.state(id).tokens, reserved);
}

TEST(LostCall, AStepOutlivesACrashThoughAllOfItWasReserved) {
  World w;
  w.road.think = 10s;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(budgeted(R"("step_budget":{"tokens":1000})"), "go");
  w.loop.run_for(1s);
  EXPECT_EQ(w.state(id).reservation.tokens, 1000);
  w.crash();
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).reason, "message");
  EXPECT_EQ(w.road.calls, 2);
  EXPECT_EQ(w.state(id).tokens, 1015) << "the tree's books have it in full";
}

TEST(Cut, MoneyOfTheTreeThatCutAnAnswerIsSaidAndRaised) {
  World w;
  w.road.price_output = Money::from_pico_usd(1'000'000'000);  // 0.001 a token
  w.road.answer = [&w](const contract::ChatRequest& r) -> Result<Message> {
    w.road.output_tokens = std::min<int64_t>(900, r.max_tokens.value_or(900));
    return say("long");
  };
  SessionId id = w.create(budgeted(R"("tree":{"cost_usd":"0.5"})"), "go");
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).reason, "budget");
  EXPECT_EQ(w.payload(id, kind::kBudgetExceeded).dump(),
            R"({"budget":"money","scope":"tree","effect":"cut","limit":"0.5","used":"0.5"})");
  ExtensionDecision more;
  more.budget = "tree";
  more.cost = Money::from_usd(1);
  w.decide(id, more);
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).messages.back().text(), "long");
  EXPECT_EQ(w.state(id).cost.usd(), "1.4");
}

/// Raises the time of the session's tree.
void raise_time(World& w, const SessionId& id, Duration time) {
  ExtensionDecision more;
  more.budget = "tree";
  more.time = time;
  w.decide(id, more);
  w.loop.run_for(60s);
}

TEST(Cut, TheTreesTimeCutsACallThatRunsBeyondIt) {
  World w;
  w.road.think = 30s;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("slow"); };
  SessionId id = w.create(budgeted(R"("step_budget":{"time_s":3600},"tree":{"time_s":10})"), "go");
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).reason, "budget");
  Json over = w.payload(id, kind::kBudgetExceeded);
  EXPECT_EQ(over.get_string("budget"), "time");
  EXPECT_EQ(over.get_string("scope"), "tree");
  EXPECT_EQ(over.get_string("effect"), "cut");
  EXPECT_EQ(over.get_string("limit"), "10 s");
  raise_time(w, id, 10min);
  EXPECT_EQ(w.state(id).messages.back().text(), "slow");
}

TEST(Cut, TheTreesTimeCutsATool) {
  World w;
  w.tools.latency["t"] = 30s;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    return r.messages.back().role == Role::kUser ? call_tools({"t"}) : say("done");
  };
  SessionId id = w.create(budgeted(R"("tree":{"time_s":10})"), "go");
  w.loop.run_for(60s);
  EXPECT_EQ(w.payload(id, kind::kBudgetExceeded).get_string("scope"), "tree");
  raise_time(w, id, 10min);
  ASSERT_EQ(w.tools.calls.size(), 2u);
  EXPECT_EQ(w.tools.calls[1].attempt, 2);
  EXPECT_EQ(w.state(id).messages.back().text(), "done");
}

TEST(Cut, WhatRanBesideACallThatWasCutIsNotForgottenByACrash) {
  World w;
  w.tools.latency["t"] = w.tools.latency["u"] = 30s;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    return r.messages.back().role == Role::kUser ? call_tools({"t", "u"}) : say("done");
  };
  SessionId id = w.create(budgeted(R"("tree":{"time_s":10})"), "go");
  w.loop.run_for(9s);
  // The process ends between the cut of the one and that of the other.
  w.loop.run_task(w.manager->stop());
  auto state = w.loop.run_task(load_state(w.ctx, &w.store.journal(), id));
  ASSERT_TRUE(state && state->tool_calls.size() == 2);
  Batch batch(*state, w.loop, w.random);
  Json cut = Json::object().set("budget", "time").set("scope", "tree").set("effect", "cut");
  ASSERT_TRUE(batch.add(system_draft(kind::kBudgetExceeded, cut.set("limit", "10 s"),
                                     state->tool_calls[0].sequence)));
  const uint64_t before = batch.expected_last();
  ASSERT_TRUE(w.loop.run_task(w.store.journal().append(w.ctx, w.row(id), before, batch.take())));
  w.loop.run_for(2s);
  w.crash();
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).status, Status::kWaiting);
  EXPECT_EQ(w.state(id).reason, "budget");
  EXPECT_EQ(w.tools.calls.size(), 2u) << "there is no time to begin one again";
  raise_time(w, id, 10min);
  EXPECT_EQ(w.tools.calls.size(), 4u);
  EXPECT_EQ(w.state(id).messages.back().text(), "done");
}

TEST(Cut, TheTreesTimeCutsAPlannerAndAsksItAgainAfterACrash) {
  World w;
  w.planner.think = 25s;
  w.planner.answer = [](const Json&) -> Result<Json> {
    return Json::parse(R"({"effects":[{"kind":"end"}]})");
  };
  SessionId id = w.create(
      R"({"name":"p","planner":{"url":"http://127.0.0.1:9/plan"},"tree":{"time_s":30}})", "go");
  w.loop.run_for(20s);
  w.crash();
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).reason, "budget");
  EXPECT_EQ(w.planner.questions.size(), 2u);
  w.crash();
  w.loop.run_for(60s);
  EXPECT_EQ(w.planner.questions.size(), 2u) << "paused over a restart";
  raise_time(w, id, 10min);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
}

TEST(Cut, NothingIsBegunOnceTheTreesTimeIsOver) {
  World w;
  w.tools.latency["refund"] = 1ms;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    return r.messages.back().role == Role::kUser ? call_tools({"refund"}) : say("done");
  };
  SessionId id = w.create(budgeted(R"("approvals":["refund"],"tree":{"time_s":10})"), "go");
  w.loop.run_for(60s);
  Resolution yes;
  yes.wait_id = w.payload(id, kind::kWaitStarted).get_text("wait_id");
  yes.outcome = "approved";
  ASSERT_TRUE(w.loop.run_task(w.manager->resolve(w.ctx, w.who, id, yes)));
  w.loop.run_for(60s);
  EXPECT_TRUE(w.tools.calls.empty());
  EXPECT_EQ(w.state(id).reason, "budget");
  EXPECT_EQ(w.payload(id, kind::kBudgetExceeded).get_string("effect"), "refused");
  raise_time(w, id, 10min);
  EXPECT_EQ(w.tools.calls.size(), 1u);
  EXPECT_EQ(w.state(id).messages.back().text(), "done");
}

/// What a worker's time was cut by is told from a raise that came meanwhile by this text.
TEST(Cut, ALimitOfTimeIsNamedAsItsBudgetNamesIt) {
  using Scope = TimeLeft::Scope;
  const OverBudget step = TimeLeft{1ms, 90s, Scope::kStep}.budget();
  EXPECT_EQ(step.budget, "time");
  EXPECT_EQ(step.scope, "step");
  EXPECT_EQ(step.limit, format_duration(90s));
  const OverBudget subtask = TimeLeft{1ms, 90s, Scope::kSubtask}.budget();
  EXPECT_EQ(subtask.scope, "subtask");
  EXPECT_EQ(subtask.limit, format_duration(90s));
  TreeLimits limits;
  limits.time = 9600h + 5ms;
  const OverBudget tree = TimeLeft{1ms, limits.time, Scope::kTree}.budget();
  EXPECT_EQ(tree.scope, "tree");
  EXPECT_EQ(tree.limit, limit_text(limits, "time"));
}

TEST(Cut, AStepThatLeavesLessThanTheTreeIsTheOneThatCuts) {
  World w;
  w.road.output_tokens = 900;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("long"); };
  SessionId id =
      w.create(budgeted(R"("step_budget":{"tokens":1000},"tree":{"tokens":5000})"), "go");
  w.loop.run_for(60s);
  Json over = w.payload(id, kind::kBudgetExceeded);
  EXPECT_EQ(over.get_string("scope"), "step");
  EXPECT_EQ(over.get_string("limit"), "1000");
}

}  // namespace
}  // namespace drover::session
