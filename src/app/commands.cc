#include "app/commands.h"

namespace drover::app {

const std::vector<Command>& all_commands() {
  static const std::vector<Command> commands = {
      demo_command(),
      serve_command(),
      config_check_command(),
      sim_command(),
      sim_mcp_replay_command(),
      sim_mcp_tools_command(),
      tool_ls_command(),
      tool_call_command(),
      completion_command(),
  };
  return commands;
}

}  // namespace drover::app
