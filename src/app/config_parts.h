#pragma once
// Internal to src/app: sections of drover.yaml that are read by functions of their own. Each gets
// the whole file as JSON, reports each fault by its place ("budgets[2].money"), and fills its part
// of the configuration. config.cc reads the rest and knows the lines.

#include <functional>
#include <string>

#include "app/config.h"

namespace drover::app {

using AddFault =
    std::function<void(const std::string& at, std::string message, std::string remedy)>;

/// config_budgets.cc
void read_budgets(const Json& root, const AddFault& fault, Config& out);
/// config_tools.cc: `read_only`, `idempotent` and `batch` of one tool server
void read_tool_sending(const Json& item, const std::string& at, const AddFault& fault,
                       tools::ToolServer& server);

}  // namespace drover::app
