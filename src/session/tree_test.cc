#include "session/batch.h"
#include "session/tree_test_fixture.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

TEST(Tree, ChildrenWorkSideBySideAndReport) {
  Tree w;
  SessionId id = w.create(kParent, "go");
  w.loop.run_for(60s);
  State s = w.state(id);
  EXPECT_EQ(s.status, Status::kEnded);
  auto results = Json::parse(s.messages.back().text());
  ASSERT_TRUE(results) << s.messages.back().text();
  ASSERT_EQ(results->array_items()->size(), 3u);
  EXPECT_EQ((*results->array_items())[0].get_string("result"), "did one");
  EXPECT_EQ((*results->array_items())[2].get_string("result"), "did three");
  for (const store::SessionRow& row : w.rows()) {
    EXPECT_EQ(row.status, "ended");
    EXPECT_EQ(row.root, id);
    EXPECT_EQ(row.pending, 0u) << row.id.str();
    EXPECT_EQ(row.depth, row.id == id ? 0u : 1u);
  }
  EXPECT_TRUE(verify_chain(id, w.events(id)));
}

TEST(Tree, NoMoreThanTheWidthIsOpenAtOnce) {
  Tree w;
  w.road.think = 1s;
  SessionId id = w.create(kParent, "go");
  size_t most = 0;
  for (int i = 0; i < 100; ++i) {
    w.loop.run_for(100ms);
    most = std::max(most, w.state(id).open_children());
  }
  EXPECT_EQ(most, 2u);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
}

TEST(Tree, TheFirstAnswerIsEnough) {
  Tree w;
  w.spawn = R"({"tasks":[{"agent":"worker","message":"one"},{"agent":"worker","message":"two"}],)"
            R"("wait":"any"})";
  auto inner = w.road.answer;
  SessionId id = w.create(kParent, "go");
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  for (const store::SessionRow& row : w.rows()) EXPECT_EQ(row.status, "ended");
}

TEST(Tree, SpawnsBeyondTheTreesTotalAreRefusedNotCrashed) {
  Tree w;
  w.spawn = R"({"tasks":[{"agent":"worker","message":"1"},{"agent":"worker","message":"2"},)"
            R"({"agent":"worker","message":"3"},{"agent":"worker","message":"4"},)"
            R"({"agent":"worker","message":"5"},{"agent":"worker","message":"6"},)"
            R"({"agent":"worker","message":"7"}]})";
  SessionId id = w.create(kParent, "go");
  w.loop.run_for(120s);
  State s = w.state(id);
  EXPECT_EQ(s.status, Status::kEnded);
  EXPECT_EQ(s.spawns, 5);
  EXPECT_EQ(w.rows().size(), 6u);
  EXPECT_NE(s.messages.back().text().find("refused"), std::string::npos);
  EXPECT_EQ(w.payload(id, kind::kBudgetExceeded).get_string("budget"), "spawns");
}

TEST(Tree, ARefusedChildIsNotTheFirstAnswer) {
  Tree w;
  w.spawn = R"({"tasks":[{"agent":"nobody","message":"1"},{"agent":"worker","message":"2"}],)"
            R"("wait":"any"})";
  SessionId id = w.create(kParent, "go");
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  EXPECT_NE(w.state(id).messages.back().text().find("did 2"), std::string::npos);
  EXPECT_EQ(w.state(id).open_children(), 0u);
}

TEST(Tree, AnUnknownAgentIsToldToTheModel) {
  Tree w;
  w.spawn = R"({"tasks":[{"agent":"nobody","message":"1"}]})";
  SessionId id = w.create(kParent, "go");
  w.loop.run_for(30s);
  EXPECT_NE(w.state(id).messages.back().text().find("nobody"), std::string::npos);
  EXPECT_EQ(w.rows().size(), 1u);
}

TEST(Tree, DepthIsLimited) {
  Tree w(R"({"name":"worker","instructions":"lead","models":["m"],"builtins":["spawn"]})");
  w.spawn = R"({"tasks":[{"agent":"worker","message":"deeper"}]})";
  SessionId id = w.create(kParent, "go");
  w.loop.run_for(120s);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  uint32_t deepest = 0;
  for (const store::SessionRow& row : w.rows()) deepest = std::max(deepest, row.depth);
  EXPECT_EQ(deepest, 2u);
  EXPECT_EQ(w.rows().size(), 3u);
}

TEST(Tree, DepthIsLimitedForPlannersToo) {
  World w;
  w.planner.answer = [](const Json& q) -> Result<Json> {
    if (*q.get_int("step") > 1) return Json::parse(R"({"effects":[{"kind":"end"}]})");
    return Json::parse(R"({"effects":[{"kind":"spawn","tasks":["deeper"]}]})");
  };
  SessionId id = w.create(
      R"({"name":"digger","planner":{"url":"http://127.0.0.1:9/plan"},"tree":{"depth":2}})", "go");
  w.loop.run_for(120s);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  auto rows = w.loop.run_task(w.manager->list(w.ctx, w.who, store::SessionFilter()));
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->size(), 3u);
  for (const store::SessionRow& row : *rows) {
    EXPECT_EQ(row.status, "ended");
    EXPECT_LE(row.depth, 2u);
    EXPECT_EQ(w.count(row.id, kind::kBudgetExceeded), row.depth == 2 ? 1u : 0u);
    if (row.depth != 2) continue;
    Json over = w.payload(row.id, kind::kBudgetExceeded);
    EXPECT_EQ(over.dump(),
              R"({"budget":"depth","scope":"tree","effect":"refused","limit":"2","used":"3"})");
    EXPECT_EQ(w.payload(row.id, kind::kChildEnded).get_string("reason"), "refused");
    EXPECT_EQ(row.spent.spawns, 0) << "a refused child is none";
  }
}

