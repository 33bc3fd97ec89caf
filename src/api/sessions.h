#pragma once
// The sessions API: create, talk, reward, cancel, read, import.
//
//   POST /v1/sessions                     {"agent": "name" | "name@version" | {…}, "message": "…",
//                                          "labels": {…}, "data_class": "…" | {…}}
//   GET  /v1/sessions[?agent=&status=&before=&limit=]
//   GET  /v1/sessions/{id}
//   POST /v1/sessions/{id}/messages       {"content": "…"} or an OpenAI message; or {"message": …,
//                                         "data_class": …} of data that is stricter than the
//                                         session
//   POST /v1/sessions/{id}/rewards        {"step", "source", "name", "value", "explanation"}
//   POST /v1/sessions/{id}/cancel         {"reason": "…"}
//   POST /v1/sessions/import              JSON Lines
// and the journal: session_events.h. An unknown member of a body is refused: a misspelt class of
// data would be none.

#include <functional>
#include <string>

#include "api/router.h"
#include "session/agents.h"
#include "session/manager.h"

namespace drover::api {

struct SessionServices {
  session::SessionManager* sessions = nullptr;
  /// What "name" and "name@version" stand for.
  const session::AgentRegistry* agents = nullptr;
  /// Checks an agent given inline: whether its models and tools exist. Tools that run commands come
  /// from the operator's configuration only, by name.
  std::function<Result<void>(const session::AgentSpec& agent)> check_agent;
  /// What a caller states of his data, as text with names resolved: whether it is known, and
  /// whether this server's own store may hold it. Absent: it is taken as it stands.
  std::function<Task<Result<std::string>>(Context ctx, TenantId tenant, std::string data_class)>
      check_data;
};

void add_session_routes(Router& router, SessionServices services);

}  // namespace drover::api
