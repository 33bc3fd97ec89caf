#include "session/session_test_world.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

TEST(Session, OneTurnIsJournalledInOrderAndChained) {
  World w;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    EXPECT_EQ(r.messages.size(), 2u);
    return say("Hello");
  };
  SessionId id = w.create(kAgent, "Hi");
  w.loop.run_for(1s);
  std::vector<std::string> expected = {"session.started", "observation", "model.call",
                                       "model.result"};
  EXPECT_EQ(w.kinds(id), expected);
  EXPECT_TRUE(verify_chain(id, w.events(id)));
  State s = w.state(id);
  EXPECT_EQ(s.messages.back().text(), "Hello");
  EXPECT_EQ(status_name(s.status), "waiting");
  EXPECT_EQ(s.cost.pico_usd(), 1000);
}

TEST(Session, ParallelToolsKeepTheOrderOfTheCalls) {
  World w;
  w.tools.latency["slow"] = 5s;
  w.tools.latency["fast"] = 1s;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    if (r.messages.back().role == Role::kUser) return call_tools({"slow", "fast"});
    EXPECT_EQ(r.messages.size(), 5u);
    EXPECT_EQ(r.messages[3].text(), "slow:{}");
    EXPECT_EQ(r.messages[4].text(), "fast:{}");
    return say("done");
  };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(30s);
  std::vector<std::string> expected = {
      "session.started", "observation", "model.call",  "model.result", "tool.call",
      "tool.call",       "tool.result", "tool.result", "model.call",   "model.result"};
  EXPECT_EQ(w.kinds(id), expected);
  EXPECT_EQ(w.tools.calls.size(), 2u);
  EXPECT_NE(w.tools.calls[0].idempotency_key, w.tools.calls[1].idempotency_key);
}

TEST(Session, AFanOutBeyondTheLimitFollowsAsResultsCome) {
  World w;
  w.tools.latency["t"] = 1s;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    if (r.messages.back().role != Role::kUser) return say("done");
    return call_tools(std::vector<std::string>(3 * limits::kParallelToolCallsMax + 1, "t"));
  };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(30s);
  EXPECT_EQ(w.state(id).messages.back().text(), "done");
  EXPECT_EQ(w.tools.calls.size(), 3 * limits::kParallelToolCallsMax + 1);
  EXPECT_EQ(w.tools.most, static_cast<int>(limits::kParallelToolCallsMax));
}

TEST(Session, AResultSaysHowItsCallWentAndForWhomItWas) {
  World w;
  w.tools.latency["t"] = 1s;
  w.tools.report.coalesced = true;
  w.tools.report.batch = 3;
  w.tools.report.tries = 2;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    return r.messages.back().role == Role::kUser ? call_tools({"t"}) : say("done");
  };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(30s);
  Json payload = w.payload(id, kind::kToolResult);
  EXPECT_EQ(payload.get_bool("coalesced"), true);
  EXPECT_EQ(payload.get_int("batch"), 3);
  EXPECT_EQ(payload.get_int("tries"), 2);
  ASSERT_EQ(w.tools.calls.size(), 1u);
  const tools::CallOrigin& origin = w.tools.calls[0].origin;
  EXPECT_EQ(origin.tenant, w.state(id).tenant.str());
  EXPECT_EQ(origin.session, id.str());
  EXPECT_NE(origin.principal, "");
}

TEST(Session, ResumesAtTheEffectItWasIn) {
  World w;
  w.tools.latency["t"] = 10s;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    if (r.messages.back().role == Role::kUser) return call_tools({"t"});
    return say("done");
  };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(5s);  // the tool is under way
  w.restart();
  w.loop.run_for(60s);
  EXPECT_EQ(w.road.calls, 2) << "a finished model call must not be repeated";
  ASSERT_EQ(w.tools.calls.size(), 2u);
  EXPECT_EQ(w.tools.calls[0].idempotency_key, w.tools.calls[1].idempotency_key);
  EXPECT_EQ(w.tools.calls[0].attempt, 1);
  EXPECT_EQ(w.tools.calls[1].attempt, 2);
  EXPECT_EQ(w.state(id).messages.back().text(), "done");
  EXPECT_TRUE(verify_chain(id, w.events(id)));
}

