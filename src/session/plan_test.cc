#include "session/plan.h"

#include "session/batch.h"
#include "session/session_test_world.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

constexpr std::string_view kPlanned =
    R"({"name":"p","models":["m"],"tools":["fake"],"planner":{"url":"http://127.0.0.1:9/plan"},)"
    R"("limits":{"steps":20}})";

Json effects(std::string_view list) {
  return *Json::parse(R"({"effects":)" + std::string(list) + "}");
}

TEST(Plan, EffectsRunAndThePlannerIsAskedAgain) {
  World w;
  w.tools.latency["look"] = 1ms;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("from m"); };
  w.planner.answer = [](const Json& q) -> Result<Json> {
    switch (*q.get_int("step")) {
      case 1:
        return effects(R"([{"kind":"tool_call","name":"look","arguments":{"q":1}}])");
      case 2:
        return effects(R"([{"kind":"model_call","output_tokens":77}])");
      case 4:
        return effects(R"([{"kind":"say","text":"all done"},{"kind":"end","result":"42"}])");
      default:
        return fail(Code::kInternal, "step " + std::to_string(*q.get_int("step")));
    }
  };
  SessionId id = w.create(kPlanned, "go");
  w.loop.run_for(30s);
  State s = w.state(id);
  EXPECT_EQ(s.status, Status::kEnded);
  EXPECT_EQ(s.result, "42");
  ASSERT_EQ(w.planner.questions.size(), 3u);
  EXPECT_EQ(w.road.requests[0].max_tokens, 77);
  EXPECT_EQ(w.tools.calls[0].arguments, R"({"q":1})");
  // It is told what came since its last plan.
  const Json& second = w.planner.questions[1].body;
  bool saw_result = false;
  for (const Json& e : *second.find("events")->array_items()) {
    saw_result = saw_result || e.get_string("kind") == kind::kToolResult;
  }
  EXPECT_TRUE(saw_result);
  EXPECT_TRUE(verify_chain(id, w.events(id)));
}

TEST(Plan, AModelCallBesideToolCallsIsMadeBehindThem) {
  World w;
  w.tools.latency["look"] = 10ms;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("from m"); };
  w.planner.answer = [](const Json& q) -> Result<Json> {
    if (*q.get_int("step") > 1) return effects(R"([{"kind":"end"}])");
    return effects(R"([{"kind":"model_call","output_tokens":77},)"
                   R"({"kind":"tool_call","name":"look","arguments":{}}])");
  };
  SessionId id = w.create(kPlanned, "go");
  w.loop.run_for(30s);
  ASSERT_EQ(w.road.requests.size(), 1u) << "it was asked for";
  EXPECT_EQ(w.road.requests[0].max_tokens, 77);
  EXPECT_EQ(w.road.requests[0].messages.back().role, Role::kTool) << "and knows what the tool said";
  EXPECT_EQ(w.state(id).result, "from m");
  EXPECT_EQ(w.planner.questions.size(), 2u);
}

TEST(Plan, AModelCallIsMadeThoughAMessageCameWithThePlan) {
  SeededRandom random(1);
  async::SimLoop loop;
  State state;
  state.id = SessionId::make(loop.wall(), random);
  Batch batch(state, loop, random);
  Json started = Json::object().set("agent", *Json::parse(kPlanned)).set("tenant", "ten_a");
  ASSERT_TRUE(batch.add(system_draft(kind::kSessionStarted, std::move(started))));
  auto said = [](std::string text) {
    Json message = contract::to_json(Message::of_text(Role::kUser, std::move(text)));
    return system_draft(kind::kObservation, Json::object().set("message", std::move(message)));
  };
  ASSERT_TRUE(batch.add(said("go")));
  Json question = Json::object().set("step", int64_t{1}).set("planner", "http");
  auto asked = batch.add(system_draft(kind::kPlanRequested, std::move(question), 0, 1));
  ASSERT_TRUE(asked);
  Json plan = effects(R"([{"kind":"model_call"}])");
  ASSERT_TRUE(batch.add(system_draft(kind::kPlan, std::move(plan), *asked, 1)));
  ASSERT_TRUE(batch.add(said("and this")));
  std::vector<Draft> next = decide(state);
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].kind, kind::kModelCall);
  EXPECT_TRUE(state.plan_due) << "and then the planner hears of it";
}

