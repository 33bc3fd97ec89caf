#pragma once
// The agents and endpoints of the day. The descriptions are the files of examples/agents, word for
// word (day_report_test.cc holds them together), so that the installed program needs no files.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/demo/clouds.h"
#include "session/agent.h"

namespace drover::app {

struct AgentText {
  std::string_view file;  // "support.yaml"
  std::string_view text;
};
const std::vector<AgentText>& day_agent_texts();
/// By name. kInvalidArgument if a description is not one.
Result<std::map<std::string, session::AgentSpec>> day_agents();
/// Which models are where, and what they cost.
std::vector<DemoEndpoint> day_endpoints();
/// The clinic's data stays in the EU; restricted data goes to places that prove what they run.
Result<std::shared_ptr<const policy::Policy>> day_policy(const TenantId& clinic);

}  // namespace drover::app
