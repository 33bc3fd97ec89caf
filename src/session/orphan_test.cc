// What becomes of children whose parent has ended.

#include "session/tree_test_fixture.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

TEST(Tree, ACancelGoesDownwards) {
  Tree w;
  w.road.think = 60s;
  auto answer = w.road.answer;
  w.road.answer = [&w, answer](const contract::ChatRequest& r) -> Result<Message> {
    w.road.think = 600s;  // the children think for long
    return answer(r);
  };
  SessionId id = w.create(kParent, "go");
  w.loop.run_for(90s);
  ASSERT_EQ(w.rows().size(), 3u);
  ASSERT_TRUE(w.loop.run_task(w.manager->cancel(w.ctx, w.who, id, "enough")));
  w.loop.run_for(5s);
  for (const store::SessionRow& row : w.rows()) {
    EXPECT_EQ(row.status, "ended");
    EXPECT_EQ(row.end_reason, "cancelled");
    EXPECT_EQ(row.pending, 0u);
  }
}

TEST(Tree, AKillStopsTheWholeTreeAndSaysWhat) {
  Tree w;
  w.road.think = 10s;
  SessionId id = w.create(kParent, "go");
  w.loop.run_for(12s);
  auto rows = w.rows();
  ASSERT_EQ(rows.size(), 3u);
  KillTarget target;
  target.kind = KillTarget::Kind::kTree;
  target.what = rows[0].id == id ? rows[1].id.str() : rows[0].id.str();  // any of the tree
  auto report = w.loop.run_task(w.manager->kill(w.ctx, w.who, target, "runaway"));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stopped.size(), 3u);
  EXPECT_TRUE(report->failed.empty());
  for (const store::SessionRow& row : w.rows()) EXPECT_EQ(row.status, "ended");
}

void kill_one(Tree& w, const SessionId& id, size_t refused = 0) {
  KillTarget target;
  target.what = id.str();
  auto report = w.loop.run_task(w.manager->kill(w.ctx, w.who, target, "runaway"));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->failed.size(), refused);
}

/// Both children have ended, in that way.
void expect_orphans(Tree& w, const SessionId& parent, std::string_view reason) {
  size_t children = 0;
  for (const store::SessionRow& row : w.rows()) {
    EXPECT_EQ(row.status, "ended") << row.id.str();
    EXPECT_EQ(row.pending, 0u);
    if (row.parent != parent) continue;
    ++children;
    EXPECT_EQ(row.end_reason, reason);
    EXPECT_EQ(w.payload(row.id, kind::kSessionEnded).get_string("explanation"),
              "its parent has ended");
  }
  EXPECT_EQ(children, 2u);
}

/// Keeps workers from being killed.
struct NotWorkers final : identity::Gate {
  bool has_rules() const override { return true; }
  Result<void> judge(const identity::Principal&, identity::Action action,
                     const identity::Subject& subject) const override {
    if (action != identity::Action::kKill || subject.agent != "worker") return {};
    return fail(Error(Code::kPermissionDenied, "not that one").with_reason("policy"));
  }
  void denied(const identity::Principal&, identity::Action, const identity::Subject&,
              const Error&) const override {}
};

/// Of a kill they hear from their parent alone.
TEST(Tree, AKilledParentsChildrenEndAsKilled) {
  NotWorkers gate;
  Tree w;
  w.road.think = 10s;
  SessionId id = w.create(kParent, "go");
  w.loop.run_for(12s);
  ASSERT_EQ(w.rows().size(), 3u);
  w.who.gate = &gate;
  kill_one(w, id, 2);
  w.loop.run_for(5s);
  expect_orphans(w, id, "killed");
}

/// Children that cannot begin yet, as their commits fail.
void before_children_begin(Tree& w, SessionId* id) {
  w.store.disk().sync_time = 5ms;
  auto answer = w.road.answer;
  w.road.answer = [&w, answer](const contract::ChatRequest& r) -> Result<Message> {
    // Behind the commit of the spawns, which is under way then.
    w.loop.call_after(2ms, [&w] {
      w.store.disk().fail_next(Error(Code::kResourceExhausted, "no space", Retry::kAfter), 2);
    });
    const auto first = answer;  // what comes next destroys this function
    w.road.answer = first;
    return first(r);
  };
  *id = w.create(kParent, "go");
  w.loop.run_for(100ms);
  ASSERT_EQ(w.rows().size(), 1u) << "no child has begun";
  ASSERT_EQ(w.state(*id).open_children(), 2u);
}

TEST(Tree, AChildThatBeginsWhenItsParentHasEndedIsStopped) {
  for (bool killed : {false, true}) {
    Tree w;
    SessionId id;
    before_children_begin(w, &id);
    w.road.think = 10s;
    if (killed) {
      kill_one(w, id);
    } else {
      ASSERT_TRUE(w.loop.run_task(w.manager->cancel(w.ctx, w.who, id, "enough")));
    }
    ASSERT_EQ(w.rows().size(), 1u);
    w.loop.run_for(60s);
    expect_orphans(w, id, killed ? "killed" : "cancelled");
  }
}

TEST(Tree, SoIsOneWhoseProcessEndedInBetween) {
  for (std::string reason : {"cancelled", "completed", "killed"}) {
    Tree w;
    w.road.think = 10s;
    SessionId id = w.create(kParent, "go");
    w.loop.run_for(15s);
    ASSERT_EQ(w.rows().size(), 3u);
    // The root ended before it knew of them: nothing is owed.
    last_act(w, id, kind::kSessionEnded, Json::object().set("reason", reason),
             [&reason](store::SessionRow& row) {
               row.status = "ended";
               row.end_reason = reason;
               row.pending = 0;
             });
    w.start();
    ASSERT_TRUE(w.loop.run_task(w.manager->recover(w.ctx)));
    w.loop.run_for(5s);
    expect_orphans(w, id, reason == "killed" ? "killed" : "cancelled");
  }
}

}  // namespace
}  // namespace drover::session
