#include "tools/server_client.h"

#include <algorithm>

namespace drover::tools {
namespace {

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool is_offered(const ToolServer& server, const std::string& tool) {
  return server.only.empty() || has(server.only, tool);
}

bool may_be_called(const ToolServer& server, const std::string& tool) {
  if (is_offered(server, tool)) return true;
  return std::any_of(server.batch.begin(), server.batch.end(), [&](const auto& named) {
    return named.second.tool == tool && is_offered(server, named.first);
  });
}

ToolTraits traits_of(const ToolServer& server, const std::string& tool, ToolTraits told) {
  if (server.read_only) told.read_only = has(*server.read_only, tool);
  if (server.idempotent) told.idempotent = has(*server.idempotent, tool);
  return told;
}

}  // namespace drover::tools
