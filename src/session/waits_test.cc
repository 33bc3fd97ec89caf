#include "base/limits/session.h"
#include "session/session_test_world.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

constexpr std::string_view kWaiter =
    R"({"name":"a","models":["m"],"tools":["fake"],"builtins":["sleep","wait_for_signal"],)"
    R"("approvals":["refund","delete_*"]})";

Resolution answer(std::string wait, std::string outcome) {
  Resolution r;
  r.wait_id = std::move(wait);
  r.outcome = std::move(outcome);
  return r;
}

/// Asks for one tool call, then says what it was told.
void one_call(World& w, Message call) {
  w.road.answer = [call](const contract::ChatRequest& r) -> Result<Message> {
    if (r.messages.back().role == Role::kUser) return call;
    return say("got " + r.messages.back().text());
  };
}

TEST(Waits, ASleepOfADaySurvivesARestartAndCostsNoActor) {
  World w;
  w.keep_time();
  one_call(w, call_tool("drover_sleep", R"({"seconds":86400})"));
  SessionId id = w.create(kWaiter, "go");
  w.loop.run_for(60s);
  EXPECT_EQ(w.manager->awake(), 0u);
  EXPECT_EQ(w.state(id).reason, "timer");
  w.crash();
  w.loop.run_for(23h);
  EXPECT_EQ(w.state(id).reason, "timer");
  EXPECT_EQ(w.road.calls, 1);
  w.loop.run_for(2h);
  EXPECT_EQ(w.road.calls, 2);
  EXPECT_EQ(w.state(id).reason, "message");
  std::vector<std::string> expected = {
      "session.started", "observation",   "model.call",  "model.result", "tool.call",
      "wait.started",    "wait.resolved", "tool.result", "model.call",   "model.result"};
  EXPECT_EQ(w.kinds(id), expected);
  EXPECT_TRUE(verify_chain(id, w.events(id)));
}

TEST(Waits, AShortSleepEndsOnTime) {
  World w;
  one_call(w, call_tool("drover_sleep", R"({"seconds":1.5})"));
  SessionId id = w.create(kWaiter, "go");
  w.loop.run_for(1s);
  EXPECT_EQ(w.road.calls, 1);
  w.loop.run_for(1s);
  EXPECT_EQ(w.road.calls, 2);
}

TEST(Waits, AnApprovedCallRuns) {
  World w;
  w.tools.latency["refund"] = 1ms;
  one_call(w, call_tool("refund", R"({"eur":5})"));
  SessionId id = w.create(kWaiter, "go");
  w.loop.run_for(60s);
  EXPECT_TRUE(w.tools.calls.empty());
  EXPECT_EQ(w.state(id).reason, "approval");
  std::string wait(w.payload(id, kind::kWaitStarted).get_string("wait_id").value_or(""));
  ASSERT_TRUE(w.loop.run_task(w.manager->resolve(w.ctx, w.who, id, answer(wait, "approved"))));
  w.loop.run_for(5s);
  ASSERT_EQ(w.tools.calls.size(), 1u);
  EXPECT_EQ(w.tools.calls[0].arguments, R"({"eur":5})");
  EXPECT_EQ(w.state(id).messages.back().text(), R"(got refund:{"eur":5})");
}

TEST(Waits, AnApprovalIsAnsweredOnce) {
  World w;
  w.tools.latency["refund"] = 10s;
  one_call(w, call_tool("refund", "{}"));
  SessionId id = w.create(kWaiter, "go");
  w.loop.run_for(1s);
  std::string wait(w.payload(id, kind::kWaitStarted).get_string("wait_id").value_or(""));
  ASSERT_TRUE(w.loop.run_task(w.manager->resolve(w.ctx, w.who, id, answer(wait, "denied"))));
  auto again = w.loop.run_task(w.manager->resolve(w.ctx, w.who, id, answer(wait, "approved")));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(again.error().reason, "not_open");
  w.loop.run_for(60s);
  EXPECT_TRUE(w.tools.calls.empty()) << "a refused call never runs";
  EXPECT_NE(w.state(id).messages.back().text().find("refused"), std::string::npos);
}

TEST(Waits, AnEditedCallRunsWithTheNewArgumentsAfterARestart) {
  World w;
  w.tools.latency["delete_user"] = 1ms;
  one_call(w, call_tool("delete_user", R"({"id":1})"));
  SessionId id = w.create(kWaiter, "go");
  w.loop.run_for(1s);
  std::string wait(w.payload(id, kind::kWaitStarted).get_string("wait_id").value_or(""));
  w.crash();
  Resolution edited = answer(wait, "edited");
  edited.arguments = "not json";
  auto refused = w.loop.run_task(w.manager->resolve(w.ctx, w.who, id, edited));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  edited.arguments = R"({"id":2})";
  ASSERT_TRUE(w.loop.run_task(w.manager->resolve(w.ctx, w.who, id, edited)));
  w.loop.run_for(5s);
  ASSERT_EQ(w.tools.calls.size(), 1u);
  EXPECT_EQ(w.tools.calls[0].arguments, R"({"id":2})");
  EXPECT_EQ(w.payload(id, kind::kToolCall).get_string("arguments"), R"({"id":2})");
}

TEST(Waits, OtherCallsOfTheTurnDoNotWaitForTheApproval) {
  World w;
  w.tools.latency["refund"] = 1ms;
  w.tools.latency["look"] = 1ms;
  one_call(w, call_tools({"refund", "look"}));
  SessionId id = w.create(kWaiter, "go");
  w.loop.run_for(5s);
  ASSERT_EQ(w.tools.calls.size(), 1u);
  EXPECT_EQ(w.tools.calls[0].tool, "look");
  EXPECT_EQ(w.state(id).reason, "approval");
}

