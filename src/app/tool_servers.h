#pragma once
// The tool servers of a configuration as they are run: references to secrets resolved, and the
// little of our own environment that a child needs to be found and to start.

#include <vector>

#include "app/config.h"

namespace drover::app {

/// The error names the server and the reference, never a value.
Result<std::vector<tools::ToolServer>> resolve_tool_servers(const Config& config,
                                                            const ReadFile& read_file);

}  // namespace drover::app
