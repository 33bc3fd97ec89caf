#pragma once
// Amounts of budgets on the command line: --tokens, --steps, --spawns, --time and --cost, as the
// server's bodies have them. What is too large is told here with the most that it may be: the
// server would name its members, and not the flags. Pure; any thread.

#include "app/cli.h"
#include "base/json.h"

namespace drover::app {

/// Those that are there, and --why, as members of a body. kInvalidArgument: a usage error.
Result<void> put_amounts(const Arguments& arguments, Json& body);

}  // namespace drover::app
