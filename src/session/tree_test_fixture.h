#pragma once
// Trees of sessions: a lead that spawns what it is told to, and workers of one agent that answer
// with what they did.

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
};

/// The only child of a session; empty if there is none.
inline SessionId child_of(Tree& w, const SessionId& parent) {
  for (const store::SessionRow& row : w.rows()) {
    if (row.parent == parent) return row.id;
  }
  return SessionId();
}

/// A session that is given more, and whose process ends before anybody is told.
inline void raise_and_die(Tree& w, const SessionId& id, std::string_view budget, int64_t tokens) {
  w.loop.run_task(w.manager->stop());
  store::Journal& journal = w.store.journal();
  auto state = w.loop.run_task(load_state(w.ctx, &journal, id));
  auto row = w.loop.run_task(journal.find(w.ctx, id));
  ASSERT_TRUE(state && row);
  Batch batch(*state, w.loop, w.random);
  Json payload = Json::object();
  payload.set("request_id", "r").set("granted", true).set("budget", budget).set("tokens", tokens);
  ASSERT_TRUE(batch.add(system_draft(contract::kind::kBudgetExtensionDecided, std::move(payload))));
  uint64_t before = batch.expected_last();
  ASSERT_TRUE(w.loop.run_task(journal.append(w.ctx, *row, before, batch.take())));
}

}  // namespace drover::session