TEST(Tree, CrashesAtEveryMomentEndAlike) {
  for (int step = 0; step < 60; ++step) {
    Tree w;
    w.road.think = 100ms;
    w.store.disk().sync_time = 7ms;
    SessionId id = w.create(kParent, "go");
    w.loop.run_for(Duration(step * 11'000'000));
    w.crash();
    w.loop.run_for(300s);
    State s = w.state(id);
    EXPECT_EQ(s.status, Status::kEnded) << "crash after " << step * 11 << " ms";
    EXPECT_EQ(s.spawns, 3);
    size_t sessions = 0;
    for (const store::SessionRow& row : w.rows()) {
      EXPECT_EQ(row.status, "ended") << step;
      EXPECT_EQ(row.pending, 0u) << step;
      EXPECT_EQ(row.reserved.tokens, 0) << step;
      ++sessions;
    }
    EXPECT_EQ(sessions, 4u) << step;
  }
}

TEST(Tree, OneBudgetForTheTree) {
  Tree w;
  w.road.input_tokens = 200;
  w.road.output_tokens = 100;
  // The root's first call and about one child's fit, then the pool is dry.
  SessionId id = w.create(
      R"({"name":"lead","instructions":"lead","models":["m"],"builtins":["spawn"],)"
      R"("end_after_answer":true,"limits":{"output_tokens":200},"tree":{"tokens":1000,"width":1}})",
      "go");
  w.loop.run_for(60s);
  int64_t used = 0;
  size_t paused = 0;
  SessionId thirsty;
  for (const store::SessionRow& row : w.rows()) {
    used += row.spent.tokens;
    if (row.waiting_for != "budget") continue;
    ++paused;
    thirsty = row.id;
  }
  EXPECT_LE(used, 1000);
  ASSERT_EQ(paused, 1u);
  ExtensionDecision more;
  more.budget = "tree";
  more.tokens = 100'000;
  w.decide(thirsty, more);
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  EXPECT_EQ(w.state(id).tree.tokens, 101'000);
}

TEST(Tree, AChildThatItsTreeHasCutGoesOnWhenTheTreeHasMore) {
  Tree w;
  w.spawn = R"({"tasks":[{"agent":"worker","message":"one"}]})";
  w.road.input_tokens = 200;
  auto inner = w.road.answer;
  w.road.answer = [&w, inner](const contract::ChatRequest& r) -> Result<Message> {
    w.road.output_tokens = r.messages[0].text() == "work" ? 5'000 : 10;
    return inner(r);
  };
  SessionId id =
      w.create(R"({"name":"lead","instructions":"lead","models":["m"],"builtins":["spawn"],)"
               R"("end_after_answer":true,"tree":{"tokens":2000}})",
               "go");
  w.loop.run_for(60s);
  SessionId child;
  for (const store::SessionRow& row : w.rows()) {
    if (row.id != id) child = row.id;
  }
  ASSERT_EQ(w.state(child).reason, "budget");
  Json reserved = w.payload(child, kind::kBudgetReserved);
  EXPECT_EQ(reserved.get_string("scope"), "tree");
  Json over = w.payload(child, kind::kBudgetExceeded);
  EXPECT_EQ(over.get_string("budget"), "tokens");
  EXPECT_EQ(over.get_string("scope"), "tree");
  EXPECT_EQ(over.get_string("effect"), "cut");
  EXPECT_EQ(over.get_string("limit"), "2000");
  EXPECT_EQ(w.payload(child, kind::kModelResult).find("error")->get_string("reason"),
            "tree_budget");
  ExtensionDecision more;
  more.budget = "tree";
  more.tokens = 100'000;
  w.decide(id, more);
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  EXPECT_NE(w.state(id).messages.back().text().find("did one"), std::string::npos);
}

TEST(Tree, ARaiseOfWhichNobodyWasToldIsSeenAtTheNextStart) {
  Tree w;
  w.road.input_tokens = 200;
  w.road.output_tokens = 100;
  SessionId id = w.create(
      R"({"name":"lead","instructions":"lead","models":["m"],"builtins":["spawn"],)"
      R"("end_after_answer":true,"limits":{"output_tokens":200},"tree":{"tokens":1000,"width":1}})",
      "go");
  w.loop.run_for(60s);
  ASSERT_EQ(w.state(id).reason, "children");
  raise_and_die(w, id, "tree", 100'000);
  w.start();
  ASSERT_TRUE(w.loop.run_task(w.manager->recover(w.ctx)));
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  for (const store::SessionRow& row : w.rows()) EXPECT_EQ(row.status, "ended");
}

TEST(Tree, ARestartWithoutARaiseWakesNobodyForLong) {
  Tree w;
  w.road.input_tokens = 200;
  w.road.output_tokens = 100;
  SessionId id =
      w.create(R"({"name":"lead","instructions":"lead","models":["m"],"builtins":["spawn"],)"
               R"("limits":{"output_tokens":200},"tree":{"tokens":1000,"width":1}})",
               "go");
  w.loop.run_for(60s);
  std::map<SessionId, uint64_t> before;
  for (const store::SessionRow& row : w.rows()) before[row.id] = row.last_sequence;
  w.restart();
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).reason, "children");
  for (const store::SessionRow& row : w.rows()) EXPECT_EQ(row.last_sequence, before[row.id]);
  EXPECT_EQ(w.manager->awake(), 0u);
}

}  // namespace
}  // namespace drover::session
