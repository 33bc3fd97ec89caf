#include "session/session_test_world.h"
#include "store/forwarding_journal.h"

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

/// Counts how often somebody looks a session up.
class CountedFinds final : public store::ForwardingJournal {
 public:
  using ForwardingJournal::ForwardingJournal;
  Task<Result<store::SessionRow>> find(Context ctx, SessionId session) override {
    ++finds;
    return ForwardingJournal::find(ctx, std::move(session));
  }
  int finds = 0;
};

TEST(Session, OneThatBeginsIsNotLookedFor) {
  World w;
  CountedFinds journal(w.store.journal());
  Services services = w.services();
  services.journal = &journal;
  w.loop.run_task(w.manager->stop());
  w.manager = std::make_unique<SessionManager>(services, w.ctx);
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(kAgent, "Hi");
  w.loop.run_for(1s);
  EXPECT_EQ(journal.finds, 0);
  EXPECT_EQ(w.count(id, contract::kind::kModelResult), 1u);
  w.loop.run_for(60s);  // it sleeps, and is woken
  ASSERT_TRUE(w.loop.run_task(
      w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "more"))));
  w.loop.run_for(1s);
  EXPECT_EQ(w.count(id, contract::kind::kModelResult), 2u);
  w.loop.run_task(w.manager->stop());
  w.start();
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
