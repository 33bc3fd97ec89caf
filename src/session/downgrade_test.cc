// A session whose agent has a downgrade ladder: what its journal says, and what it does meanwhile.
#include "contract/validate.h"
#include "session/session_test_world.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

constexpr std::string_view kLaddered =
    R"({"name":"a","models":["m"],"tools":["fake"],)"
    R"("downgrade":[{"model":"small"},{"parallel_tool_calls":false}]})";

road::Downgraded on(size_t level) {
  road::Downgraded out;
  out.decided = true;
  out.level = level;
  if (level == 0) return out;
  out.rung.models = {"small"};
  out.rung.serial = level > 1;
  out.signal = "refused";
  out.why = "60 % of the attempts are refused (limit 30 %)";
  out.zone = "de";
  return out;
}

TEST(SessionDowngrade, ItIsJournalledWhenItChangesWithItsReason) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  w.road.downgraded = on(0);
  SessionId id = w.create(kLaddered, "go");
  w.loop.run_for(1s);
  EXPECT_EQ(w.count(id, kind::kDowngrade), 0u) << "nothing has changed";
  auto next = [&](size_t level) {
    w.road.downgraded = on(level);
    Message message = Message::of_text(Role::kUser, "more");
    EXPECT_TRUE(w.loop.run_task(w.manager->post_message(w.ctx, w.who, id, message)));
    w.loop.run_for(1s);
  };
  next(1);
  Json payload = w.payload(id, kind::kDowngrade);
  EXPECT_EQ(payload.get_string("from"), "as described");
  EXPECT_EQ(payload.get_string("to"), "model small");
  EXPECT_EQ(payload.get_string("reason"), "60 % of the attempts are refused (limit 30 %)");
  EXPECT_EQ(payload.get_int("level"), 1);
  EXPECT_EQ(payload.get_string("signal"), "refused");
  EXPECT_EQ(payload.get_string("zone"), "de");
  for (const contract::Event& e : w.events(id)) {
    EXPECT_TRUE(contract::validate_event(e)) << e.kind << " " << e.payload;
  }
  next(1);
  EXPECT_EQ(w.count(id, kind::kDowngrade), 1u) << "once, not with each call";
  EXPECT_EQ(w.state(id).standing.level, 1);
  w.crash();
  EXPECT_EQ(w.state(id).standing.what, "model small") << "a matter of the journal";
  next(0);
  payload = w.payload(id, kind::kDowngrade);
  EXPECT_EQ(payload.get_string("from"), "model small");
  EXPECT_EQ(payload.get_string("to"), "as described");
  EXPECT_EQ(payload.get_int("level"), 0);
  EXPECT_EQ(w.state(id).standing.level, 0);
}

TEST(SessionDowngrade, SerialMeansOneToolCallAtATime) {
  for (size_t level : {1u, 2u}) {
    World w;
    for (const char* tool : {"x", "y", "z"}) w.tools.latency[tool] = 10s;
    w.road.answer = [](const contract::ChatRequest& r) -> Result<Message> {
      if (r.messages.back().role == Role::kTool) return say("done");
      return call_tools({"x", "y", "z"});
    };
    w.road.downgraded = on(level);
    SessionId id = w.create(kLaddered, "go");
    w.loop.run_for(15s);
    size_t done = w.count(id, kind::kToolResult);
    EXPECT_EQ(done, level == 1 ? 3u : 1u);
    w.loop.run_for(30s);
    EXPECT_EQ(w.count(id, kind::kToolResult), 3u);
    EXPECT_EQ(w.state(id).messages.back().text(), "done");
  }
}

TEST(SessionDowngrade, AnAgentThatAllowsNothingHasNoLadder) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  w.road.downgraded = on(1);
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(1s);
  EXPECT_EQ(w.count(id, kind::kDowngrade), 0u);
  auto agent = AgentSpec::from_json(*Json::parse(kLaddered));
  ASSERT_TRUE(agent);
  EXPECT_EQ(agent->all_models(), (std::vector<std::string>{"m", "small"}));
  EXPECT_EQ(AgentSpec::from_json(agent->to_json())->to_json().dump(), agent->to_json().dump());
  auto wrong = AgentSpec::from_json(
      *Json::parse(R"({"name":"a","models":["m"],"downgrade":[{"modle":"small"}]})"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message,
            "agent: downgrade: unknown field 'modle' (known: hardware, models, model, "
            "context_tokens, parallel_tool_calls, service_class)");
}

}  // namespace
}  // namespace drover::session
