// What workers are told while a commit is on its way, and what they are not.

#include "session/work_test_fixture.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

TEST(Work, ThreeStepsInFourCommits) {
  Workers w;
  auto begun = w.loop.run_task(
      w.manager->create_and_lease(w.ctx, w.who, Workers::planned(step_plan(1)), 30s));
  ASSERT_TRUE(begun && begun->work);
  const SessionId id = begun->id;
  EXPECT_EQ(begun->work->item.body.get_string("arguments"), R"({"n":1})");
  uint64_t commits = w.store.disk().syncs();
  std::optional<Leased> item = begun->work;
  for (int n = 2; n <= 4; ++n) {
    Json body = Json::object().set("content", "r" + std::to_string(n - 1));
    body.set("plan", n == 4 ? end_plan() : step_plan(n));
    auto answer = w.finish(item->item.key, std::move(body), true);
    ASSERT_TRUE(answer) << answer.error().message;
    item = answer->next;
    ASSERT_EQ(item.has_value(), n != 4);
  }
  EXPECT_EQ(w.store.disk().syncs() - commits, 3u);
  State s = w.state(id);
  EXPECT_EQ(s.status, Status::kEnded);
  EXPECT_EQ(s.result, "done");
  EXPECT_TRUE(verify_chain(id, w.events(id)));
}

TEST(Work, WhatIsAnsweredIsKnownWhileTheDiskWrites) {
  Workers w;
  w.store.disk().sync_time = 1ms;
  std::optional<BegunSession> begun;
  Ahead<BegunSession> ahead = [&](BegunSession b) {
    EXPECT_EQ(w.store.disk().syncs(), 0u);
    begun = std::move(b);
    return nullptr;
  };
  auto created = w.loop.run_task(w.manager->create_and_lease(
      w.ctx, w.who, Workers::planned(step_plan(1)), 30s, std::move(ahead)));
  ASSERT_TRUE(created && begun && begun->work);
  EXPECT_EQ(created->id, begun->id);
  EXPECT_FALSE(created->work);
  Json body = Json::object().set("content", "r1").set("plan", step_plan(2));
  auto second = w.finish_ahead(begun->work->item.key, std::move(body));
  ASSERT_TRUE(second && *second && (*second)->next);
  EXPECT_EQ((*second)->next->item.body.get_string("arguments"), R"({"n":2})");
  // A question to the planner goes with what the journal holds: it follows the commit.
  auto third = w.finish_ahead((*second)->next->item.key, Json::object().set("content", "r2"));
  ASSERT_TRUE(third);
  EXPECT_FALSE(*third);
}

TEST(Work, WhatIsPreparedIsToldOnceItsCommitIsDurable) {
  Workers w;
  w.store.disk().sync_time = 1ms;
  w.begin(step_plan(1));
  const Leased first = w.lease_one();
  const uint64_t before = w.store.disk().syncs();
  WorkResult result;
  result.body = Json::object().set("content", "r1").set("plan", step_plan(2));
  result.next = true;
  int told = 0;
  Ahead<WorkAnswer> ahead = [&](const WorkAnswer& answer) -> Tell {
    EXPECT_TRUE(answer.next);
    EXPECT_EQ(w.store.disk().syncs(), before);
    return [&] {
      ++told;
      EXPECT_EQ(w.store.disk().syncs(), before + 1);
    };
  };
  ASSERT_TRUE(w.loop.run_task(
      w.manager->finish_work(w.ctx, w.who, first.item.key, std::move(result), std::move(ahead))));
  EXPECT_EQ(told, 1);
}

Task<void> poll(Context ctx, Workers* w, uint64_t* synced) {
  LeaseRequest request;
  request.queues = {"work"};
  request.wait = 10s;
  auto got = co_await w->manager->lease(ctx, w->who, std::move(request));
  EXPECT_TRUE(got && got->size() == 1);
  *synced = w->store.disk().syncs();
}

TEST(Work, NobodyElseIsOfferedWhatIsNotDurable) {
  Workers w;
  w.store.disk().sync_time = 1ms;
  w.begin(step_plan(1));
  const Leased first = w.lease_one();
  const uint64_t before = w.store.disk().syncs();
  uint64_t at_lease = 0;
  async::Scope others(w.ctx);
  others.spawn(poll(others.context(), &w, &at_lease));
  Json body = Json::object().set("content", "r1").set("plan", step_plan(2));
  ASSERT_TRUE(w.finish(first.item.key, std::move(body)));
  w.loop.run_task(others.join());
  EXPECT_EQ(at_lease, before + 1);
}

Task<void> finish_unless_gone(Context ctx, Workers* w, WorkKey key, bool* told) {
  WorkResult result;
  result.body = Json::object().set("content", "r1").set("plan", step_plan(2));
  result.next = true;
  Ahead<WorkAnswer> ahead = [&](const WorkAnswer&) -> Tell {
    EXPECT_FALSE(ctx.cancelled());
    *told = true;
    return nullptr;
  };
  (void)co_await w->manager->finish_work(ctx, w->who, std::move(key), std::move(result),
                                         std::move(ahead));
}

void leave_after(int turns, async::SimLoop& loop, async::Scope& client) {
  if (turns == 0) return client.cancel("it has left");
  loop.post([turns, &loop, &client] { leave_after(turns - 1, loop, client); });
}

TEST(Work, NothingIsLeasedAheadForAClientThatHasLeft) {
  int untold = 0;
  for (int turns = 0; turns < 16; ++turns) {
    Workers w;
    w.store.disk().sync_time = 1ms;
    w.begin(step_plan(1));
    const Leased first = w.lease_one();
    bool told = false;
    async::Scope client(w.ctx);
    client.spawn(finish_unless_gone(client.context(), &w, first.item.key, &told));
    leave_after(turns, w.loop, client);
    w.loop.run_task(client.join());
    w.loop.run_for(5ms);  // the result is committed all the same
    EXPECT_EQ(w.lease().size(), told ? 0u : 1u) << turns;
    untold += told ? 0 : 1;
  }
  EXPECT_GT(untold, 0);
}

TEST(Work, WhatWasKnownAheadOfACommitThatFailedIsNobodys) {
  Workers w;
  w.store.disk().sync_time = 1ms;
  SessionId id = w.begin(step_plan(1));
  const Leased first = w.lease_one();
  const WorkKey lost{id, w.state(id).last_sequence + 3, 1};
  Json body = Json::object().set("content", "r1").set("plan", step_plan(2));
  w.loop.call_after(500us, [&] { w.store.disk().crash(); });
  auto failed = w.finish_ahead(first.item.key, body, [] { ADD_FAILURE() << "it was told"; });
  ASSERT_FALSE(failed);
  // The step is done again, and only what the journal holds is offered.
  EXPECT_FALSE(w.finish(lost, Json::object().set("content", "never asked for")));
  const Leased again = w.lease_one(5s);
  EXPECT_EQ(again.item.body.get_string("arguments"), R"({"n":1})");
  EXPECT_EQ(again.item.key.attempt, 2u);
  EXPECT_TRUE(verify_chain(id, w.events(id)));
}

}  // namespace
}  // namespace drover::session