TEST(Session, AFullDiskStopsNothingForGood) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(kAgent, "one");
  w.loop.run_for(5s);
  w.store.disk().fail_next(Error(Code::kResourceExhausted, "the disk is full"), 1);
  auto refused = w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "two")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  w.loop.run_for(5s);
  auto accepted = w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "three")));
  ASSERT_TRUE(accepted) << accepted.error().message;
  w.loop.run_for(5s);
  State s = w.state(id);
  ASSERT_EQ(s.messages.size(), 5u);
  EXPECT_EQ(s.messages[3].text(), "three");
  EXPECT_TRUE(verify_chain(id, w.events(id)));
}

TEST(Session, AFailedCommitOfAResultIsTriedAgain) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  w.road.think = 2s;
  SessionId id = w.create(kAgent, "one");
  w.loop.run_for(1s);
  w.store.disk().fail_next(Error(Code::kResourceExhausted, "the disk is full"), 2);
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).messages.back().text(), "ok");
  EXPECT_TRUE(verify_chain(id, w.events(id)));
  EXPECT_GE(w.road.calls, 2);
  EXPECT_EQ(w.road.keys.front(), w.road.keys.back());
}

TEST(Session, ThePauseAfterFailedCommitsIsShortAgainOnceOneHasHeld) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(kAgent, "one");
  w.loop.run_for(5s);
  w.road.think = 100ms;
  // The actor stays awake throughout: each bad day finds the same one.
  for (int day = 0; day < 4; ++day) {
    auto posted = w.loop.run_task(
        w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "go")));
    ASSERT_TRUE(posted) << posted.error().message;
    w.store.disk().fail_next(Error(Code::kResourceExhausted, "the disk is full"), 3);
    const int calls = w.road.calls;
    // The answer's commit fails, then twice that of a new attempt: pauses of 0.5, 1 and 2 s.
    w.loop.run_for(2s);
    EXPECT_EQ(w.road.calls, calls) << "day " << day;
    w.loop.run_for(2500ms);
    EXPECT_EQ(w.state(id).messages.back().text(), "ok") << "day " << day;
    EXPECT_EQ(w.state(id).status, Status::kWaiting) << "day " << day;
  }
}

TEST(Session, AMessageDuringATurnFollowsIt) {
  World w;
  w.tools.latency["t"] = 5s;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    if (r.messages.size() == 2) return call_tools({"t"});
    EXPECT_EQ(r.messages[3].role, Role::kTool);
    EXPECT_EQ(r.messages[4].text(), "also this");
    return say("both");
  };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(2s);
  ASSERT_TRUE(w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "also this"))));
  w.loop.run_for(30s);
  EXPECT_EQ(w.state(id).messages.back().text(), "both");
  EXPECT_EQ(w.road.calls, 2);
}

TEST(Session, AnUnavailableModelIsAskedAgainLater) {
  World w;
  int asked = 0;
  w.road.answer = [&](const contract::ChatRequest&) -> Result<Message> {
    if (++asked < 4) return fail(Code::kUnavailable, "all endpoints are down", Retry::kOtherTarget);
    return say("back");
  };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(120s);
  EXPECT_EQ(w.state(id).messages.back().text(), "back");
  EXPECT_EQ(asked, 4);
}