TEST(Plan, AModelCallThatIsGivenUpTwiceWaitsForAPersonEachTime) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> {
    return fail(Code::kInvalidArgument, "the model refuses such requests");
  };
  w.planner.answer = [](const Json& q) -> Result<Json> {
    if (*q.get_int("step") > 1) return effects(R"([{"kind":"end"}])");
    return effects(R"([{"kind":"model_call"}])");
  };
  SessionId id = w.create(kPlanned, "go");
  for (int tries = 1; tries <= 2; ++tries) {
    w.loop.run_for(30s);
    State s = w.state(id);
    EXPECT_EQ(s.status, Status::kWaiting) << tries;
    EXPECT_EQ(s.reason, "model") << tries;
    EXPECT_EQ(w.road.calls, tries);
    if (tries == 2) {
      w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("well"); };
    }
    ASSERT_TRUE(w.loop.run_task(
        w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "again"))));
  }
  w.loop.run_for(30s);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  EXPECT_EQ(w.state(id).result, "well");
}

TEST(Plan, AStepStatesWhatItNeedsBesideItsAgent) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("seen"); };
  w.planner.answer = [](const Json& q) -> Result<Json> {
    if (*q.get_int("step") == 1) {
      return effects(R"([{"kind":"model_call","needs":{"hardware":["h200"],"vision":true}}])");
    }
    if (*q.get_int("step") == 3) return effects(R"([{"kind":"model_call"}])");
    return effects(R"([{"kind":"end"}])");
  };
  SessionId id =
      w.create(R"({"name":"p","models":["m"],"planner":{"url":"http://127.0.0.1:9/plan"},)"
               R"("needs":{"context_tokens":1000}})",
               "go");
  w.loop.run_for(30s);
  ASSERT_EQ(w.road.needs.size(), 2u);
  EXPECT_EQ(w.road.needs[0].text(), "vision, a context of 1000 tokens, hardware h200");
  EXPECT_EQ(w.road.needs[1].text(), "a context of 1000 tokens") << "the next step is its own";
  std::vector<std::string> written;
  for (const contract::Event& event : w.events(id)) {
    if (event.kind != kind::kModelCall) continue;
    written.push_back(Json::parse(event.payload)->find("needs")->dump());
  }
  EXPECT_EQ(written, (std::vector<std::string>{
                         R"({"vision":true,"context_tokens":1000,"hardware":["h200"]})",
                         R"({"context_tokens":1000})"}));
}

TEST(Plan, NeedsThatNobodyKnowsAreRefused) {
  auto plan = effects(R"([{"kind":"model_call","needs":{"gpu":"h200"}}])");
  auto checked = check_plan(plan);
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find("needs: there is no 'gpu'"), std::string::npos);
}

TEST(Plan, NonsenseIsAskedAgainAndThenThePlannerIsWaitedFor) {
  World w;
  w.planner.answer = [](const Json&) -> Result<Json> { return effects(R"([{"kind":"dance"}])"); };
  SessionId id = w.create(kPlanned, "go");
  w.loop.run_for(600s);
  EXPECT_EQ(w.state(id).reason, "planner");
  size_t asked = w.planner.questions.size();
  EXPECT_GT(asked, 1u);
  EXPECT_LT(asked, 10u);
  for (const PlannerQuestion& q : w.planner.questions) {
    EXPECT_EQ(q.idempotency_key, w.planner.questions[0].idempotency_key);
  }
  EXPECT_EQ(w.planner.questions.back().attempt, asked);
  w.planner.answer = [](const Json&) -> Result<Json> {
    return effects(R"([{"kind":"say","text":"better"}])");
  };
  ASSERT_TRUE(w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "again"))));
  w.loop.run_for(10s);
  EXPECT_EQ(w.state(id).messages.back().text(), "better");
}

