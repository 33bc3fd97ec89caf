#pragma once
// What is told to sessions that run, beside messages: signals, more budget, another version of
// their agent, and to stop at once.
//
//   POST /v1/sessions/{id}/signals/{name}   any JSON, or nothing
//   POST /v1/sessions/{id}/budget           {"budget": "tree" | "session" | "subtask" |
//                                            "step", "tokens", "time_s", "cost_usd", "steps",
//                                            "spawns", "explanation"}; or {"budget": "account"}:
//                                            one that a budget of the server had stopped tries
//                                            again
//   POST /v1/sessions/{id}/move             {"version": "2", "explanation": "…"}
//   POST /v1/agents/{name}/move             {"from": "1", "to": "2", "explanation": "…"}: all open
//                                           sessions of that version
//   POST /v1/kill                           {"target": "session" | "tree" | "agent" | "tenant",
//                                            "what": "…", "explanation": "…"}; what is an id, of an
//                                            agent its name or name@version, of a tenant also its
//                                            name

#include "api/router.h"
#include "identity/tenants.h"
#include "session/agents.h"
#include "session/manager.h"

namespace drover::api {

struct SteeringServices {
  session::SessionManager* sessions = nullptr;
  const session::AgentRegistry* agents = nullptr;
  store::Journal* journal = nullptr;
  const identity::Tenants* tenants = nullptr;
};

void add_steering_routes(Router& router, SteeringServices services);

}  // namespace drover::api