TEST(Session, ACommandAtTheDoorHidesNoCallThatIsToBeTriedAgain) {
  World w;
  w.road.answer = [&w](const contract::ChatRequest&) -> Result<Message> {
    if (w.road.calls == 1) return fail(Code::kUnavailable, "gone", Retry::kSameTarget);
    return say("ok");
  };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(100ms);
  ASSERT_EQ(w.road.calls, 1);
  // The commit of the second attempt fails; before the journal is loaded again somebody calls.
  w.store.disk().fail_next(Error(Code::kResourceExhausted, "no space", Retry::kAfter));
  w.loop.run_for(1s);  // it is due 750 to 1000 ms after the first
  ASSERT_EQ(w.road.calls, 1);
  Json reward = Json::object().set("name", "x").set("value", 1);
  auto rewarded = w.loop.run_task(w.manager->reward(w.ctx, w.who, id, std::move(reward)));
  ASSERT_TRUE(rewarded) << rewarded.error().to_string();
  w.loop.run_for(60s);
  EXPECT_EQ(w.road.calls, 2);
  EXPECT_EQ(w.state(id).reason, "message");
}

TEST(Session, AnAttemptThatWasGivenUpIsSettledOnce) {
  World w;
  w.road.think = 300ms;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(kAgent, "go");
  // Its answer arrives while a commit is under way of which nobody hears the outcome.
  w.store.disk().sync_time = 1s;
  w.store.disk().lose_next_answer(Error(Code::kUnavailable, "no answer", Retry::kSameTarget));
  auto lost = w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "more")));
  EXPECT_FALSE(lost);
  w.store.disk().sync_time = Duration{};
  w.loop.run_for(60s);
  std::map<uint32_t, int> settled;
  for (const contract::Event& e : w.events(id)) {
    if (e.kind == contract::kind::kBudgetSettled && e.causation == 3) ++settled[e.attempt];
  }
  EXPECT_EQ(settled, (std::map<uint32_t, int>{{1, 1}, {2, 1}}));
  EXPECT_EQ(w.state(id).reason, "message");
}

TEST(Session, ACallThatNoLifeFinishesWaitsForAPersonInTheEnd) {
  World w;
  w.road.think = 10s;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(kAgent, "go");
  for (uint32_t life = 0; life < limits::kEffectAttemptsMax + 3; ++life) {
    w.loop.run_for(1s);
    w.crash();
  }
  w.loop.run_for(60s);
  EXPECT_EQ(w.road.calls, static_cast<int>(limits::kEffectAttemptsMax));
  EXPECT_EQ(w.state(id).status, Status::kWaiting);
  EXPECT_EQ(w.state(id).reason, "model");
  EXPECT_FALSE(w.state(id).reservation.open);
  EXPECT_NE(w.payload(id, contract::kind::kModelResult).dump().find("given up after 20"),
            std::string::npos);
  // A person's word counts as a new beginning, also over a restart.
  ASSERT_TRUE(w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "try again"))));
  w.loop.run_for(1s);
  w.crash();
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).messages.back().text(), "ok");
  EXPECT_EQ(w.state(id).reason, "message");
}

TEST(Session, ACallWhoseLastAttemptFailedPromisesNoOther) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> {
    return fail(Code::kUnavailable, "no endpoint answers", Retry::kOtherTarget);
  };
  SessionId id = w.create(kAgent, "go");
  for (uint32_t life = 0; life < 2 * limits::kEffectAttemptsMax; ++life) {
    w.loop.run_for(300ms);  // before the second attempt of a life
    w.crash();
  }
  w.loop.run_for(60s);
  EXPECT_EQ(w.road.calls, static_cast<int>(limits::kEffectAttemptsMax));
  auto row = w.loop.run_task(w.manager->find(w.ctx, w.who, id));
  ASSERT_TRUE(row);
  EXPECT_EQ(row->status, "waiting");
  EXPECT_EQ(row->waiting_for, "model");
}

