#include "base/limits/session.h"
#include "session/session_test_world.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

constexpr std::string_view kQueued = R"({"name":"q","planner":{"queue":"work"}})";

Json step_plan(int n) {
  std::string text = R"({"effects":[{"kind":"tool_call","name":"step","arguments":{"n":)" +
                     std::to_string(n) + "}}]}";
  return *Json::parse(text);
}
Json end_plan() { return *Json::parse(R"({"effects":[{"kind":"end","result":"done"}]})"); }

struct Workers : World {
  std::vector<Leased> lease(Duration wait = 0s, Duration time = 30s) {
    LeaseRequest request;
    request.queues = {"work"};
    request.worker = "w1";
    request.wait = wait;
    request.lease_time = time;
    auto got = loop.run_task(manager->lease(ctx, who, request));
    EXPECT_TRUE(got) << got.error().message;
    return got ? *got : std::vector<Leased>();
  }
  Result<WorkAnswer> finish(const WorkKey& key, Json body, bool next = false) {
    WorkResult result;
    result.body = std::move(body);
    result.next = next;
    result.worker = "w1";
    return loop.run_task(manager->finish_work(ctx, who, key, std::move(result)));
  }
  /// The same, asking for what is answered ahead of the commit; that, if there was something.
  Result<std::optional<WorkAnswer>> finish_ahead(const WorkKey& key, Json body,
                                                 Tell tell = nullptr) {
    WorkResult result;
    result.body = std::move(body);
    result.next = true;
    std::optional<WorkAnswer> told;
    const uint64_t synced = store.disk().syncs();
    Ahead<WorkAnswer> ahead = [&](WorkAnswer answer) {
      told = std::move(answer);
      EXPECT_EQ(store.disk().syncs(), synced);
      return tell;
    };
    auto done =
        loop.run_task(manager->finish_work(ctx, who, key, std::move(result), std::move(ahead)));
    if (!done) return fail(done.error());
    EXPECT_FALSE(told && done->next);
    return told;
  }
  static NewSession planned(Json plan) {
    NewSession spec;
    spec.agent = *AgentSpec::from_json(*Json::parse(kQueued));
    spec.plan = std::move(plan);
    return spec;
  }
  SessionId begin(Json plan) {
    auto id = loop.run_task(manager->create(ctx, who, planned(std::move(plan))));
    EXPECT_TRUE(id) << id.error().message;
    return *id;
  }
};

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
  auto first = w.lease();
  ASSERT_EQ(first.size(), 1u);
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
  ASSERT_TRUE(w.loop.run_task(w.manager->finish_work(w.ctx, w.who, first[0].item.key,
                                                     std::move(result), std::move(ahead))));
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
  auto first = w.lease();
  ASSERT_EQ(first.size(), 1u);
  const uint64_t before = w.store.disk().syncs();
  uint64_t at_lease = 0;
  async::Scope others(w.ctx);
  others.spawn(poll(others.context(), &w, &at_lease));
  Json body = Json::object().set("content", "r1").set("plan", step_plan(2));
  ASSERT_TRUE(w.finish(first[0].item.key, std::move(body)));
  w.loop.run_task(others.join());
  EXPECT_EQ(at_lease, before + 1);
}

TEST(Work, WhatWasKnownAheadOfACommitThatFailedIsNobodys) {
  Workers w;
  w.store.disk().sync_time = 1ms;
  SessionId id = w.begin(step_plan(1));
  auto first = w.lease();
  ASSERT_EQ(first.size(), 1u);
  const WorkKey lost{id, w.state(id).last_sequence + 3, 1};
  Json body = Json::object().set("content", "r1").set("plan", step_plan(2));
  w.loop.call_after(500us, [&] { w.store.disk().crash(); });
  auto failed = w.finish_ahead(first[0].item.key, body, [] { ADD_FAILURE() << "it was told"; });
  ASSERT_FALSE(failed);
  // The step is done again, and only what the journal holds is offered.
  EXPECT_FALSE(w.finish(lost, Json::object().set("content", "never asked for")));
  auto again = w.lease(5s);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].item.body.get_string("arguments"), R"({"n":1})");
  EXPECT_EQ(again[0].item.key.attempt, 2u);
  EXPECT_TRUE(verify_chain(id, w.events(id)));
}