TEST(Plan, APlannerThatHangsIsCutAfterItsTimeout) {
  World w;
  w.planner.think = 1h;
  w.planner.answer = [](const Json&) -> Result<Json> { return effects("[]"); };
  SessionId id =
      w.create(R"({"name":"p","planner":{"url":"http://127.0.0.1:9/plan","timeout_s":5}})", "go");
  w.loop.run_for(10s);
  EXPECT_EQ(w.count(id, kind::kPlan), 1u);
  EXPECT_NE(w.payload(id, kind::kPlan).find("error"), nullptr);
}

TEST(Plan, AModelCallThatNamesNoModelIsToldAndWaitsForAPerson) {
  World w;
  w.planner.answer = [](const Json&) -> Result<Json> {
    return effects(R"([{"kind":"model_call"}])");
  };
  SessionId id = w.create(R"({"name":"p","planner":{"url":"http://127.0.0.1:9/plan"}})", "go");
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).reason, "model");
  EXPECT_EQ(w.payload(id, kind::kModelResult).find("error")->get_string("message"),
            "neither the agent nor its planner names a model");
  EXPECT_EQ(w.road.calls, 0);
}

TEST(Plan, AShortAnswerThatWasAskedForNeedsNoStepBudget) {
  World w;
  w.road.output_tokens = 2;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("4"); };
  w.planner.answer = [](const Json& q) -> Result<Json> {
    if (*q.get_int("step") > 1) return effects(R"([{"kind":"end"}])");
    return effects(R"([{"kind":"model_call","output_tokens":3}])");
  };
  SessionId id = w.create(kPlanned, "2 and 2?");
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  ASSERT_EQ(w.road.requests.size(), 1u);
  EXPECT_EQ(w.road.requests[0].max_tokens, 3);
}

TEST(Plan, APlannerThatLoopsIsBoundedBySteps) {
  World w;
  w.tools.latency["look"] = 1ms;
  w.planner.answer = [](const Json&) -> Result<Json> {
    return effects(R"([{"kind":"tool_call","name":"look"}])");
  };
  SessionId id = w.create(kPlanned, "go");
  w.loop.run_for(600s);
  EXPECT_EQ(w.state(id).reason, "limit");
  EXPECT_EQ(w.tools.calls.size(), 20u);
}

TEST(Plan, WaitsSpawnsAndExtensionsOfAPlan) {
  World w;
  w.keep_time();
  w.agents.known["worker"] =
      *AgentSpec::from_json(*Json::parse(R"({"name":"worker","models":["m"]})"));
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    return say("did " + r.messages.back().text());
  };
  std::vector<std::string> said;
  w.planner.answer = [&said](const Json& q) -> Result<Json> {
    switch (*q.get_int("step")) {
      case 1:
        return effects(R"([{"kind":"wait","for":"timer","seconds":3600}])");
      case 2:
        return effects(R"([{"kind":"wait","for":"approval","question":"Go on?"}])");
      case 3:
        return effects(R"([{"kind":"spawn","tasks":[{"agent":"worker","message":"x"}]}])");
      case 4:
        for (const Json& c : *q.find("events")->array_items()) {
          if (c.get_string("kind") == kind::kChildEnded) said.push_back("child");
        }
        return effects(R"([{"kind":"request_extension","reason_code":"r","explanation":"e",)"
                       R"("tokens":10,"expected_gain":"g"}])");
      default:
        return effects(R"([{"kind":"end"}])");
    }
  };
  SessionId id = w.create(R"({"name":"p","planner":{"url":"http://127.0.0.1:9/plan"},)"
                          R"("extensions":{"otherwise":"refuse"}})",
                          "go");
  w.loop.run_for(30min);
  EXPECT_EQ(w.planner.questions.size(), 1u);
  w.crash();
  w.loop.run_for(31min);
  EXPECT_EQ(w.state(id).reason, "approval");
  Resolution yes;
  yes.wait_id = std::string(w.payload(id, kind::kWaitStarted).get_string("wait_id").value_or(""));
  yes.outcome = "approved";
  ASSERT_TRUE(w.loop.run_task(w.manager->resolve(w.ctx, w.who, id, yes)));
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  EXPECT_EQ(said, std::vector<std::string>{"child"});
  EXPECT_EQ(w.payload(id, kind::kBudgetExtensionDecided).get_bool("granted"), false);
}