TEST(Session, AResultThatComesWithTheCancelIsTooLate) {
  World w;
  w.tools.latency["t"] = 1500ms;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return call_tools({"t"}); };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(1s);
  // While a commit is under way the cancel arrives, and behind it the tool's answer.
  w.store.disk().sync_time = 1s;
  std::optional<Result<uint64_t>> rewarded;
  std::optional<Result<uint64_t>> cancelled;
  auto take = [](Task<Result<uint64_t>> work, std::optional<Result<uint64_t>>* out) -> Task<void> {
    *out = co_await std::move(work);
  };
  async::detail::start_detached(
      take(w.manager->reward(w.ctx, w.who, id, Json::object().set("name", "x").set("value", 1)),
           &rewarded));
  w.loop.run_for(10ms);
  async::detail::start_detached(take(w.manager->cancel(w.ctx, w.who, id, "enough"), &cancelled));
  w.loop.run_for(5s);
  ASSERT_TRUE(cancelled && rewarded);
  EXPECT_TRUE(*cancelled) << cancelled->error().to_string();
  EXPECT_EQ(w.state(id).status, Status::kEnded);
  EXPECT_EQ(w.count(id, contract::kind::kToolResult), 0u);
}

TEST(Session, AStartThatComesAgainIsToldThatTheSessionExistsThoughItHasEnded) {
  World w;
  TreePools trees(&w.store.journal());
  WorkQueue work(&w.loop, 1, nullptr, nullptr);
  Services services = w.services();
  services.trees = &trees;
  services.work = &work;
  SessionId id = SessionId::make(w.loop.wall(), w.random);
  Actor actor(services, id, w.who.tenant, std::make_shared<Notifier>());
  auto send = [&actor](Command::Kind kind, Json payload) {
    Command c;
    c.kind = kind;
    c.actor.type = "system";
    c.payload = std::move(payload);
    auto answer = std::make_shared<CommandAnswer>();
    c.answer = answer;
    EXPECT_TRUE(actor.send(c));
    return answer;
  };
  Json begin = Json::object().set("agent", *Json::parse(kAgent)).set("tenant", "ten_a");
  begin.set("trace_id", std::string(32, 'a'));
  auto first = send(Command::Kind::kStart, begin);
  auto cancelled = send(Command::Kind::kCancel, Json::object().set("reason", "cancelled"));
  auto again = send(Command::Kind::kStart, begin);
  w.loop.run_task(actor.run(w.ctx));
  auto code = [&w](const std::shared_ptr<CommandAnswer>& answer) {
    auto outcome = w.loop.run_task(answer->take(w.ctx));
    EXPECT_TRUE(outcome);
    return outcome && *outcome ? std::string("good")
                               : std::string(code_name(outcome->error().code));
  };
  EXPECT_EQ(code(first), "good");
  EXPECT_EQ(code(cancelled), "good");
  EXPECT_EQ(code(again), "already_exists");
}

TEST(Session, ARefusedCallWaitsForAPersonAndGoesOn) {
  World w;
  bool broken = true;
  w.road.answer = [&](const contract::ChatRequest&) -> Result<Message> {
    if (broken) return fail(Code::kInvalidArgument, "no such model");
    return say("fine now");
  };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(120s);
  EXPECT_EQ(w.road.calls, 1);
  EXPECT_EQ(w.state(id).reason, "model");
  broken = false;
  ASSERT_TRUE(w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "again"))));
  w.loop.run_for(10s);
  State s = w.state(id);
  EXPECT_EQ(s.messages.back().text(), "fine now");
  EXPECT_EQ(s.messages[2].text(), "again");
}

TEST(Session, CancelEndsItAndALateResultIsIgnored) {
  World w;
  w.tools.latency["t"] = 5s;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return call_tools({"t"}); };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(2s);
  ASSERT_TRUE(w.loop.run_task(w.manager->cancel(w.ctx, w.who, id, "changed my mind")));
  w.loop.run_for(30s);
  State s = w.state(id);
  EXPECT_EQ(s.status, Status::kEnded);
  EXPECT_EQ(s.reason, "cancelled");
  auto late = w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "hello?")));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kFailedPrecondition);
  EXPECT_TRUE(w.loop.run_task(
      w.manager->reward(w.ctx, w.who, id, Json::object().set("name", "x").set("value", 1))));
}

