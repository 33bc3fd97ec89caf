#pragma once
// One function a command; each stands in a file of its own under commands/.

#include "app/cli.h"

namespace drover::app {

Command serve_command();
Command demo_command();
Command completion_command();
Command config_check_command();
Command sim_command();
Command sim_mcp_replay_command();
Command sim_mcp_tools_command();
Command tool_call_command();
Command tool_ls_command();

}  // namespace drover::app
