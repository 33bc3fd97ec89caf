#include "session/snapshot.h"

#include "session/session_test_world.h"
#include "session/snapshot_json.h"

namespace drover::session {
namespace {

/// Folds a journal whole, and again with the state taken through a snapshot after every event.
void compare(const std::vector<contract::Event>& events) {
  State plain;
  State kept;
  for (const contract::Event& event : events) {
    ASSERT_TRUE(fold(plain, event));
    ASSERT_TRUE(fold(kept, event));
    store::Snapshot snapshot = make_snapshot(kept);
    auto read = read_snapshot(snapshot);
    ASSERT_TRUE(read) << read.error().message;
    kept = std::move(*read);
    EXPECT_EQ(snapshots::state_to_json(plain).dump(), snapshots::state_to_json(kept).dump())
        << event.kind;
    EXPECT_EQ(decide(plain).size(), decide(kept).size()) << event.kind;
  }
}

TEST(Snapshot, AStateReadsBackAfterEveryEvent) {
  World w;
  w.keep_time();
  w.tools.latency["t"] = 1ms;
  w.agents.known["worker"] =
      *AgentSpec::from_json(*Json::parse(R"({"name":"worker","models":["m"]})"));
  int turn = 0;
  w.road.answer = [&turn](const contract::ChatRequest& r) -> Result<Message> {
    if (r.messages.size() == 1) return say("child");
    switch (turn++) {
      case 0:
        return call_tools({"t", "refund"});
      case 1:
        return call_tool("drover_spawn", R"({"tasks":[{"agent":"worker","message":"x","budget":)"
                                         R"({"tokens":9000,"time_s":1.5}}]})");
      case 2:
        return call_tool("drover_sleep", R"({"seconds":5})");
      case 3:
        return call_tool("drover_request_extension",
                         R"({"reason_code":"r","explanation":"e","tokens":5,"expected_gain":"g"})");
      default:
        return say("done");
    }
  };
  SessionId id = w.create(
      R"({"name":"a","instructions":"be","models":["m"],"tools":["fake"],"approvals":["refund"],)"
      R"("builtins":["sleep","spawn","request_extension"],"step_budget":{"tokens":5000}})",
      "go");
  w.loop.run_for(5s);
  Resolution yes;
  yes.wait_id =
      std::string(w.payload(id, contract::kind::kWaitStarted).get_string("wait_id").value_or(""));
  yes.outcome = "approved";
  ASSERT_TRUE(w.loop.run_task(w.manager->resolve(w.ctx, w.who, id, yes)));
  ASSERT_TRUE(w.loop.run_task(w.manager->signal(w.ctx, w.who, id, "s", Json(1))));
  w.loop.run_for(60s);
  compare(w.events(id));
  SessionId child(w.payload(id, contract::kind::kChildSpawned).get_text("child"));
  EXPECT_EQ(w.state(child).subtask.tokens, 9000);
  compare(w.events(child));
}

TEST(Snapshot, ALongSessionIsTakenUpFromOne) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> {
    return say(std::string(2000, 'a'));
  };
  SessionId id = w.create(kAgent, "go");
  for (int i = 0; i < 100; ++i) {
    w.loop.run_for(1s);
    ASSERT_TRUE(w.loop.run_task(
        w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "more"))));
  }
  w.loop.run_for(1s);
  auto kept = w.loop.run_task(w.store.journal().load_snapshot(w.ctx, id));
  ASSERT_TRUE(kept);
  ASSERT_TRUE(kept->has_value());
  EXPECT_GT((*kept)->sequence, 100u);
  auto loaded = w.loop.run_task(load_state(w.ctx, &w.store.journal(), id));
  ASSERT_TRUE(loaded);
  State whole;
  for (const contract::Event& e : w.events(id)) ASSERT_TRUE(fold(whole, e));
  EXPECT_EQ(snapshots::state_to_json(*loaded).dump(), snapshots::state_to_json(whole).dump());
}

TEST(Snapshot, OneThatIsNeverAwakeForLongGetsThemToo) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("yes"); };
  SessionId id = w.create(kAgent, "go");
  uint64_t kept_at = 0;
  size_t snapshots = 0;
  for (int i = 0; i < 100; ++i) {
    w.loop.run_for(1min);  // it goes to sleep
    EXPECT_EQ(w.manager->awake(), 0u);
    ASSERT_TRUE(w.loop.run_task(
        w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "more"))));
    auto kept = w.loop.run_task(w.store.journal().load_snapshot(w.ctx, id));
    ASSERT_TRUE(kept);
    if (!kept->has_value() || (*kept)->sequence == kept_at) continue;
    kept_at = (*kept)->sequence;
    ++snapshots;
  }
  EXPECT_GT(kept_at, 100u);
  EXPECT_LE(snapshots * 64, kept_at) << "so many events must come before the next one";
}

TEST(Snapshot, OneOfBeforeAmountsWereBoundedIsPassedOver) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(1s);
  const int64_t used = w.state(id).tokens;
  State beyond = w.state(id);
  beyond.tokens = -INT64_MAX;
  store::Snapshot snapshot = make_snapshot(beyond);
  EXPECT_EQ(read_snapshot(snapshot)->tokens, -INT64_MAX);
  Json json = *Json::parse(snapshot.bytes);
  snapshot.bytes = json.set("version", 1).dump();
  EXPECT_FALSE(read_snapshot(snapshot));
  ASSERT_TRUE(w.loop.run_task(w.store.journal().save_snapshot(w.ctx, id, snapshot)));
  EXPECT_EQ(w.state(id).tokens, used) << "as the journal adds up";
}

TEST(Snapshot, ADamagedOneIsPassedOver) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  SessionId id = w.create(kAgent, "go");
  w.loop.run_for(1s);
  store::Snapshot snapshot = make_snapshot(w.state(id));
  snapshot.bytes[snapshot.bytes.size() / 2] ^= 0x15;
  ASSERT_TRUE(w.loop.run_task(w.store.journal().save_snapshot(w.ctx, id, snapshot)));
  snapshot.bytes = R"({"version":99,"state":{}})";
  EXPECT_FALSE(read_snapshot(snapshot));
  EXPECT_EQ(w.state(id).messages.back().text(), "ok");
}

}  // namespace
}  // namespace drover::session
