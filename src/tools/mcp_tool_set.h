#pragma once
// The configured MCP servers as one ToolSet. Servers are kept connected; reload() takes a new
// configuration and closes those that are gone or changed. Loop thread only.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tools/mcp_client.h"
#include "tools/tool_set.h"

namespace drover::tools {

class McpToolSet final : public ToolSet {
 public:
  McpToolSet(mcp::Environment environment, std::vector<ToolServer> servers);

  Task<Result<std::vector<BoundTool>>> list(Context ctx, std::vector<std::string> servers) override;
  Task<Result<ToolOutcome>> call(Context ctx, ToolInvocation invocation) override;
  Task<void> reload(Context ctx, std::vector<ToolServer> servers);
  Task<void> close(Context ctx);

 private:
  Result<std::shared_ptr<mcp::McpClient>> find(const std::string& server) const;

  mcp::Environment environment_;
  std::map<std::string, std::shared_ptr<mcp::McpClient>> clients_;
};

}  // namespace drover::tools