TEST(Session, StepLimitPausesOrEnds) {
  World w;
  w.tools.latency["t"] = 1ms;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return call_tools({"t"}); };
  SessionId paused =
      w.create(R"({"name":"a","models":["m"],"tools":["fake"],"limits":{"steps":3}})", "go");
  SessionId ended = w.create(
      R"({"name":"a","models":["m"],"tools":["fake"],"limits":{"steps":2,"at_limit":"end"}})",
      "go");
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(paused).reason, "limit");
  EXPECT_EQ(status_name(w.state(paused).status), "waiting");
  EXPECT_EQ(w.state(paused).steps, 3);
  State s = w.state(ended);
  EXPECT_EQ(s.status, Status::kEnded);
  EXPECT_EQ(s.reason, "limit");
  EXPECT_EQ(s.messages.back().role, Role::kTool) << "the last result is journalled";
}

TEST(Session, AnotherTenantSeesNothing) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(kAgent, "secret");
  identity::Principal other = identity::Principal::system(TenantId("ten_b"));
  auto seen = w.loop.run_task(w.manager->state(w.ctx, other, id));
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().code, Code::kNotFound);
  auto rows = w.loop.run_task(w.manager->list(w.ctx, other, store::SessionFilter()));
  ASSERT_TRUE(rows);
  EXPECT_TRUE(rows->empty());
}

Task<std::vector<uint64_t>> follow_all(World* w, SessionId id) {
  std::vector<uint64_t> out;
  uint64_t next = 1;
  for (;;) {
    auto events = co_await w->manager->follow(w->ctx, w->who, id, next, 2);
    EXPECT_TRUE(events);
    if (!events || events->empty()) break;
    for (const contract::Event& e : *events) out.push_back(e.sequence);
    next = out.back() + 1;
  }
  co_return out;
}

TEST(Session, AFollowerMissesAndRepeatsNothing) {
  World w;
  w.tools.latency["t"] = 1s;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    return r.messages.size() < 6 ? call_tools({"t"}) : say("done");
  };
  SessionId id =
      w.create(R"({"name":"a","models":["m"],"tools":["fake"],"end_after_answer":true})", "go");
  auto seen = w.loop.run_task(follow_all(&w, id));
  ASSERT_FALSE(seen.empty());
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], i + 1);
  EXPECT_EQ(seen.size(), w.events(id).size());
}

TEST(Session, AnExportImportsAgainByteForByte) {
  World w;
  w.tools.latency["t"] = 1ms;
  w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
    return r.messages.size() < 3 ? call_tools({"t"}) : say("done");
  };
  SessionId id = w.create(kAgent, "Hi");
  w.loop.run_for(1s);
  std::string exported;
  std::vector<contract::Event> read_back;
  for (const contract::Event& e : w.events(id)) {
    std::string line = contract::encode_event(e);
    exported += line + "\n";
    auto decoded = contract::decode_event(line);
    ASSERT_TRUE(decoded) << decoded.error().message;
    read_back.push_back(std::move(*decoded));
  }
  World other;
  auto imported = other.loop.run_task(other.manager->import(other.ctx, other.who, read_back));
  ASSERT_TRUE(imported) << imported.error().message;
  std::string again;
  for (const contract::Event& e : other.events(id)) again += contract::encode_event(e) + "\n";
  EXPECT_EQ(again, exported);
  auto twice = other.loop.run_task(other.manager->import(other.ctx, other.who, read_back));
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, Code::kAlreadyExists);
}

TEST(Session, AChangedEventBreaksTheChain) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(kAgent, "Hi");
  w.loop.run_for(1s);
  std::vector<contract::Event> events = w.events(id);
  events[1].payload[12] ^= 1;
  auto checked = verify_chain(id, events);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Code::kDataLoss);
}

}  // namespace
}  // namespace drover::session