TEST(Work, ALongPollGetsThePlanWithItsEvents) {
  Workers w;
  SessionId id = w.create(kQueued, "please");
  auto items = w.lease(10s);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_TRUE(items[0].item.plan);
  EXPECT_EQ(items[0].item.key.session, id);
  EXPECT_GE(items[0].item.body.find("events")->array_items()->size(), 2u);
  EXPECT_TRUE(w.lease().empty()) << "leased once";
  ASSERT_TRUE(w.finish(items[0].item.key, Json::object().set("plan", end_plan())));
  EXPECT_EQ(w.state(id).status, Status::kEnded);
}

TEST(Work, ALostLeaseIsGivenToTheNextAndTheLateResultIsRecordedAndIgnored) {
  Workers w;
  SessionId id = w.begin(step_plan(1));
  auto slow = w.lease(0s, 5s);
  ASSERT_EQ(slow.size(), 1u);
  w.loop.run_for(3s);
  ASSERT_TRUE(w.loop.run_task(w.manager->heartbeat(w.ctx, w.who, slow[0].item.key, 5s)));
  w.loop.run_for(4s);
  EXPECT_TRUE(w.lease().empty()) << "the heartbeat kept it";
  w.loop.run_for(3s);
  auto quick = w.lease(1s);
  ASSERT_EQ(quick.size(), 1u);
  EXPECT_EQ(quick[0].item.key.attempt, 2u);
  EXPECT_EQ(quick[0].item.body.get_string("idempotency_key"),
            slow[0].item.body.get_string("idempotency_key"));
  auto late = w.finish(slow[0].item.key, Json::object().set("content", "late"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, "superseded");
  EXPECT_FALSE(w.loop.run_task(w.manager->heartbeat(w.ctx, w.who, slow[0].item.key, 5s)));
  ASSERT_TRUE(w.finish(quick[0].item.key, Json::object().set("content", "in time")));
  EXPECT_EQ(w.count(id, kind::kToolResult), 2u);
  EXPECT_EQ(w.state(id).messages.back().text(), "in time");
  auto again = w.finish(quick[0].item.key, Json::object().set("content", "twice"));
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
    auto slow = lease(1s, 1s);
    loop.run_for(2s);
    auto quick = lease(1s);
    EXPECT_TRUE(slow.size() == 1 && quick.size() == 1);
    EXPECT_TRUE(finish(quick[0].item.key, std::move(body)));
    return slow[0].item.key;
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
  auto asked = w.lease(1s);
  ASSERT_EQ(asked.size(), 1u);
  ASSERT_TRUE(w.finish(asked[0].item.key, Json::object().set("plan", end_plan())));
  w.loop.run_for(1s);
  const store::SessionRow before = *w.loop.run_task(w.store.journal().find(w.ctx, w.id));
  EXPECT_EQ(before.status, "ended");
  for (bool restarted : {false, true}) {
    if (restarted) w.restart();
    for (const WorkKey& key : {w.call, w.plan, asked[0].item.key}) {
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
  const store::SessionRow after = *w.loop.run_task(w.store.journal().find(w.ctx, w.id));
  EXPECT_EQ(after.last_sequence, before.last_sequence);
  EXPECT_EQ(after.last_hash, before.last_hash);
  EXPECT_EQ(after.updated, before.updated) << "its retention runs from its end";
  EXPECT_EQ(w.events(w.id).back().kind, kind::kSessionEnded);
}

TEST(Work, WhatNoWorkerWasAskedForIsNotTaken) {
  Workers w;
  w.road.think = 60s;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("thought"); };
  NewSession spec = Workers::planned(*Json::parse(R"({"effects":[{"kind":"model_call"}]})"));
  spec.agent = *AgentSpec::from_json(
      *Json::parse(R"({"name":"q","models":["m"],"planner":{"queue":"work"}})"));
  auto id = w.loop.run_task(w.manager->create(w.ctx, w.who, std::move(spec)));
  ASSERT_TRUE(id);
  w.loop.run_for(1s);
  const WorkKey thought{*id, w.last(*id, kind::kModelCall).sequence, 1};
  auto refused = w.finish(thought, Json::object().set("content", "mine"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kNotFound);
  w.loop.run_for(90s);
  EXPECT_EQ(w.road.calls, 1) << "it was not disturbed";
}

constexpr std::string_view kTenSeconds =
    R"({"name":"q","planner":{"queue":"work"},"step_budget":{"time_s":10}})";

SessionId begin_timed(Workers& w, std::string_view agent, Json plan) {
  NewSession spec = Workers::planned(std::move(plan));
  spec.agent = *AgentSpec::from_json(*Json::parse(agent));
  auto id = w.loop.run_task(w.manager->create(w.ctx, w.who, std::move(spec)));
  EXPECT_TRUE(id) << id.error().message;
  return *id;
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
  auto slow = w.lease(0s, 5s);
  ASSERT_EQ(slow.size(), 1u);
  EXPECT_EQ(beat_for(w, slow[0].item.key, 9), "");
  EXPECT_EQ(w.state(id).status, Status::kRunning);
  EXPECT_EQ(beat_for(w, slow[0].item.key, 3), "lease_lost");
  EXPECT_EQ(w.state(id).reason, "budget");
  Json over = w.payload(id, kind::kBudgetExceeded);
  EXPECT_EQ(over.get_string("budget"), "time");
  EXPECT_EQ(over.get_string("scope"), "step");
  EXPECT_EQ(over.get_string("effect"), "cut");
  auto late = w.finish(slow[0].item.key, Json::object().set("content", "late"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, "superseded");
  EXPECT_NE(w.payload(id, kind::kToolResult).find("ignored"), nullptr);
  EXPECT_TRUE(w.lease(60s).empty()) << "it waits for more time";
  w.crash();
  ExtensionDecision more;
  more.time = 60s;
  ASSERT_TRUE(w.loop.run_task(w.manager->decide_extension(w.ctx, w.who, id, more)));
  auto again = w.lease(1s, 30s);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].item.key.attempt, 2u);
  EXPECT_EQ(beat_for(w, again[0].item.key, 20), "");
  ASSERT_TRUE(w.finish(again[0].item.key, Json::object().set("content", "in time")));
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
    ExtensionDecision more;
    more.time = 60s;
    ASSERT_TRUE(w.loop.run_task(w.manager->decide_extension(w.ctx, w.who, id, more)));
    auto again = w.lease(1s);
    ASSERT_EQ(again.size(), 1u);
    ASSERT_TRUE(w.finish(again[0].item.key, Json::object().set("plan", end_plan())));
    EXPECT_EQ(w.state(id).status, Status::kEnded);
  }
}

TEST(Work, TimeThatIsGrantedMeanwhileCounts) {
  Workers w;
  SessionId id = begin_timed(w, kTenSeconds, step_plan(1));
  auto item = w.lease(0s, 5s);
  ASSERT_EQ(item.size(), 1u);
  EXPECT_EQ(beat_for(w, item[0].item.key, 5), "");
  ExtensionDecision more;
  more.time = 20s;
  ASSERT_TRUE(w.loop.run_task(w.manager->decide_extension(w.ctx, w.who, id, more)));
  EXPECT_EQ(beat_for(w, item[0].item.key, 24), "");
  EXPECT_EQ(beat_for(w, item[0].item.key, 5), "lease_lost");
  EXPECT_EQ(w.state(id).reason, "budget");
}

TEST(Work, EachOfSeveralItemsEndsWithTheStepAndIsTriedAgain) {
  Workers w;
  Json plan =
      *Json::parse(R"({"effects":[{"kind":"tool_call","name":"a"},{"kind":"tool_call","name":"b"},)"
                   R"({"kind":"tool_call","name":"c"}]})");
  SessionId id = begin_timed(w, kTenSeconds, std::move(plan));
  auto first = w.lease();
  ASSERT_EQ(first.size(), 1u);
  ASSERT_TRUE(w.finish(first[0].item.key, Json::object().set("content", "A")));
  w.loop.run_for(15s);
  EXPECT_EQ(w.state(id).reason, "budget");
  EXPECT_EQ(w.count(id, kind::kToolCall), 3u);
  ExtensionDecision more;
  more.time = 60s;
  ASSERT_TRUE(w.loop.run_task(w.manager->decide_extension(w.ctx, w.who, id, more)));
  for (int i = 0; i < 2; ++i) {
    auto again = w.lease(1s);
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].item.key.attempt, 2u);
    ASSERT_TRUE(w.finish(again[0].item.key, Json::object().set("content", "B")));
  }
  EXPECT_TRUE(w.state(id).tool_calls.empty());
}

