// Who is awake: places, who gives his up, and what a restart makes of more sessions than places.

#include "base/limits/session.h"
#include "session/session_test_world.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

constexpr std::string_view kByWorkers = R"({"name":"q","planner":{"queue":"work"}})";
constexpr std::string_view kByModel = R"({"name":"a","models":["m"]})";

struct Places : World {
  explicit Places(size_t places, size_t items = limits::kWorkItemsMax) {
    active_max = places;
    items_max = items;
    restart();
  }
  SessionId planned(std::string_view effects) {
    NewSession spec;
    spec.agent = *AgentSpec::from_json(*Json::parse(kByWorkers));
    spec.plan = *Json::parse(R"({"effects":[)" + std::string(effects) + "]}");
    auto id = loop.run_task(manager->create(ctx, who, std::move(spec)));
    EXPECT_TRUE(id) << id.error().message;
    return id.value_or(SessionId());
  }
  SessionId step() { return planned(R"({"kind":"tool_call","name":"t","arguments":{"n":1}})"); }
  Result<uint64_t> say_to(const SessionId& id) {
    return loop.run_task(
        manager->post_message(ctx, who, id, Message::of_text(Role::kUser, "by the way")));
  }
  std::vector<Leased> lease(size_t most = limits::kWorkItemsPerPollMax, Duration time = 30s) {
    LeaseRequest request;
    request.queues = {"work"};
    request.most = most;
    request.lease_time = time;
    auto got = loop.run_task(manager->lease(ctx, who, request));
    EXPECT_TRUE(got) << got.error().message;
    return got ? *got : std::vector<Leased>();
  }
  Result<WorkAnswer> finish(const WorkKey& key, Json body) {
    WorkResult result;
    result.body = std::move(body);
    return loop.run_task(manager->finish_work(ctx, who, key, std::move(result)));
  }
  /// Ends the session that asks, or goes on in it with nothing else to do.
  Result<WorkAnswer> finish_with_end(const Leased& leased) {
    Json body = Json::object();
    if (!leased.item.plan) body.set("content", "done");
    body.set("plan", *Json::parse(R"({"effects":[{"kind":"end"}]})"));
    return finish(leased.item.key, std::move(body));
  }
  /// The most that are awake at once in that time.
  size_t most_awake(Duration time) {
    size_t most = 0;
    for (Duration d{}; d < time; d += 10ms) {
      loop.run_for(10ms);
      most = std::max(most, manager->awake());
    }
    return most;
  }
  Duration time_of_crash() {
    const MonoTime began = loop.mono();
    crash();
    return loop.mono() - began;
  }
};

TEST(Places, ManyMoreWaitForWorkersThanMayBeAwake) {
  Places w(4);
  std::vector<SessionId> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(w.create(kByWorkers, "please"));
    EXPECT_LE(w.manager->awake(), 4u);
  }
  w.loop.run_for(10s);
  EXPECT_EQ(w.manager->awake(), 0u);
  auto items = w.lease();
  ASSERT_EQ(items.size(), 20u);
  EXPECT_EQ(w.manager->awake(), 0u) << "a lease wakes nobody";
  for (const Leased& leased : items) {
    EXPECT_EQ(leased.item.key.attempt, 1u);
    EXPECT_FALSE(leased.item.body.find("messages")->array_items()->empty());
    EXPECT_GE(leased.item.body.find("events")->array_items()->size(), 2u);
    ASSERT_TRUE(w.finish_with_end(leased));
  }
  for (const SessionId& id : ids) EXPECT_EQ(w.state(id).status, Status::kEnded);
}

TEST(Places, WorkThatWaitsIsTheSameAttemptHoweverOftenItsSessionSleeps) {
  Places w(4);
  SessionId id = w.step();
  for (int i = 0; i < 30; ++i) {
    w.loop.run_for(10s);
    ASSERT_EQ(w.manager->awake(), 0u);
    ASSERT_TRUE(w.say_to(id));
  }
  w.loop.run_for(10s);
  auto items = w.lease(1, 60s);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].item.key.attempt, 1u);
  EXPECT_EQ(items[0].item.body.get_string("arguments"), R"({"n":1})");
  ASSERT_TRUE(w.say_to(id));  // while a worker has it
  w.loop.run_for(10s);
  ASSERT_EQ(w.manager->awake(), 0u);
  EXPECT_TRUE(w.lease().empty());
  ASSERT_TRUE(w.loop.run_task(w.manager->heartbeat(w.ctx, w.who, items[0].item.key, 30s)));
  ASSERT_TRUE(w.finish_with_end(items[0]));
  EXPECT_EQ(w.count(id, kind::kToolCall), 1u);
}

TEST(Places, ALeaseThatIsLostWakesItsSession) {
  Places w(4);
  SessionId id = w.step();
  w.loop.run_for(10s);
  auto first = w.lease(1, 5s);
  ASSERT_EQ(first.size(), 1u);
  w.loop.run_for(20s);
  EXPECT_EQ(w.manager->awake(), 0u);
  auto second = w.lease();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].item.key.attempt, 2u);
  auto late = w.finish_with_end(first[0]);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, "superseded");
  // Given back while it sleeps: the same.
  w.loop.run_for(10s);
  ASSERT_EQ(w.manager->awake(), 0u);
  ASSERT_TRUE(w.finish(second[0].item.key, Json::object().set("error", Json::object())));
  w.loop.run_for(1s);
  auto third = w.lease();
  ASSERT_EQ(third.size(), 1u);
  EXPECT_EQ(third[0].item.key.attempt, 3u);
  EXPECT_EQ(third[0].item.key.session, id);
}

