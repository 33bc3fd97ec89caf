#pragma once
// Trees of sessions: a lead that spawns what it is told to, and workers of one agent that answer
// with what they did.

#include <functional>

#include "session/batch.h"
#include "session/session_test_world.h"

namespace drover::session {

inline constexpr std::string_view kParent =
    R"({"name":"lead","instructions":"lead","models":["m"],"builtins":["spawn"],)"
    R"("end_after_answer":true,"tree":{"depth":2,"width":2,"spawns":5}})";

struct Tree : World {
  explicit Tree(std::string worker = R"({"name":"worker","instructions":"work","models":["m"]})") {
    agents.known["worker"] = *AgentSpec::from_json(*Json::parse(worker));
    road.answer = [this](const contract::ChatRequest& r) -> Result<Message> {
      if (r.messages[0].text() == "work") return say("did " + r.messages[1].text());
      if (r.messages.back().role == Role::kUser) return call_tool("drover_spawn", spawn);
      return say(r.messages.back().text());
    };
  }
  std::string spawn =
      R"({"tasks":[{"agent":"worker","message":"one"},)"
      R"({"agent":"worker","message":"two"},{"agent":"worker","message":"three"}]})";

  std::vector<store::SessionRow> rows() {
    store::SessionFilter filter;
    auto got = loop.run_task(manager->list(ctx, who, filter));
    EXPECT_TRUE(got);
    return got ? *got : std::vector<store::SessionRow>();
  }
  /// That all of them have come to their end.
  void expect_done() {
    for (const store::SessionRow& row : rows()) EXPECT_EQ(row.end_reason, "completed");
  }
};

/// The only child of a session; empty if there is none.
inline SessionId child_of(Tree& w, const SessionId& parent) {
  for (const store::SessionRow& row : w.rows()) {
    if (row.parent == parent) return row.id;
  }
  return SessionId();
}

/// More for the subtask that a session is.
inline ExtensionDecision more_tokens(int64_t tokens) {
  ExtensionDecision more;
  more.budget = "subtask";
  more.tokens = tokens;
  return more;
}

/// The last act of a process: an event that it tells nobody of. `end`: what else it says in the
/// session's row.
inline void last_act(Tree& w, const SessionId& id, std::string_view kind, Json payload,
                     const std::function<void(store::SessionRow&)>& end = nullptr) {
  w.loop.run_task(w.manager->stop());
  store::Journal& journal = w.store.journal();
  auto state = w.loop.run_task(load_state(w.ctx, &journal, id));
  ASSERT_TRUE(state) << state.error().message;
  store::SessionRow row = w.row(id);
  Batch batch(*state, w.loop, w.random);
  ASSERT_TRUE(batch.add(system_draft(kind, std::move(payload))));
  if (end) end(row);
  const uint64_t before = batch.expected_last();
  ASSERT_TRUE(w.loop.run_task(journal.append(w.ctx, std::move(row), before, batch.take())));
}

/// A session that is given more, and whose process ends before anybody is told.
inline void raise_and_die(Tree& w, const SessionId& id, std::string_view budget, int64_t tokens) {
  Json payload = Json::object();
  payload.set("request_id", "r").set("granted", true).set("budget", budget).set("tokens", tokens);
  last_act(w, id, contract::kind::kBudgetExtensionDecided, std::move(payload));
}

}  // namespace drover::session
