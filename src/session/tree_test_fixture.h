#pragma once
// Trees of sessions: a lead that spawns what it is told to, and workers of one agent that answer
// with what they did.

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

}  // namespace drover::session
