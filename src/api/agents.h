#pragma once
// Versions of agents over HTTP: deploy, list, show, pin, drain. A tenant sees its own and those of
// the configuration.
//
//   POST /v1/agents               an agent's description; 201, or 200 if that version is there
//   GET  /v1/agents
//   GET  /v1/agents/{name}        [?version=] with the description
//   POST /v1/agents/{name}/pin    {"version": "3"}, or null to take the pin away
//   POST /v1/agents/{name}/drain  {"version": "3", "draining": true}; answers with how many of its
//                                 sessions are still open

#include <functional>

#include "api/router.h"
#include "session/agents.h"

namespace drover::api {

struct AgentServices {
  session::AgentRegistry* agents = nullptr;
  store::Journal* journal = nullptr;
  /// Whether a description's models and tools exist.
  std::function<Result<void>(const session::AgentSpec& agent)> check_agent;
  /// Whether its data class is known, and this server's own store may hold such data: as for a
  /// session (SessionServices), so that no version is deployed whose every session is refused.
  std::function<Task<Result<std::string>>(Context ctx, TenantId tenant, std::string data_class)>
      check_data;
};

void add_agent_routes(Router& router, AgentServices services);

}  // namespace drover::api