TEST(Work, ARestartFencesTheWorkersOfBefore) {
  Workers w;
  SessionId id = w.begin(step_plan(1));
  auto before = w.lease();
  ASSERT_EQ(before.size(), 1u);
  w.crash();
  w.loop.run_for(1s);
  auto late = w.finish(before[0].item.key, Json::object().set("content", "from before"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, "superseded");
  auto after = w.lease(1s);
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after[0].item.key.attempt, 2u);
  ASSERT_TRUE(
      w.finish(after[0].item.key, Json::object().set("content", "x").set("plan", end_plan())));
  EXPECT_EQ(w.state(id).status, Status::kEnded);
}

TEST(Work, AResultStatesTheClassOfWhatItSays) {
  Workers w;
  road::ThingSpec queue;
  queue.facts = *catalog::Facts::from_json(
      *Json::parse(R"({"cleared_for":"internal","trains_on_data":false,"retention":"none"})"),
      "test", "");
  road::ThingSpec own = queue;
  own.kind = policy::ThingKind::kStore;
  queue.data_class = "usage=no-training";
  w.effects.guard().set_things({{"queue:work", queue}, {road::kOwnStore, own}});
  SessionId id = w.begin(step_plan(1));
  auto first = w.lease();
  ASSERT_EQ(first.size(), 1u);
  w.crash();
  w.loop.run_for(1s);
  auto finish = [&](const WorkKey& key, std::string data_class) {
    WorkResult result;
    result.body = Json::object().set("content", "x");
    result.data_class = std::move(data_class);
    return w.loop.run_task(w.manager->finish_work(w.ctx, w.who, key, std::move(result)));
  };
  ASSERT_FALSE(finish(first[0].item.key, "sensitivity=internal"));
  EXPECT_EQ(w.state(id).data_class, "sensitivity=internal;usage=no-training")
      << "one that does not count stands in the journal all the same";
  auto again = w.lease(1s);
  ASSERT_EQ(again.size(), 1u);
  ASSERT_TRUE(finish(again[0].item.key, "retention=session"));
  EXPECT_EQ(w.last(id, kind::kToolResult).data_class, "usage=no-training;retention=session");
  EXPECT_EQ(w.state(id).data_class, "sensitivity=internal;usage=no-training;retention=session");
}

