// A subtask whose own limit stops it while those below it hold the rest of its tokens: it goes on
// once they let go of them.

#include "session/tree_test_fixture.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

/// A lead with a subtask that calls its model while its worker is at it, which has reserved all
/// that the subtask may use.
struct Squeezed : Tree {
  int64_t worker_input = 10;  // of its call, as it is billed
  SessionId top, mid;

  Squeezed() {
    know(R"({"name":"mid","instructions":"mid","models":["m"],"tools":["fake"],)"
         R"("planner":{"url":"http://127.0.0.1:9/plan"}})");
    tools.latency["t"] = 1s;
    road.think = 10s;
    auto inner = road.answer;
    road.answer = [this, inner](const contract::ChatRequest& r) -> Result<Message> {
      road.input_tokens = r.messages[0].text() == "work" ? worker_input : 10;
      return inner(r);
    };
    planner.answer = [](const Json& q) -> Result<Json> {
      if (*q.get_int("step") > 1) return Json::parse(R"({"effects":[{"kind":"end"}]})");
      return Json::parse(R"({"effects":[)"
                         R"({"kind":"spawn","tasks":[{"agent":"worker","message":"one"}]},)"
                         R"({"kind":"tool_call","name":"t","arguments":{}},)"
                         R"({"kind":"model_call"}]})");
    };
  }
  void know(std::string_view agent) {
    AgentSpec spec = *AgentSpec::from_json(*Json::parse(agent));
    agents.known[spec.name] = spec;
  }
  /// Until the subtask is stopped: the lead thinks for ten seconds, the tool takes one.
  void begin() {
    spawn = R"({"tasks":[{"agent":"mid","message":"go","budget":{"tokens":3000}}]})";
    top = create(kParent, "go");
    loop.run_for(15s);
    mid = child_of(*this, top);
    expect_stopped();
  }
  void expect_stopped() {
    EXPECT_EQ(state(mid).reason, "budget");
    EXPECT_EQ(payload(mid, kind::kBudgetExceeded).dump(),
              R"({"budget":"tokens","scope":"subtask","effect":"refused","limit":"3000",)"
              R"("used":"3000"})");
  }
};

TEST(Subtask, WhomItsOwnLimitStopsGoesOnWhenThoseBelowLetGo) {
  Squeezed w;
  w.begin();
  w.loop.run_for(60s);
  EXPECT_EQ(w.count(w.mid, kind::kBudgetExceeded), 1u);
  EXPECT_EQ(w.count(w.mid, kind::kModelCall), 1u);
  w.expect_done();
}

TEST(Subtask, SoDoesOneThatFindsNoTokensForAnotherChild) {
  Squeezed w;
  w.know(R"({"name":"mid","instructions":"mid","models":["m"],"builtins":["spawn"]})");
  // It asks no model, and ends when its tool has answered.
  w.know(R"({"name":"quick","tools":["fake"],"planner":{"url":"http://127.0.0.1:9/plan"}})");
  auto inner = w.road.answer;
  w.road.answer = [inner](const contract::ChatRequest& r) -> Result<Message> {
    const bool asked = r.messages.back().role == Role::kUser;
    if (!asked || r.messages[0].text() != "mid") return inner(r);
    return call_tool("drover_spawn", R"({"tasks":[{"agent":"quick","message":"one"},)"
                                     R"({"agent":"worker","message":"two"},)"
                                     R"({"agent":"worker","message":"three"}]})");
  };
  w.planner.answer = [](const Json& q) -> Result<Json> {
    if (*q.get_int("step") > 1) return Json::parse(R"({"effects":[{"kind":"end"}]})");
    return Json::parse(R"({"effects":[{"kind":"tool_call","name":"t","arguments":{}}]})");
  };
  w.spawn = R"({"tasks":[{"agent":"mid","message":"go","budget":{"tokens":3000}}]})";
  w.top = w.create(kParent, "go");
  w.loop.run_for(25s);  // two may work at once, and one of them is done
  w.mid = child_of(w, w.top);
  w.expect_stopped();
  EXPECT_EQ(w.count(w.mid, kind::kChildSpawned), 2u);
  w.loop.run_for(60s);
  EXPECT_EQ(w.count(w.mid, kind::kBudgetExceeded), 1u);
  EXPECT_EQ(w.count(w.mid, kind::kChildSpawned), 3u);
  w.expect_done();
}

TEST(Subtask, WhatWasLetGoOfBeforeAStartIsSeenAtIt) {
  Squeezed w;
  w.begin();
  const SessionId worker = child_of(w, w.mid);
  // The worker ends, its parent is told, and the process ends before the parent looks.
  last_act(w, worker, kind::kSessionEnded, Json::object().set("reason", "completed"),
           [](store::SessionRow& row) {
             row.status = "ended";
             row.end_reason = "completed";
             row.spent.tokens = 15;
             row.reserved = store::Reserved();
           });
  Json told = Json::object().set("child", worker.str()).set("reason", "completed");
  last_act(w, w.mid, kind::kChildEnded, std::move(told),
           [](store::SessionRow& row) { row.pending &= ~kEnsureChildren; });
  w.start();
  ASSERT_TRUE(w.loop.run_task(w.manager->recover(w.ctx)));
  w.loop.run_for(60s);
  EXPECT_EQ(w.count(w.mid, kind::kBudgetExceeded), 1u);
  w.expect_done();
}

TEST(Subtask, WhereNothingIsHeldAndLittleIsLeftAPersonIsWaitedFor) {
  Squeezed w;
  w.worker_input = 2'800;
  w.begin();
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(child_of(w, w.mid)).status, Status::kEnded);
  w.expect_stopped();
  const uint64_t last = w.state(w.mid).last_sequence;
  w.crash();
  w.loop.run_for(1h);
  EXPECT_EQ(w.state(w.mid).last_sequence, last);
  EXPECT_EQ(w.count(w.mid, kind::kBudgetExceeded), 1u);
  EXPECT_EQ(w.manager->awake(), 0u);
  w.decide(w.mid, more_tokens(20'000));
  w.loop.run_for(60s);
  w.expect_done();
}

}  // namespace
}  // namespace drover::session
