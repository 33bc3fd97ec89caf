// Results that come too late: of attempts that others followed, and after the end.

#include "session/work_test_fixture.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

TEST(Work, ALostLeaseIsGivenToTheNextAndTheLateResultIsRecordedAndIgnored) {
  Workers w;
  SessionId id = w.begin(step_plan(1));
  const Leased slow = w.lease_one(0s, 5s);
  w.loop.run_for(3s);
  ASSERT_TRUE(w.loop.run_task(w.manager->heartbeat(w.ctx, w.who, slow.item.key, 5s)));
  w.loop.run_for(4s);
  EXPECT_TRUE(w.lease().empty()) << "the heartbeat kept it";
  w.loop.run_for(3s);
  const Leased quick = w.lease_one(1s);
  EXPECT_EQ(quick.item.key.attempt, 2u);
  EXPECT_EQ(quick.item.body.get_string("idempotency_key"),
            slow.item.body.get_string("idempotency_key"));
  auto late = w.finish(slow.item.key, Json::object().set("content", "late"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, "superseded");
  EXPECT_FALSE(w.loop.run_task(w.manager->heartbeat(w.ctx, w.who, slow.item.key, 5s)));
  ASSERT_TRUE(w.finish(quick.item.key, Json::object().set("content", "in time")));
  EXPECT_EQ(w.count(id, kind::kToolResult), 2u);
  EXPECT_EQ(w.state(id).messages.back().text(), "in time");
  auto again = w.finish(quick.item.key, Json::object().set("content", "twice"));
  ASSERT_FALSE(again);
  EXPECT_EQ(w.state(id).messages.back().text(), "in time");
}

/// A question and a call, each leased by one who is too slow and answered by the next.
struct Overtaken : Workers {
  SessionId id = create(kQueued, "please");
  WorkKey plan, call;

  Overtaken() {
    plan = overtake(Json::object().set("plan", step_plan(1)));
    call = overtake(Json::object().set("content", "in time"));
  }
  WorkKey overtake(Json body) {
    const Leased slow = lease_one(1s, 1s);
    loop.run_for(2s);
    EXPECT_TRUE(finish(lease_one(1s).item.key, std::move(body)));
    return slow.item.key;
  }
  std::string late(const WorkKey& key, Json body) {
    auto done = finish(key, std::move(body));
    return done ? "" : done.error().reason;
  }
};

TEST(Work, ALateResultIsRecordedOnceAlsoWhenTheGoodOneWasThere) {
  Overtaken w;
  const Json said = Json::object().set("content", "too late");
  const size_t before = w.events(w.id).size();
  EXPECT_EQ(w.late(w.call, said), "superseded");
  contract::Event recorded = w.last(w.id, kind::kToolResult);
  EXPECT_EQ(recorded.causation, w.call.sequence);
  EXPECT_EQ(recorded.attempt, 1u);
  EXPECT_EQ(recorded.actor.id, "w1");
  EXPECT_NE(recorded.payload.find("too late"), std::string::npos);
  EXPECT_EQ(w.late(w.plan, Json::object().set("plan", end_plan())), "superseded");
  EXPECT_NE(w.payload(w.id, kind::kPlan).find("ignored"), nullptr);
  EXPECT_EQ(w.events(w.id).size(), before + 2);
  for (int i = 0; i < 20; ++i) {
    if (i == 10) w.restart();
    EXPECT_EQ(w.late(w.call, said), "superseded");
    EXPECT_EQ(w.late(w.plan, Json::object().set("plan", end_plan())), "superseded");
  }
  WorkKey never = w.call;
  for (never.attempt = 2; never.attempt < 60; ++never.attempt) {
    EXPECT_EQ(w.late(never, said), "superseded") << "accepted already, or never was";
  }
  // The restart made another attempt at the question that is open.
  EXPECT_EQ(w.count(w.id, kind::kToolResult), 2u);
  EXPECT_EQ(w.count(w.id, kind::kPlan), 2u);
  EXPECT_EQ(w.state(w.id).messages.back().text(), "in time");
  EXPECT_TRUE(verify_chain(w.id, w.events(w.id)));
}

/// A journal that has ended stays as it is, also for who holds its last hash elsewhere.
TEST(Work, ALateResultAfterTheEndIsRefusedAndRecordedNowhere) {
  Overtaken w;
  const Leased asked = w.lease_one(1s);
  ASSERT_TRUE(w.finish(asked.item.key, Json::object().set("plan", end_plan())));
  w.loop.run_for(1s);
  const store::SessionRow before = w.row(w.id);
  EXPECT_EQ(before.status, "ended");
  for (bool restarted : {false, true}) {
    if (restarted) w.restart();
    for (const WorkKey& key : {w.call, w.plan, asked.item.key}) {
      Json body = Json::object();
      if (key == w.call) {
        body.set("content", "too late");
      } else {
        body.set("plan", end_plan());
      }
      auto late = w.finish(key, std::move(body));
      ASSERT_FALSE(late);
      EXPECT_EQ(late.error().code, Code::kFailedPrecondition);
      EXPECT_EQ(late.error().reason, "") << "not superseded: that would say that it is recorded";
      EXPECT_NE(late.error().message.find("has ended"), std::string::npos) << late.error().message;
    }
  }
  w.loop.run_for(60s);
  const store::SessionRow after = w.row(w.id);
  EXPECT_EQ(after.last_sequence, before.last_sequence);
  EXPECT_EQ(after.last_hash, before.last_hash);
  EXPECT_EQ(after.updated, before.updated) << "its retention runs from its end";
  EXPECT_EQ(w.events(w.id).back().kind, kind::kSessionEnded);
}

TEST(Work, ARestartFencesTheWorkersOfBefore) {
  Workers w;
  SessionId id = w.begin(step_plan(1));
  const Leased before = w.lease_one();
  w.crash();
  w.loop.run_for(1s);
  auto late = w.finish(before.item.key, Json::object().set("content", "from before"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, "superseded");
  const Leased after = w.lease_one(1s);
  EXPECT_EQ(after.item.key.attempt, 2u);
  ASSERT_TRUE(w.finish(after.item.key, Json::object().set("content", "x").set("plan", end_plan())));
  EXPECT_EQ(w.state(id).status, Status::kEnded);
}

}  // namespace
}  // namespace drover::session