TEST(Work, GivenBackWorkIsOfferedAgainButNotForEver) {
  Workers w;
  SessionId id = w.begin(step_plan(1));
  int tries = 0;
  for (;; ++tries) {
    auto items = w.lease(1s);
    if (items.empty() || items[0].item.plan) break;
    Json error = Json::object().set("error", Json::object().set("message", "cannot"));
    ASSERT_TRUE(w.finish(items[0].item.key, std::move(error)));
    ASSERT_LT(tries, 100);
  }
  EXPECT_EQ(tries, static_cast<int>(limits::kEffectAttemptsMax));
  EXPECT_TRUE(w.payload(id, kind::kToolResult).get_bool("is_error").value_or(false));
  EXPECT_EQ(w.payload(id, kind::kToolResult).get_string("content"),
            "Error: given up after 20 attempts; the last was given back: cannot");
}

TEST(Work, AnErrorThatIsNoneGivesNothingBack) {
  Workers w;
  SessionId id = w.begin(step_plan(1));
  auto items = w.lease();
  ASSERT_EQ(items.size(), 1u);
  for (const char* error : {"null", "\"cannot\"", "true", "[]", R"({"message":7})"}) {
    Json body = Json::object().set("content", "x").set("error", *Json::parse(error));
    auto wrong = w.finish(items[0].item.key, std::move(body));
    ASSERT_FALSE(wrong) << error;
    EXPECT_EQ(wrong.error().code, Code::kInvalidArgument) << error;
  }
  EXPECT_EQ(w.count(id, kind::kToolCall), 1u) << "the lease is as it was";
  ASSERT_TRUE(w.finish(items[0].item.key, Json::object().set("content", "x")));
}