TEST(Plan, WhatCannotBeReadIsRefusedByName) {
  auto refused = [](std::string_view list) {
    auto parsed = check_new_plan(effects(list));
    return parsed ? std::string("taken") : parsed.error().message;
  };
  EXPECT_EQ(refused("[]"), "taken");
  EXPECT_NE(refused(R"([{"kind":"tool_call"}])").find("effect 1"), std::string::npos);
  EXPECT_NE(
      refused(R"([{"kind":"say","text":"x"},{"kind":"wait","for":"godot"}])").find("effect 2"),
      std::string::npos);
  EXPECT_NE(refused(R"([{"kind":"end"},{"kind":"say","text":"x"}])").find("end"),
            std::string::npos);
  EXPECT_NE(refused(R"([{"kind":"wait","for":"timer","seconds":-4}])").find("seconds"),
            std::string::npos);
  EXPECT_NE(refused(R"([{"kind":"spawn","tasks":[]}])").find("tasks"), std::string::npos);
  for (std::string_view amount : {R"("tokens":-1)", R"("tokens":1.5)", R"("tokens":1e30)",
                                  R"("tokens":"many")", R"("time_s":-4)", R"("time_s":1e12)",
                                  R"("tokens":0,"time_s":0)", R"("tokens":5,"time_s":"long")"}) {
    std::string ask = R"([{"kind":"request_extension","reason_code":"r","explanation":"e",)"
                      R"("expected_gain":"g",)";
    EXPECT_NE(refused(ask + std::string(amount) + "}]"), "taken") << amount;
  }
  EXPECT_NE(refused(R"([{"kind":"request_extension","tokens":5}])").find("reason_code"),
            std::string::npos);
  for (const char* key : {"reason_code", "explanation", "expected_gain"}) {
    Json ask = Json::object().set("kind", "request_extension").set("tokens", 5);
    ask.set("reason_code", "r").set("explanation", "e").set("expected_gain", "g");
    EXPECT_EQ(refused("[" + ask.dump() + "]"), "taken");
    ask.set(key, "");
    std::string why = refused("[" + ask.dump() + "]");
    EXPECT_NE(why.find("effect 1: a request_extension needs"), std::string::npos) << why;
    EXPECT_NE(why.find(key), std::string::npos) << why;
  }
  const char* gainless =
      R"([{"kind":"request_extension","reason_code":"r","explanation":"e","tokens":5}])";
  EXPECT_TRUE(check_plan(effects(gainless))) << "what a journal holds was taken once";
  EXPECT_NE(refused(R"([{"kind":"model_call","output_tokens":-1}])").find("output_tokens"),
            std::string::npos);
  EXPECT_NE(refused(R"([{"kind":"model_call","models":"m"}])").find("models"), std::string::npos);
  EXPECT_NE(refused(R"([{"kind":"model_call","models":[7]}])").find("models"), std::string::npos);
  const char* misspelt = R"([{"kind":"model_call","need":{"attested":"aws-nitro"}}])";
  EXPECT_NE(refused(misspelt).find("effect 1: unknown member 'need'"), std::string::npos);
  EXPECT_TRUE(check_plan(effects(misspelt))) << "what a journal holds was taken once";
  for (std::string_view budget : {"5", "[]", "{}", R"({"token":5})", R"({"tokens":0})",
                                  R"({"tokens":1e30})", R"({"time_s":0})", R"({"time_s":1e12})",
                                  R"({"tokens":5,"time_s":"long"})", R"({"tokens":null})"}) {
    std::string spawn = R"([{"kind":"spawn","tasks":["x",{"message":"y","budget":)";
    spawn += std::string(budget) + "}]}]";
    EXPECT_NE(refused(spawn).find("effect 1: "), std::string::npos) << budget;
    EXPECT_TRUE(check_plan(effects(spawn))) << "what a journal holds was taken once";
  }
  EXPECT_EQ(refused(R"([{"kind":"spawn","tasks":[{"message":"y","budget":{"tokens":5}},)"
                    R"({"message":"z","budget":{"time_s":0.5}},{"message":"z","budget":null}]}])"),
            "taken");
  EXPECT_FALSE(check_plan(*Json::parse(R"({"effects":{}})")));
  EXPECT_FALSE(check_plan(*Json::parse(R"([1])")));
}

