// What one task of a spawn may use, beside its step and its tree.

#include "session/tree_test_fixture.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

TEST(Tree, ASubtaskIsHeldToItsOwnTokensAndGoesOnWhenTheyAreRaised) {
  Tree w;
  w.spawn = R"({"tasks":[{"agent":"worker","message":"one","budget":{"tokens":1000}}]})";
  auto inner = w.road.answer;
  w.road.answer = [&w, inner](const contract::ChatRequest& r) -> Result<Message> {
    w.road.output_tokens = r.messages[0].text() == "work" ? 5'000 : 10;
    return inner(r);
  };
  SessionId id = w.create(kParent, "go");
  w.loop.run_for(60s);
  const SessionId child = child_of(w, id);
  EXPECT_EQ(w.payload(id, kind::kChildSpawned).at("budget", "tokens")->integer(), 1000);
  EXPECT_EQ(w.payload(child, kind::kSessionStarted).at("budget", "tokens")->integer(), 1000);
  EXPECT_EQ(w.state(child).reason, "budget");
  EXPECT_LE(w.state(child).tokens, 1000);
  Json over = w.payload(child, kind::kBudgetExceeded);
  EXPECT_EQ(over.get_string("budget"), "tokens");
  EXPECT_EQ(over.get_string("scope"), "subtask");
  EXPECT_EQ(over.get_string("effect"), "cut");
  EXPECT_EQ(over.get_string("limit"), "1000");
  ExtensionDecision more;
  more.budget = "subtask";
  more.tokens = 10;
  w.decide(child, more);
  w.loop.run_for(60s);
  over = w.payload(child, kind::kBudgetExceeded);
  EXPECT_EQ(over.get_string("scope"), "subtask");
  EXPECT_EQ(over.get_string("effect"), "refused") << "too few to begin with";
  more.tokens = 20'000;
  w.decide(child, more);
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  EXPECT_NE(w.state(id).messages.back().text().find("did one"), std::string::npos);
  auto none =
      w.loop.run_task(w.manager->decide_extension(w.ctx, w.who, w.create(kParent, "again"), more));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().reason, "not_open") << "a root has none";
}

TEST(Tree, ASubtasksTimeCutsItsCallsAndWaitingForARaiseCostsNone) {
  Tree w;
  w.spawn = R"({"tasks":[{"agent":"worker","message":"one","budget":{"time_s":10}}]})";
  auto inner = w.road.answer;
  w.road.answer = [&w, inner](const contract::ChatRequest& r) -> Result<Message> {
    w.road.think = 30s;
    return inner(r);
  };
  SessionId id = w.create(kParent, "go");
  w.loop.run_for(60s);
  const SessionId child = child_of(w, id);
  EXPECT_EQ(w.state(child).reason, "budget");
  Json over = w.payload(child, kind::kBudgetExceeded);
  EXPECT_EQ(over.get_string("budget"), "time");
  EXPECT_EQ(over.get_string("scope"), "subtask");
  w.loop.run_for(24h);
  w.crash();
  ExtensionDecision more;
  more.budget = "subtask";
  more.time = 60s;
  w.decide(child, more);
  w.loop.run_for(120s);
  EXPECT_EQ(w.state(child).status, Status::kEnded);
  EXPECT_EQ(w.state(child).result, "did one");
  EXPECT_EQ(w.state(id).status, Status::kEnded);
}

TEST(Tree, ASubtaskHandsOnNoMoreThanItHasLeft) {
  Tree w(R"({"name":"worker","instructions":"lead","models":["m"],"builtins":["spawn"]})");
  w.spawn = R"({"tasks":[{"agent":"worker","message":"on","budget":{"tokens":9000,"time_s":60}}]})";
  SessionId id = w.create(kParent, "go");
  w.loop.run_for(30s);
  const SessionId child = child_of(w, id);
  Json started = w.payload(child_of(w, child), kind::kSessionStarted);
  ASSERT_NE(started.at("budget", "tokens"), nullptr);
  EXPECT_EQ(started.at("budget", "tokens")->integer(), 9000 - 15);
  EXPECT_LT(started.at("budget", "time_s")->number().value_or(60), 60);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  // What says nothing gets the rest too.
  w.spawn = R"({"tasks":[{"agent":"worker","message":"on"}]})";
  auto inner = w.road.answer;
  int calls = 0;
  w.road.answer = [&calls, inner](const contract::ChatRequest& r) -> Result<Message> {
    if (calls++ > 0) return inner(r);
    return call_tool("drover_spawn",
                     R"({"tasks":[{"agent":"worker","message":"on","budget":{"tokens":9000}}]})");
  };
  id = w.create(kParent, "go");
  w.loop.run_for(30s);
  started = w.payload(child_of(w, child_of(w, id)), kind::kSessionStarted);
  ASSERT_NE(started.at("budget", "tokens"), nullptr);
  EXPECT_EQ(started.at("budget", "tokens")->integer(), 9000 - 15);
}

TEST(Tree, ASubtaskCountsWhatAllBelowItUse) {
  Tree w;
  w.agents.known["mid"] = *AgentSpec::from_json(
      *Json::parse(R"({"name":"mid","instructions":"mid","models":["m"],"builtins":["spawn"]})"));
  w.spawn = R"({"tasks":[{"agent":"mid","message":"one","budget":{"tokens":9000}}]})";
  auto inner = w.road.answer;
  w.road.answer = [&w, inner](const contract::ChatRequest& r) -> Result<Message> {
    const std::string who = r.messages[0].text();
    w.road.input_tokens = who == "work" ? 50'000 : 10;  // more than was reserved, and billed
    if (who != "mid" || r.messages.back().role != Role::kUser) return inner(r);
    return call_tool("drover_spawn", R"({"tasks":[{"agent":"worker","message":"deep"}]})");
  };
  SessionId id = w.create(kParent, "go");
  w.loop.run_for(60s);
  const SessionId mid = child_of(w, id);
  const SessionId worker = child_of(w, mid);
  EXPECT_EQ(w.state(worker).status, Status::kEnded);
  EXPECT_EQ(w.state(worker).tokens, 50'005);
  EXPECT_EQ(w.state(mid).tokens, 15);
  EXPECT_EQ(w.state(mid).reason, "budget");
  EXPECT_EQ(w.payload(mid, kind::kBudgetExceeded).dump(),
            R"({"budget":"tokens","scope":"subtask","effect":"refused","limit":"9000",)"
            R"("used":"50020"})");
  // Its books outlive a crash.
  w.crash();
  ExtensionDecision more;
  more.budget = "subtask";
  more.tokens = 41'020;
  w.decide(mid, more);
  w.loop.run_for(60s);
  Json over = w.payload(mid, kind::kBudgetExceeded);
  EXPECT_EQ(over.get_string("limit"), "50020");
  EXPECT_EQ(over.get_string("used"), "50020");
  more.tokens = 20'000;
  w.decide(mid, more);
  w.loop.run_for(60s);
  EXPECT_NE(w.state(mid).result.find("did deep"), std::string::npos) << w.state(mid).result;
  EXPECT_EQ(w.state(id).status, Status::kEnded);
}

TEST(Tree, ABudgetOfASubtaskThatCannotBeReadIsToldToTheModel) {
  Tree w;
  w.spawn = R"({"tasks":[{"agent":"worker","message":"one","budget":{"token":5}}]})";
  SessionId id = w.create(kParent, "go");
  w.loop.run_for(30s);
  EXPECT_NE(w.state(id).messages.back().text().find("unknown member 'token'"), std::string::npos);
  EXPECT_EQ(w.rows().size(), 1u);
}

}  // namespace
}  // namespace drover::session