TEST(Work, AQuestionThatIsGivenBackForEverWaitsForAPerson) {
  Workers w;
  SessionId id = w.begin(Json());
  auto post = [&w, &id](std::string text) {
    return w.loop.run_task(w.manager->post_message(
        w.ctx, w.who, id, contract::Message::of_text(contract::Role::kUser, std::move(text))));
  };
  ASSERT_TRUE(post("go"));
  auto give_back = [&w] {
    int tries = 0;
    for (auto items = w.lease(1s); !items.empty(); items = w.lease(1s)) {
      Json error = Json::object().set("error", Json::object().set("message", "cannot"));
      EXPECT_TRUE(w.finish(items[0].item.key, std::move(error)));
      if (++tries > 100) break;
    }
    return tries;
  };
  EXPECT_EQ(give_back(), static_cast<int>(limits::kEffectAttemptsMax));
  EXPECT_EQ(w.state(id).reason, "planner");
  EXPECT_NE(w.payload(id, kind::kPlan).dump().find("given up after 20"), std::string::npos);
  EXPECT_NE(w.payload(id, kind::kPlan).dump().find("given back: cannot"), std::string::npos);
  ASSERT_TRUE(post("go on"));
  EXPECT_EQ(give_back(), static_cast<int>(limits::kEffectAttemptsMax));
  EXPECT_EQ(w.state(id).reason, "planner");
}

TEST(Work, APlanThatComesWithAResultIsBoundedBySteps) {
  Workers w;
  NewSession spec;
  spec.agent = *AgentSpec::from_json(
      *Json::parse(R"({"name":"q","planner":{"queue":"work"},"limits":{"steps":3}})"));
  spec.plan = step_plan(1);
  auto id = w.loop.run_task(w.manager->create(w.ctx, w.who, std::move(spec)));
  ASSERT_TRUE(id);
  int done = 0;
  for (auto items = w.lease(); !items.empty(); items = w.lease()) {
    Json body = Json::object().set("content", "x");
    body.set("plan", step_plan(2));
    ASSERT_TRUE(w.finish(items[0].item.key, std::move(body)));
    ASSERT_LT(++done, 20);
  }
  EXPECT_EQ(done, 3);
  EXPECT_EQ(w.state(*id).reason, "limit");
}

TEST(Work, AnotherTenantsWorkIsNotSeen) {
  Workers w;
  w.begin(step_plan(1));
  identity::Principal other = identity::Principal::system(TenantId("ten_b"));
  LeaseRequest request;
  request.queues = {"work"};
  auto got = w.loop.run_task(w.manager->lease(w.ctx, other, request));
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->empty());
  auto mine = w.lease();
  ASSERT_EQ(mine.size(), 1u);
  WorkResult result;
  result.body = Json::object().set("content", "stolen");
  auto stolen = w.loop.run_task(w.manager->finish_work(w.ctx, other, mine[0].item.key, result));
  ASSERT_FALSE(stolen);
  EXPECT_EQ(stolen.error().code, Code::kNotFound);
}

TEST(Work, AWrongBodyLeavesTheLeaseAsItIs) {
  Workers w;
  w.begin(step_plan(1));
  auto items = w.lease();
  ASSERT_EQ(items.size(), 1u);
  auto wrong = w.finish(items[0].item.key, Json::object().set("result", 1));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::kInvalidArgument);
  Json bad = Json::object().set("content", "x");
  bad.set("plan", *Json::parse(R"({"effects":[{"kind":"fly"}]})"));
  EXPECT_FALSE(w.finish(items[0].item.key, std::move(bad)));
  EXPECT_TRUE(w.finish(items[0].item.key, Json::object().set("content", "x")));
}

