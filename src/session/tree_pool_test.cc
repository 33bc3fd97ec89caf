// The pool that a tree's sessions count in together, by itself.

#include "session/tree_test_fixture.h"
#include "store/forwarding_journal.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

TreeUse of_tokens(int64_t tokens) {
  TreeUse out;
  out.tokens = tokens;
  return out;
}

/// A child goes on when it sees that the text of its limit is another.
TEST(TreePool, EveryRaiseOfTimeShowsInItsText) {
  TreeLimits limits;
  limits.time = 9600h + 3min;
  EXPECT_EQ(limit_text(limits, "time"), "9600 h 3 min");
  limits.time += 20s + 5ms;
  EXPECT_EQ(limit_text(limits, "time"), "9600 h 3 min 20 s 5 ms");
  limits.time = Duration{};
  EXPECT_EQ(limit_text(limits, "time"), "0 s");
}

/// What one session counts survives whatever becomes of its actor.
TEST(TreePool, CountsEachSessionOnce) {
  TreeLimits limits;
  limits.tokens = 100;
  TreePool pool(limits, WallTime());
  TreeUse some;
  some.tokens = 60;
  pool.count(SessionId("ses_a"), SessionId(), some);
  pool.count(SessionId("ses_a"), SessionId(), some);
  EXPECT_EQ(pool.used().tokens, 60);
  TreeUse more;
  more.tokens = 50;
  auto shortage = shortage_of(pool.limits(), pool.used(), more, Duration{});
  ASSERT_TRUE(shortage);
  EXPECT_EQ(shortage->budget, "tokens");
  EXPECT_EQ(shortage->limit, limit_text(limits, "tokens"));
  EXPECT_EQ(shortage->used, "60");
  some.tokens = 40;
  pool.count(SessionId("ses_a"), SessionId(), some);
  EXPECT_FALSE(shortage_of(pool.limits(), pool.used(), more, Duration{}));
  EXPECT_EQ(pool.part(SessionId("ses_a")).tokens, 40);
  EXPECT_EQ(pool.part(SessionId("ses_b")).tokens, 0);
}

TEST(TreePools, AnswersAtOnceForOneAloneInItsTree) {
  World w;
  TreePools pools(&w.store.journal());
  State state;
  state.id = state.root = SessionId("ses_a");
  state.steps = 3;
  auto pool = pools.open_now(state);
  ASSERT_NE(pool, nullptr);
  EXPECT_EQ(pool->used().steps, 3);
  EXPECT_EQ(pools.open_now(state), pool);
  auto opened = w.loop.run_task(pools.open(w.ctx, &state));
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, pool);
  state.spawns = 1;
  EXPECT_EQ(pools.open_now(state), nullptr) << "others may count in it";
  State child;
  child.id = SessionId("ses_b");
  child.root = child.parent = state.id;
  EXPECT_EQ(pools.open_now(child), nullptr);
}

/// Rows come youngest first: those above may be counted later.
TEST(TreePool, SumsTheTokensBelowEachInWhateverOrder) {
  const SessionId a("ses_a"), b("ses_b"), c("ses_c"), d("ses_d");
  const TreeLimits limits;
  TreePool pool(limits, WallTime());
  pool.count(d, c, of_tokens(1));
  pool.count(c, b, of_tokens(10));
  pool.count(a, SessionId(), of_tokens(1000));
  pool.count(b, a, of_tokens(100));
  EXPECT_EQ(pool.subtree_tokens(d), 1);
  EXPECT_EQ(pool.subtree_tokens(c), 11);
  EXPECT_EQ(pool.subtree_tokens(b), 111);
  EXPECT_EQ(pool.subtree_tokens(a), 1111);
  pool.count(d, c, of_tokens(5));
  pool.count(c, b, of_tokens(0));
  EXPECT_EQ(pool.subtree_tokens(a), 1105);
  EXPECT_EQ(pool.subtree_tokens(c), 5);
  EXPECT_EQ(pool.used().tokens, 1105);
  EXPECT_EQ(pool.part(b).tokens, 100);
}

TEST(TreePool, ARingOfParentsHasAnEnd) {
  const SessionId a("ses_a"), b("ses_b");
  const TreeLimits limits;
  TreePool pool(limits, WallTime());
  pool.count(a, b, of_tokens(1));
  pool.count(b, a, of_tokens(1));
  pool.count(a, a, of_tokens(2));
  EXPECT_EQ(pool.used().tokens, 3);
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

/// A journal whose lists take a second to arrive.
class LateLists final : public store::ForwardingJournal {
 public:
  using ForwardingJournal::ForwardingJournal;
  Task<Result<std::vector<store::SessionRow>>> list(Context ctx,
                                                    store::SessionFilter filter) override {
    CO_TRY(auto rows, co_await ForwardingJournal::list(ctx, std::move(filter)));
    CO_TRY_VOID(co_await async::sleep_for(ctx, 1s));
    co_return rows;
  }
};

TEST(TreePool, WhoComesWhileItIsReadCountsToo) {
  World w;
  LateLists journal(w.store.journal());
  TreePools pools(&journal);
  State top;
  top.id = top.root = SessionId::make(w.loop.wall(), w.random);
  top.tenant = TenantId("ten_a");
  top.spawns = 1;
  store::SessionRow come;
  come.id = SessionId::make(w.loop.wall(), w.random);
  come.root = come.parent = top.id;
  come.spent.tokens = 500;
  come.reserved.tokens = 70;
  w.loop.call_after(500ms, [&pools, &come] { pools.count(come); });
  auto pool = w.loop.run_task(pools.open(w.ctx, &top));
  ASSERT_TRUE(pool) << pool.error().message;
  EXPECT_EQ((*pool)->used().tokens, 570);
  EXPECT_EQ((*pool)->subtree_tokens(top.id), 570);
  // Nor does it count twice, or less than it says itself meanwhile.
  pools.count(come);
  (*pool)->count(come.id, top.id, of_tokens(900));
  pools.count(come);
  EXPECT_EQ((*pool)->used().tokens, 900);
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
