// The time of a step binds workers, too.

#include "session/work_test_fixture.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

constexpr std::string_view kTenSeconds =
    R"({"name":"q","planner":{"queue":"work"},"step_budget":{"time_s":10}})";

SessionId begin_timed(Workers& w, std::string_view agent, Json plan) {
  NewSession spec = Workers::planned(std::move(plan));
  spec.agent = *AgentSpec::from_json(*Json::parse(agent));
  auto id = w.loop.run_task(w.manager->create(w.ctx, w.who, std::move(spec)));
  EXPECT_TRUE(id) << id.error().message;
  return *id;
}

/// Raises the time of the step.
void give_time(Workers& w, const SessionId& id, Duration time) {
  ExtensionDecision more;
  more.time = time;
  w.decide(id, more);
}

/// A worker that beats for so long; the reason of the heartbeat that was refused, if one was.
std::string beat_for(Workers& w, const WorkKey& key, int seconds) {
  for (int i = 0; i < seconds; ++i) {
    w.loop.run_for(1s);
    auto kept = w.loop.run_task(w.manager->heartbeat(w.ctx, w.who, key, 5s));
    if (!kept) return kept.error().reason;
  }
  return "";
}

TEST(Work, TheTimeOfAStepBindsAWorkerHoweverOftenItBeats) {
  Workers w;
  SessionId id = begin_timed(w, kTenSeconds, step_plan(1));
  const Leased slow = w.lease_one(0s, 5s);
  EXPECT_EQ(beat_for(w, slow.item.key, 9), "");
  EXPECT_EQ(w.state(id).status, Status::kRunning);
  EXPECT_EQ(beat_for(w, slow.item.key, 3), "lease_lost");
  EXPECT_EQ(w.state(id).reason, "budget");
  Json over = w.payload(id, kind::kBudgetExceeded);
  EXPECT_EQ(over.get_string("budget"), "time");
  EXPECT_EQ(over.get_string("scope"), "step");
  EXPECT_EQ(over.get_string("effect"), "cut");
  auto late = w.finish(slow.item.key, Json::object().set("content", "late"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, "superseded");
  EXPECT_NE(w.payload(id, kind::kToolResult).find("ignored"), nullptr);
  EXPECT_TRUE(w.lease(60s).empty()) << "it waits for more time";
  w.crash();
  give_time(w, id, 60s);
  const Leased again = w.lease_one(1s, 30s);
  EXPECT_EQ(again.item.key.attempt, 2u);
  EXPECT_EQ(beat_for(w, again.item.key, 20), "");
  ASSERT_TRUE(w.finish(again.item.key, Json::object().set("content", "in time")));
  EXPECT_EQ(w.state(id).messages.back().text(), "in time");
  EXPECT_TRUE(verify_chain(id, w.events(id)));
}

TEST(Work, SoItBindsWhoPlansAndWhatNobodyHasTaken) {
  for (bool taken : {true, false}) {
    Workers w;
    SessionId id = w.create(kTenSeconds, "please");
    auto asked = taken ? w.lease(1s) : std::vector<Leased>();
    w.loop.run_for(15s);
    EXPECT_EQ(w.state(id).reason, "budget");
    EXPECT_EQ(w.payload(id, kind::kBudgetExceeded).get_string("budget"), "time");
    EXPECT_TRUE(w.lease().empty()) << "nobody is offered it any more";
    if (taken) {
      auto late = w.finish(asked[0].item.key, Json::object().set("plan", end_plan()));
      ASSERT_FALSE(late);
      EXPECT_EQ(late.error().reason, "superseded");
    }
    give_time(w, id, 60s);
    const Leased again = w.lease_one(1s);
    ASSERT_TRUE(w.finish(again.item.key, Json::object().set("plan", end_plan())));
    EXPECT_EQ(w.state(id).status, Status::kEnded);
  }
}

TEST(Work, TimeThatIsGrantedMeanwhileCounts) {
  Workers w;
  SessionId id = begin_timed(w, kTenSeconds, step_plan(1));
  const Leased item = w.lease_one(0s, 5s);
  EXPECT_EQ(beat_for(w, item.item.key, 5), "");
  give_time(w, id, 20s);
  EXPECT_EQ(beat_for(w, item.item.key, 24), "");
  EXPECT_EQ(beat_for(w, item.item.key, 5), "lease_lost");
  EXPECT_EQ(w.state(id).reason, "budget");
}

TEST(Work, EachOfSeveralItemsEndsWithTheStepAndIsTriedAgain) {
  Workers w;
  Json plan =
      *Json::parse(R"({"effects":[{"kind":"tool_call","name":"a"},{"kind":"tool_call","name":"b"},)"
                   R"({"kind":"tool_call","name":"c"}]})");
  SessionId id = begin_timed(w, kTenSeconds, std::move(plan));
  const Leased first = w.lease_one();
  ASSERT_TRUE(w.finish(first.item.key, Json::object().set("content", "A")));
  w.loop.run_for(15s);
  EXPECT_EQ(w.state(id).reason, "budget");
  EXPECT_EQ(w.count(id, kind::kToolCall), 3u);
  give_time(w, id, 60s);
  for (int i = 0; i < 2; ++i) {
    const Leased again = w.lease_one(1s);
    EXPECT_EQ(again.item.key.attempt, 2u);
    ASSERT_TRUE(w.finish(again.item.key, Json::object().set("content", "B")));
  }
  EXPECT_TRUE(w.state(id).tool_calls.empty());
}

}  // namespace
}  // namespace drover::session