TEST(Work, LeaseIdsReadBackAndNonsenseIsRefused) {
  WorkKey key;
  key.session = SessionId("ses_01ABC");
  key.sequence = 12;
  key.attempt = 3;
  auto back = WorkKey::parse(key.str());
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, key);
  for (const char* text : {"", ".", "..", "ses_1", "ses_1.2", "ses_1.x.1", "ses_1.1.-1", "a.1.1"}) {
    EXPECT_FALSE(WorkKey::parse(text)) << text;
  }
}

constexpr std::string_view kQueuedInEurope =
    R"({"name":"q","planner":{"queue":"work"},"data":"residency=eu"})";

struct PlacedWorkers : Workers {
  static catalog::Facts facts(const std::string& json) {
    return *catalog::Facts::from_json(*Json::parse(json), "test", "");
  }
  void queue_in(const std::string& zone, const std::string& brings = "",
                const std::string& here = R"({"zone":"de","cleared_for":"internal"})") {
    std::map<std::string, road::ThingSpec> things;
    road::ThingSpec& queue = things["queue:work"];
    queue.facts = facts(R"({"cleared_for":"internal","zone":")" + zone + "\"}");
    queue.data_class = brings;
    road::ThingSpec& own = things[road::kOwnStore];
    own.kind = policy::ThingKind::kStore;
    own.facts = facts(here);
    effects.guard().set_things(std::move(things));
  }
};

TEST(Work, WhyWorkWasGivenBackStandsInTheNewAttempt) {
  PlacedWorkers w;
  w.queue_in("de", "sensitivity=internal");
  SessionId id = w.begin(step_plan(1));
  auto give_back = [&w](std::string why, Duration after = 0s) {
    auto items = w.lease(1s, 60s);
    ASSERT_EQ(items.size(), 1u);
    w.loop.run_for(after);
    Json error = Json::object().set("message", std::move(why));
    ASSERT_TRUE(w.finish(items[0].item.key, Json::object().set("error", std::move(error))));
    w.loop.run_for(100ms);
  };
  give_back("closed until nine");
  EXPECT_EQ(w.payload(id, kind::kToolCall).get_string("given_back"), "closed until nine");
  EXPECT_EQ(w.last(id, kind::kToolCall).attempt, 2u);
  EXPECT_EQ(w.state(id).data_class, "sensitivity=internal");
  std::string euros;
  for (size_t i = 0; i < limits::kGiveBackBytesMax; ++i) euros += "€";
  give_back(euros, 10s);  // by then it sleeps
  const std::string kept = w.payload(id, kind::kToolCall).get_text("given_back");
  EXPECT_EQ(kept, euros.substr(0, kept.size()));
  EXPECT_LE(kept.size(), limits::kGiveBackBytesMax);
  EXPECT_EQ(kept.size() % 3, 0u) << "whole characters";
  // One that is lost otherwise says nothing of those before.
  ASSERT_EQ(w.lease(1s, 1s).size(), 1u);
  w.loop.run_for(3s);
  EXPECT_EQ(w.last(id, kind::kToolCall).attempt, 4u);
  EXPECT_EQ(w.payload(id, kind::kToolCall).find("given_back"), nullptr);
  auto item = w.lease(1s);
  ASSERT_EQ(item.size(), 1u);
  ASSERT_TRUE(w.finish(item[0].item.key, Json::object().set("content", "done")));
  give_back("no idea");
  EXPECT_EQ(w.payload(id, kind::kPlanRequested).get_string("given_back"), "no idea");
}

