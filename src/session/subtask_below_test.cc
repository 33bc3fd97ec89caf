// Those that a subtask has work side by side share its tokens.

#include "session/snapshot.h"
#include "session/tree_test_fixture.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

/// A lead with one subtask, which has two workers side by side.
struct Below : Tree {
  int64_t answer_tokens = 3'000;  // of a worker
  SessionId top, mid;

  Below()
      : Tree(R"({"name":"worker","instructions":"work","models":["m"],)"
             R"("limits":{"output_tokens":3000}})") {
    agents.known["mid"] = *AgentSpec::from_json(
        *Json::parse(R"({"name":"mid","instructions":"mid","models":["m"],"builtins":["spawn"]})"));
    auto inner = road.answer;
    road.answer = [this, inner](const contract::ChatRequest& r) -> Result<Message> {
      const std::string who = r.messages[0].text();
      road.output_tokens = who == "work" ? answer_tokens : 5;
      if (who != "mid" || r.messages.back().role != Role::kUser) return inner(r);
      return call_tool("drover_spawn", R"({"tasks":[{"agent":"worker","message":"one"},)"
                                       R"({"agent":"worker","message":"two"}]})");
    };
  }
  void begin(int64_t tokens) {
    spawn = R"({"tasks":[{"agent":"mid","message":"go","budget":{"tokens":)" +
            std::to_string(tokens) + "}}]}";
    top = create(kParent, "go");
    loop.run_for(60s);
    mid = child_of(*this, top);
  }
  /// All that the subtask used.
  int64_t used() {
    int64_t out = 0;
    for (const store::SessionRow& row : rows()) {
      if (row.id != top) out += row.spent.tokens + row.reserved.tokens;
    }
    return out;
  }
  /// The worker that waits; fails the test if it is not one.
  SessionId thirsty() {
    std::vector<SessionId> out;
    for (const store::SessionRow& row : rows()) {
      if (row.parent == mid && row.waiting_for == "budget") out.push_back(row.id);
    }
    EXPECT_EQ(out.size(), 1u);
    return out.empty() ? SessionId() : out.front();
  }
  /// That the worker was stopped by its parent's limit.
  void expect_stopped(const SessionId& worker, std::string_view limit) {
    Json over = payload(worker, kind::kBudgetExceeded);
    EXPECT_EQ(over.get_string("scope"), "subtask");
    EXPECT_EQ(over.get_string("limit"), limit);
    EXPECT_EQ(over.get_string("limit_of"), mid.str());
    auto kept = read_snapshot(make_snapshot(state(worker)));
    ASSERT_TRUE(kept && kept->over_budget);
    EXPECT_EQ(kept->over_budget->limit_of, mid.str());
  }
};

TEST(Subtask, ThoseSideBySideUseTogetherNoMoreThanIt) {
  Below w;
  w.begin(5'000);
  const SessionId worker = w.thirsty();
  EXPECT_LE(w.used(), 5'000);
  EXPECT_EQ(w.payload(worker, kind::kBudgetReserved).get_string("limit_of"), w.mid.str());
  w.expect_stopped(worker, "5000");
  // Whoever has the limit is given more, and the worker goes on.
  w.answer_tokens = 5;
  w.decide(w.mid, more_tokens(20'000));
  w.loop.run_for(60s);
  w.expect_done();
}

TEST(Subtask, ARaiseOfOneAboveIsSeenAtTheNextStart) {
  Below w;
  w.begin(5'000);
  w.expect_stopped(w.thirsty(), "5000");
  w.answer_tokens = 5;
  raise_and_die(w, w.mid, "subtask", 20'000);
  w.start();
  ASSERT_TRUE(w.loop.run_task(w.manager->recover(w.ctx)));
  w.loop.run_for(60s);
  w.expect_done();
}

TEST(Subtask, TheLimitAboveHoldsAlsoWhenNobodyAboveIsAwake) {
  Below w;
  w.begin(5'000);
  const SessionId worker = w.thirsty();
  const size_t before = w.count(worker, kind::kBudgetExceeded);
  w.crash();
  w.loop.run_for(60s);
  EXPECT_EQ(w.manager->awake(), 0u);
  EXPECT_EQ(w.count(worker, kind::kBudgetExceeded), before);
  // It may use more by itself; what it shares is as it was.
  w.decide(worker, more_tokens(50'000));
  w.loop.run_for(60s);
  EXPECT_GT(w.count(worker, kind::kBudgetExceeded), before);
  w.expect_stopped(worker, "5000");
  EXPECT_LE(w.used(), 5'000);
  w.answer_tokens = 5;
  w.decide(w.mid, more_tokens(20'000));
  w.loop.run_for(60s);
  w.expect_done();
}

TEST(Subtask, WhoeverFindsTooFewGoesOnWhenOthersLetGoOfSome) {
  Below w;
  w.road.think = 1s;
  w.answer_tokens = 5;
  // The first worker's call is given all that there is, and uses little of it.
  w.begin(2'000);
  size_t refused = 0;
  for (const store::SessionRow& row : w.rows()) {
    if (row.parent != w.mid || w.count(row.id, kind::kBudgetExceeded) == 0) continue;
    ++refused;
    EXPECT_EQ(w.count(row.id, kind::kBudgetExceeded), 1u);
    Json over = w.payload(row.id, kind::kBudgetExceeded);
    EXPECT_EQ(over.get_string("limit_of"), w.mid.str());
    EXPECT_EQ(over.get_string("effect"), "refused");
  }
  EXPECT_EQ(refused, 1u);
  w.expect_done();
}

}  // namespace
}  // namespace drover::session