TEST(Waits, ASignalWakesAndOneThatCameEarlyIsKept) {
  World w;
  one_call(w, call_tool("drover_wait_for_signal", R"({"name":"paid"})"));
  SessionId waiting = w.create(kWaiter, "go");
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(waiting).reason, "signal");
  EXPECT_EQ(w.manager->awake(), 0u);
  ASSERT_TRUE(w.loop.run_task(w.manager->signal(w.ctx, w.who, waiting, "other", Json("no"))));
  w.loop.run_for(5s);
  EXPECT_EQ(w.road.calls, 1);
  ASSERT_TRUE(w.loop.run_task(w.manager->signal(w.ctx, w.who, waiting, "paid", Json("12 EUR"))));
  w.loop.run_for(5s);
  EXPECT_EQ(w.state(waiting).messages.back().text(), "got 12 EUR");

  SessionId early = w.create(kWaiter, "go");
  ASSERT_TRUE(w.loop.run_task(w.manager->signal(w.ctx, w.who, early, "paid", Json("5 EUR"))));
  w.loop.run_for(5s);
  EXPECT_EQ(w.state(early).messages.back().text(), "got 5 EUR");
}

TEST(Waits, ASignalThatDoesNotComeExpires) {
  World w;
  w.keep_time();
  one_call(w, call_tool("drover_wait_for_signal", R"({"name":"paid","timeout_s":120})"));
  SessionId id = w.create(kWaiter, "go");
  w.loop.run_for(119s);
  EXPECT_EQ(w.road.calls, 1);
  w.loop.run_for(10s);
  EXPECT_EQ(w.road.calls, 2);
  EXPECT_EQ(w.payload(id, kind::kWaitResolved).get_string("outcome"), "expired");
}

TEST(Waits, ASignalForADeadSessionIsRefused) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(kWaiter, "go");
  ASSERT_TRUE(w.loop.run_task(w.manager->cancel(w.ctx, w.who, id, "")));
  auto refused = w.loop.run_task(w.manager->signal(w.ctx, w.who, id, "x", Json()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
}

TEST(Waits, WrongArgumentsOfABuiltinAreToldToTheModel) {
  World w;
  one_call(w, call_tool("drover_sleep", R"({"seconds":-1})"));
  SessionId id = w.create(kWaiter, "go");
  w.loop.run_for(5s);
  EXPECT_EQ(w.road.calls, 2);
  EXPECT_NE(w.state(id).messages.back().text().find("Error"), std::string::npos);
}

TEST(Waits, ABuiltinThatTheAgentWasNotGivenIsNotOne) {
  World w;
  one_call(w, call_tool("drover_spawn", R"({"tasks":["x"]})"));
  SessionId id = w.create(kWaiter, "go");
  w.loop.run_for(5s);
  EXPECT_NE(w.state(id).messages.back().text().find("no tool named"), std::string::npos);
}

/// So many calls of one tool in one turn.
Message many_calls(size_t n, const std::string& tool, const std::string& arguments) {
  Message m = call_tools(std::vector<std::string>(n, tool));
  for (size_t i = 0; i < n; ++i) {
    m.tool_calls[i].id += std::to_string(i);
    m.tool_calls[i].arguments = arguments;
  }
  return m;
}

TEST(Waits, ApprovalsBeyondTheLimitAreAskedForAsOthersAreAnswered) {
  World w;
  w.tools.latency["refund"] = 1ms;
  one_call(w, many_calls(limits::kWaitsMax + 2, "refund", "{}"));
  SessionId id = w.create(kWaiter, "go");
  w.loop.run_for(60s);
  EXPECT_EQ(w.state(id).waits.size(), limits::kWaitsMax);
  EXPECT_EQ(w.state(id).status, Status::kWaiting);
  EXPECT_EQ(w.manager->awake(), 0u);
  w.crash();
  size_t answered = 0;
  for (; w.state(id).reason == "approval" && answered < 100; ++answered) {
    std::string wait = wait_id(w.state(id).waits.front().sequence);
    std::string word = answered == 0 ? "approved" : "denied";
    ASSERT_TRUE(w.loop.run_task(w.manager->resolve(w.ctx, w.who, id, answer(wait, word))));
    w.loop.run_for(1s);
    EXPECT_LE(w.state(id).waits.size(), limits::kWaitsMax);
  }
  EXPECT_EQ(answered, limits::kWaitsMax + 2);
  EXPECT_EQ(w.tools.calls.size(), 1u);
  EXPECT_EQ(w.state(id).reason, "message");
}

TEST(Waits, SleepsBeyondTheLimitAreRefusedToTheModel) {
  World w;
  w.keep_time();
  one_call(w, many_calls(limits::kWaitsMax + 1, "drover_sleep", R"({"seconds":5})"));
  SessionId id = w.create(kWaiter, "go");
  w.loop.run_for(1s);
  EXPECT_EQ(w.state(id).waits.size(), limits::kWaitsMax);
  w.loop.run_for(30s);
  EXPECT_EQ(w.count(id, kind::kWaitStarted), limits::kWaitsMax);
  EXPECT_EQ(w.state(id).messages.back().text(),
            "got Error: this session waits for 64 things already, the most that it may: let some "
            "of them come first");
}

}  // namespace
}  // namespace drover::session