TEST(Work, WorkersAreJudgedByTheFactsOfTheirQueue) {
  PlacedWorkers w;
  SessionId refused = w.create(kQueuedInEurope, "please");
  w.loop.run_for(5s);
  EXPECT_TRUE(w.lease().empty()) << "of the queue nothing is stated";
  EXPECT_NE(
      w.last(refused, kind::kPlan)
          .payload.find("tool 'queue:work' may not see this data (residency=eu): residency: "),
      std::string::npos)
      << w.last(refused, kind::kPlan).payload;
  w.queue_in("us");
  w.create(kQueuedInEurope, "please");
  EXPECT_TRUE(w.lease(1s).empty());
  w.queue_in("fr", "sensitivity=internal");
  SessionId id = w.create(kQueuedInEurope, "please");
  auto items = w.lease(1s);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].item.key.session, id);
  ASSERT_TRUE(w.finish(items[0].item.key, Json::object().set("plan", step_plan(1))));
  EXPECT_EQ(w.last(id, kind::kPlan).data_class, "sensitivity=internal") << "a plan brings it too";
  EXPECT_EQ(w.state(id).data_class, "residency=eu;sensitivity=internal");
  // The rules change while the next item waits: it is not leased any more, nor lost.
  w.queue_in("us", "sensitivity=internal");
  EXPECT_TRUE(w.lease(1s).empty());
  w.queue_in("de", "sensitivity=internal");
  items = w.lease(1s);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_FALSE(items[0].item.plan);
  ASSERT_TRUE(w.finish(items[0].item.key, Json::object().set("content", "found")));
  EXPECT_EQ(w.last(id, kind::kToolResult).data_class, "sensitivity=internal");
}

TEST(Work, APlanBesideAResultBringsWhatItsQueueBrings) {
  PlacedWorkers w;
  w.queue_in("de", "sensitivity=internal");
  SessionId id = w.begin(step_plan(1));
  auto items = w.lease();
  ASSERT_EQ(items.size(), 1u);
  ASSERT_TRUE(
      w.finish(items[0].item.key, Json::object().set("content", "x").set("plan", end_plan())));
  EXPECT_EQ(w.last(id, kind::kPlan).data_class, "sensitivity=internal");
  // One that comes too late stands in the journal all the same.
  SessionId late = w.create(kQueued, "please");
  items = w.lease(1s);
  ASSERT_EQ(items.size(), 1u);
  w.crash();
  w.loop.run_for(1s);
  ASSERT_FALSE(w.finish(items[0].item.key, Json::object().set("plan", end_plan())));
  EXPECT_EQ(w.last(late, kind::kPlan).data_class, "sensitivity=internal");
}

TEST(Work, IsNotOfferedWhereTheJournalMayNotHoldItsResults) {
  PlacedWorkers w;
  w.queue_in("fr", "sensitivity=internal", R"({"zone":"de"})");
  SessionId id = w.create(kQueuedInEurope, "please");
  EXPECT_TRUE(w.lease(1s).empty());
  EXPECT_NE(w.last(id, kind::kPlan).payload.find("store 'this server' may not see this data"),
            std::string::npos)
      << w.last(id, kind::kPlan).payload;
}

/// Keeps the work of one agent from a worker.
struct NotThatAgent final : identity::Gate {
  bool has_rules() const override { return true; }
  Result<void> judge(const identity::Principal&, identity::Action,
                     const identity::Subject& subject) const override {
    if (subject.agent != "q") return {};
    return fail(Error(Code::kPermissionDenied, "not that agent's").with_reason("policy"));
  }
  void denied(const identity::Principal&, identity::Action action, const identity::Subject& subject,
              const Error&) const override {
    told.push_back(std::string(identity::verb_of(action)) + " " + subject.session);
  }
  mutable std::vector<std::string> told;
};

TEST(Work, ALeaseIsAVerbAndTheOperatorsRulesSayWhoseWorkAWorkerMayHave) {
  Workers w;
  NotThatAgent gate;
  SessionId kept = w.create(kQueued, "please");
  SessionId other = w.create(R"({"name":"p","planner":{"queue":"work"}})", "please");
  w.loop.run_for(1s);
  w.who.gate = &gate;
  LeaseRequest request;
  request.queues = {"work"};
  request.most = 10;
  auto items = w.loop.run_task(w.manager->lease(w.ctx, w.who, request));
  ASSERT_TRUE(items) << items.error().message;
  ASSERT_EQ(items->size(), 1u);
  EXPECT_EQ((*items)[0].item.key.session, other);
  ASSERT_FALSE(gate.told.empty());
  EXPECT_EQ(gate.told[0], "lease " + kept.str());
}

}  // namespace
}  // namespace drover::session
