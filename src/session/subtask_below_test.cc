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
  void expect_done() {
    EXPECT_EQ(state(top).status, Status::kEnded);
    for (const store::SessionRow& row : rows()) EXPECT_EQ(row.end_reason, "completed");
  }
};

ExtensionDecision more_tokens(int64_t tokens) {
  ExtensionDecision more;
  more.budget = "subtask";
  more.tokens = tokens;
  return more;
}

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

TEST(TreePool, TheTightestLimitAboveCounts) {
  const SessionId a("ses_a"), b("ses_b"), c("ses_c"), d("ses_d");
  const TreeLimits limits;
  TreePool pool(limits, WallTime());
  pool.count(a, SessionId(), of_tokens(7));
  pool.count(b, a, of_tokens(20));
  pool.count(c, b, of_tokens(30));
  pool.count(d, c, of_tokens(40));
  EXPECT_FALSE(pool.tightest(d));
  EXPECT_EQ(pool.unsaid(d), d);
  pool.set_subtask(d, std::nullopt);
  EXPECT_EQ(pool.unsaid(d), c);
  pool.set_subtask(c, 100);
  pool.set_subtask(b, 110);
  EXPECT_TRUE(pool.unsaid(d).empty()) << "the top is nobody's subtask";
  EXPECT_FALSE(pool.subtask(d));
  EXPECT_EQ(pool.subtask(c), 100);
  auto most = pool.tightest(d);
  ASSERT_TRUE(most);
  EXPECT_EQ(most->of, b);
  EXPECT_EQ(most->max, 110);
  EXPECT_EQ(most->used, 90);
  pool.set_subtask(b, 200);
  EXPECT_EQ(pool.tightest(d)->of, c);
  EXPECT_EQ(pool.tightest(d)->left(), 30);
}

TEST(TreePool, ThoseWhoWaitAreToldOnceWhenThereIsRoom) {
  const SessionId a("ses_a"), b("ses_b"), c("ses_c"), d("ses_d");
  const TreeLimits limits;
  TreePool pool(limits, WallTime());
  pool.count(b, a, of_tokens(10));
  pool.count(c, b, of_tokens(80));
  pool.set_subtask(b, 100);
  pool.await_room(d, b, 11);
  EXPECT_TRUE(pool.take_with_room().empty());
  pool.count(c, b, of_tokens(79));
  EXPECT_EQ(pool.take_with_room(), std::vector<SessionId>{d});
  EXPECT_TRUE(pool.take_with_room().empty());
}

TEST(TreePool, LimitsInARingHaveAnEnd) {
  const SessionId a("ses_a"), b("ses_b");
  const TreeLimits limits;
  TreePool pool(limits, WallTime());
  pool.count(a, b, of_tokens(1));
  pool.count(b, a, of_tokens(1));
  pool.set_subtask(a, 5);
  pool.set_subtask(b, 9);
  EXPECT_TRUE(pool.tightest(a));
  EXPECT_TRUE(pool.unsaid(a).empty());
}

/// A session in the journal that has ended.
void put(World& w, const SessionId& id, const SessionId& root, const SessionId& parent,
         uint32_t pending = 0) {
  State state;
  state.id = id;
  Batch batch(state, w.loop, w.random);
  Json started = Json::object().set("tenant", "ten_a").set("root", root.str());
  if (!parent.empty()) started.set("parent", parent.str()).set("depth", 1);
  started.set("agent", AgentSpec::from_json(*Json::parse(kAgent))->to_json());
  started.set("budget", *Json::parse(R"({"tokens":700})"));
  EXPECT_TRUE(batch.add(system_draft(kind::kSessionStarted, std::move(started))));
  EXPECT_TRUE(batch.add(system_draft(kind::kSessionEnded, Json::object().set("reason", "x"))));
  store::SessionRow row;
  row.id = id;
  row.tenant = TenantId("ten_a");
  row.status = "ended";
  row.root = root;
  row.parent = parent;
  row.depth = parent.empty() ? 0 : 1;
  row.last_sequence = 2;
  row.pending = pending;
  auto done = w.loop.run_task(w.store.journal().append(w.ctx, row, 0, batch.take()));
  EXPECT_TRUE(done) << done.error().message;
}

TEST(TreePool, ReadsTheLimitsAboveUnlessTheyArePurged) {
  World w;
  const SessionId top = SessionId::make(w.loop.wall(), w.random);
  const SessionId mid = SessionId::make(w.loop.wall(), w.random);
  put(w, top, top, SessionId());
  put(w, mid, top, top);
  const SessionId thirsty = SessionId::make(w.loop.wall(), w.random);
  put(w, thirsty, top, mid, kAwaitsRaise);
  State below;
  below.id = SessionId::make(w.loop.wall(), w.random);
  below.tenant = TenantId("ten_a");
  below.root = top;
  below.parent = mid;
  below.depth = 2;
  for (bool purged : {false, true}) {
    if (purged) {
      ASSERT_TRUE(w.loop.run_task(w.manager->purge(w.ctx, w.who, mid, "")));
    }
    TreePools pools(&w.store.journal());
    auto pool = w.loop.run_task(pools.open(w.ctx, &below));
    ASSERT_TRUE(pool) << pool.error().message;
    EXPECT_EQ((*pool)->subtask(mid), purged ? std::nullopt : std::optional<int64_t>(700));
    EXPECT_TRUE((*pool)->unsaid(mid).empty());
    EXPECT_EQ((*pool)->take_with_room(), std::vector<SessionId>{thirsty});
  }
}

}  // namespace
}  // namespace drover::session
