#include "app/commands.h"

namespace drover::app {

const std::vector<Command>& all_commands() {
  static const std::vector<Command> commands = {
      config_check_command(),
      sim_command(),
      completion_command(),
  };
  return commands;
}

}  // namespace drover::app