TEST(Places, ASessionThatEndsInItsSleepTakesItsWorkWithIt) {
  Places w(4);
  SessionId id = w.step();
  w.loop.run_for(10s);
  ASSERT_EQ(w.manager->awake(), 0u);
  ASSERT_TRUE(w.loop.run_task(w.manager->cancel(w.ctx, w.who, id, "enough")));
  EXPECT_TRUE(w.lease().empty());
}

TEST(Places, CallsBeyondWhatRunsAtOnceStayFirstAttempts) {
  Places w(4);
  std::string effects;
  const size_t calls = limits::kParallelToolCallsMax + 3;
  for (size_t i = 0; i < calls; ++i) {
    effects += std::string(i == 0 ? "" : ",") + R"({"kind":"tool_call","name":"t"})";
  }
  SessionId id = w.planned(effects);
  for (size_t i = 0; i < calls; ++i) {
    w.loop.run_for(10s);
    auto items = w.lease(1);
    ASSERT_EQ(items.size(), 1u);
    EXPECT_EQ(items[0].item.key.attempt, 1u);
    ASSERT_TRUE(w.finish(items[0].item.key, Json::object().set("content", "done")));
  }
  EXPECT_EQ(w.count(id, kind::kToolCall), calls);
}

TEST(Places, WhatTheFullQueuesDoNotTakeIsOfferedLaterAsTheSameAttempt) {
  Places w(4, 1);
  w.step();
  SessionId second = w.step();
  w.loop.run_for(60s);
  auto items = w.lease();
  ASSERT_EQ(items.size(), 1u);
  ASSERT_TRUE(w.finish_with_end(items[0]));
  w.loop.run_for(2s);
  items = w.lease();
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].item.key.session, second);
  EXPECT_EQ(items[0].item.key.attempt, 1u);
}

TEST(Places, TimersThatAreDueTogetherWaitForPlaces) {
  Places w(8);
  for (int i = 0; i < 30; ++i) w.planned(R"({"kind":"wait","for":"timer","seconds":60})");
  w.loop.run_for(50s);
  ASSERT_EQ(w.manager->awake(), 0u);
  EXPECT_LE(w.most_awake(20s), 7u) << "one place is kept for calls";
  EXPECT_EQ(w.lease().size(), 30u);
}

TEST(Places, ARestartWaitsForNoWorker) {
  Places w(8);
  for (int i = 0; i < 40; ++i) w.step();
  EXPECT_LT(w.time_of_crash(), 1s);
  EXPECT_LE(w.most_awake(2s), 8u);
  auto items = w.lease();
  ASSERT_EQ(items.size(), 40u);
  for (const Leased& leased : items) {
    EXPECT_EQ(leased.item.key.attempt, 2u);
    ASSERT_TRUE(w.finish_with_end(leased));
  }
}

TEST(Places, ARestartWaitsForNoTree) {
  Places w(8);
  w.agents.known["kid"] = *AgentSpec::from_json(
      *Json::parse(R"({"name":"kid","models":["m"],"builtins":["wait_for_signal"]})"));
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> {
    return call_tool("drover_wait_for_signal", R"({"name":"go"})");
  };
  for (int i = 0; i < 40; ++i) {
    w.planned(R"({"kind":"spawn","tasks":[{"agent":"kid","message":"wait"}]})");
  }
  w.loop.run_for(60s);
  ASSERT_EQ(w.manager->awake(), 0u);
  EXPECT_LT(w.time_of_crash(), 100ms);
  EXPECT_GT(w.manager->awake(), 0u) << "as many as there are places for were begun";
  // 40 parents that would each keep a place for three seconds took over ten.
  w.loop.run_for(6s);
  EXPECT_EQ(w.manager->awake(), 0u);
}

TEST(Places, ARestartBeginsAsManyAsItCanAndTheOthersAsPlacesBecomeFree) {
  Places w(100);
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("yes"); };
  w.road.think = 60s;
  std::vector<SessionId> ids;
  for (int i = 0; i < 10; ++i) {
    ids.push_back(w.create(kByModel, "go"));
    w.loop.run_for(10ms);  // so that their ids are in order
  }
  w.active_max = 8;
  EXPECT_LT(w.time_of_crash(), 1s);
  EXPECT_EQ(w.manager->awake(), 7u);
  w.loop.run_for(1s);
  EXPECT_EQ(w.manager->awake(), 7u);
  // The oldest come last, but for those who are called.
  ASSERT_TRUE(w.say_to(ids[0]));
  auto refused = w.say_to(ids[1]);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_EQ(refused.error().retry, Retry::kAfter);
  w.loop.run_for(10min);
  for (const SessionId& id : ids) EXPECT_EQ(w.state(id).reason, "message");
  EXPECT_TRUE(w.say_to(ids[1]));
}

TEST(Places, WhoIsKilledNeedsNone) {
  Places w(2);
  SessionId parked = w.step();
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("yes"); };
  w.road.think = 60s;
  w.create(kByModel, "go");
  w.create(kByModel, "go");
  ASSERT_FALSE(w.say_to(parked));
  KillTarget target;
  target.what = parked.str();
  auto report = w.loop.run_task(w.manager->kill(w.ctx, w.who, target, ""));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->stopped.size(), 1u);
  EXPECT_TRUE(report->failed.empty());
}

}  // namespace
}  // namespace drover::session
