#pragma once
// One function a command; each stands in a file of its own under commands/.

#include "app/cli.h"

namespace drover::app {

Command completion_command();
Command config_check_command();
Command sim_command();

}  // namespace drover::app