TEST(Plan, EachToolCallHasAnIdOfItsOwn) {
  auto refused = [](std::string_view first, std::string_view second) {
    std::string list = R"([{"kind":"tool_call","name":"a")" + std::string(first) +
                       R"(},{"kind":"say","text":"x"},{"kind":"tool_call","name":"a")" +
                       std::string(second) + "}]";
    auto parsed = check_new_plan(effects(list));
    EXPECT_TRUE(check_plan(effects(list))) << "what a journal holds was taken once";
    return parsed ? std::string("taken") : parsed.error().message;
  };
  auto id = [](std::string text) { return R"(,"id":")" + text + R"(")"; };
  EXPECT_EQ(refused("", ""), "taken");
  EXPECT_EQ(refused(id("one"), id("two")), "taken");
  EXPECT_EQ(refused(id(""), R"(,"id":null)"), "taken") << "they are given one";
  EXPECT_EQ(refused(id("one"), id("one")),
            "effect 3: the id 'one' is that of another call of this plan");
  EXPECT_EQ(refused(id(std::string(limits::kToolCallIdBytesMax, 'x')), ""), "taken");
  EXPECT_EQ(refused("", id(std::string(limits::kToolCallIdBytesMax + 1, 'x'))),
            "effect 3: 'id' must be a text of at most 128 bytes");
  EXPECT_NE(refused(R"(,"id":7)", "").find("effect 1: 'id' must be a text"), std::string::npos);
  EXPECT_NE(refused(id("call_1"), "").find("effect 1: calls without an id"), std::string::npos);
  EXPECT_EQ(refused(id("call_1"), id("call_2")), "taken");
  EXPECT_EQ(refused(id("call_x1"), ""), "taken");
}

TEST(Plan, APlannerThatNamesTwoCallsAlikeIsAskedAgain) {
  World w;
  w.tools.latency["look"] = 1ms;
  w.planner.answer = [&w](const Json&) -> Result<Json> {
    if (w.planner.questions.size() > 1) return effects(R"([{"kind":"end"}])");
    return effects(R"([{"kind":"tool_call","name":"look","id":"x"},)"
                   R"({"kind":"tool_call","name":"look","id":"x"}])");
  };
  SessionId id = w.create(kPlanned, "go");
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  EXPECT_TRUE(w.tools.calls.empty());
  EXPECT_EQ(w.planner.questions.size(), 2u);
}

TEST(Plan, WaitsBeyondTheLimitAreRefusedAndTheOldOnesStay) {
  World w;
  std::string some;
  for (int i = 0; i < 40; ++i) {
    some += (i == 0 ? "" : ",") + std::string(R"({"kind":"wait","for":"signal","name":"s"})");
  }
  w.planner.answer = [some](const Json&) -> Result<Json> { return effects("[" + some + "]"); };
  SessionId id = w.create(kPlanned, "go");
  w.loop.run_for(10s);
  ASSERT_EQ(w.state(id).waits.size(), 40u);
  ASSERT_TRUE(w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "more"))));
  w.loop.run_for(600s);
  EXPECT_EQ(w.state(id).waits.size(), 40u);
  EXPECT_EQ(w.state(id).status, Status::kWaiting);
  Json last = w.payload(id, kind::kPlan);
  ASSERT_NE(last.find("error"), nullptr);
  EXPECT_EQ(last.find("error")->get_string("message"),
            "the plan asks for 40 waits, 40 are open, and a session has at most 64: let some of "
            "them come first");
  EXPECT_GT(w.planner.questions.size(), 2u) << "it is asked again, as after any nonsense";
}

}  // namespace
}  // namespace drover::session
