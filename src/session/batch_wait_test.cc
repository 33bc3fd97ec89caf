// A session whose model call lies in a provider's batch: it waits like any other, and takes the
// answer, or makes it anew, once.

#include "base/limits/batch.h"
#include "base/limits/session.h"
#include "session/session_test_world.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

constexpr std::string_view kPatient =
    R"({"name":"a","models":["m"],"service_class":"slow","batch":{"within":"24h"}})";

/// Calls lie in a batch until the test lets them out.
struct Patient : World {
  bool out = false;
  Patient() {
    road.answer = [this](const contract::ChatRequest& r) -> Result<Message> {
      if (out) return say("got " + r.messages.back().text());
      Error lies(Code::kUnavailable, "it lies in the batch b", Retry::kNever);
      lies.reason = road::kBatched;
      lies.retry_after = 25h;
      return fail(std::move(lies));
    };
    keep_time();
  }
  SessionId begin() {
    SessionId id = create(kPatient, "go");
    loop.run_for(60s);
    return id;
  }
  void let_out(const SessionId& id) {
    out = true;
    manager->batch_ended(id, who.tenant);
    loop.run_for(60s);
  }
};

TEST(BatchWait, ASessionInABatchIsParkedAndTakesItsAnswer) {
  Patient w;
  SessionId id = w.begin();
  EXPECT_EQ(w.road.batch_within, Duration(24h));
  EXPECT_EQ(w.manager->awake(), 0u);
  EXPECT_EQ(w.state(id).reason, "batch");
  EXPECT_GT(w.state(id).reservation.tokens, 0) << "set aside while it lies there";
  w.loop.run_for(10h);
  EXPECT_EQ(w.road.calls, 1) << "nobody asks meanwhile";
  w.let_out(id);
  EXPECT_EQ(w.road.calls, 2);
  EXPECT_TRUE(w.road.was_batched);
  EXPECT_EQ(w.road.keys[0], w.road.keys[1]);
  EXPECT_EQ(w.state(id).reason, "message");
  EXPECT_EQ(w.state(id).messages.back().text(), "got go");
  EXPECT_EQ(w.state(id).tokens, 15) << "counted once";
  EXPECT_FALSE(w.state(id).reservation.open);
  std::vector<std::string> expected = {"session.started", "observation",   "model.call",
                                       "wait.started",    "wait.resolved", "model.call",
                                       "model.result"};
  EXPECT_EQ(w.kinds(id), expected);
  EXPECT_TRUE(verify_chain(id, w.events(id)));
}

TEST(BatchWait, ItIsNoRestOfDataThatIsNotKept) {
  Patient w;
  Json agent = *Json::parse(kPatient);
  agent.set("data", "retention=none");
  SessionId id = w.create(agent.dump(), "go");
  w.loop.run_for(60s);
  ASSERT_EQ(w.state(id).reason, "batch");
  EXPECT_EQ(w.state(id).kept_until(), std::nullopt);
  w.loop.run_for(limits::kRestWithNoneMax + 1min);
  w.let_out(id);
  EXPECT_EQ(w.state(id).messages.back().text(), "got go");
  EXPECT_EQ(w.state(id).kept_until(), w.state(id).last_time + limits::kRestWithNoneMax);
}

TEST(BatchWait, ItSurvivesACrashAndAMessageMeanwhileWaits) {
  Patient w;
  SessionId id = w.begin();
  w.crash();
  w.loop.run_for(1h);
  EXPECT_EQ(w.road.calls, 1) << "it goes on lying there";
  Message more = Message::of_text(Role::kUser, "and this");
  ASSERT_TRUE(w.loop.run_task(w.manager->post_message(w.ctx, w.who, id, std::move(more))));
  w.loop.run_for(60s);
  EXPECT_EQ(w.road.calls, 1);
  EXPECT_EQ(w.state(id).reason, "batch");
  w.crash();
  w.let_out(id);
  EXPECT_EQ(w.road.calls, 3);
  EXPECT_EQ(w.state(id).messages.back().text(), "got and this");
}

TEST(BatchWait, OneThatNobodyEndsIsAskedForWhenItsTimeIsOver) {
  Patient w;
  SessionId id = w.begin();
  w.out = true;
  w.loop.run_for(24h);
  EXPECT_EQ(w.road.calls, 1);
  w.loop.run_for(2h);
  EXPECT_EQ(w.road.calls, 2);
  EXPECT_EQ(w.state(id).reason, "message");
  EXPECT_EQ(w.payload(id, kind::kWaitResolved).get_string("outcome"), "expired");
}

TEST(BatchWait, AskedTooEarlyItLiesOn) {
  Patient w;
  SessionId id = w.begin();
  w.manager->batch_ended(id, w.who.tenant);
  w.loop.run_for(60s);
  EXPECT_EQ(w.road.calls, 2);
  EXPECT_EQ(w.state(id).reason, "batch");
  w.let_out(id);
  EXPECT_EQ(w.state(id).reason, "message");
  w.manager->batch_ended(id, w.who.tenant);  // told twice
  w.loop.run_for(60s);
  EXPECT_EQ(w.road.calls, 3);
}

TEST(BatchWait, ACancelledSessionWaitsForNothing) {
  Patient w;
  SessionId id = w.begin();
  ASSERT_TRUE(w.loop.run_task(w.manager->cancel(w.ctx, w.who, id, "enough")));
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  EXPECT_EQ(w.road.over, std::vector<std::string>{id.str()});
  w.let_out(id);
  EXPECT_EQ(w.road.calls, 1);
  EXPECT_EQ(w.road.over.size(), 2u) << "its batch is told that nobody waits";
}

TEST(BatchWait, AnAgentStatesItOpenly) {
  auto read = [](std::string_view more) {
    std::string text = R"({"name":"a","models":["m"])" + std::string(more) + "}";
    return AgentSpec::from_json(*Json::parse(text));
  };
  auto good = read(R"(,"service_class":"slow","batch":{"within":"90m"})");
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->batch_within, Duration(90min));
  EXPECT_EQ(AgentSpec::from_json(good->to_json())->batch_within, Duration(90min));
  EXPECT_FALSE(read(R"(,"service_class":"slow")")->batch_within);
  for (const char* bad :
       {R"(,"batch":{"within":"24h"})", R"(,"service_class":"fast","batch":{"within":"24h"})",
        R"(,"service_class":"slow","batch":{})", R"(,"service_class":"slow","batch":true)",
        R"(,"service_class":"slow","batch":{"within":"1m"})",
        R"(,"service_class":"slow","batch":{"within":"48h"})",
        R"(,"service_class":"slow","batch":{"within":"24h"},"parameters":{"stream":true})"}) {
    EXPECT_FALSE(read(bad)) << bad;
  }
}

}  // namespace
}  // namespace drover::session
