#pragma once
// One MCP server as seen by us: connects at the first call, finds out which era it speaks, lists
// its tools (cached until it says they changed), calls them, and connects anew when the server
// died. Calls run side by side. Loop thread only.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/sync.h"
#include "tools/mcp_protocol.h"
#include "tools/mcp_transport.h"

namespace drover::tools::mcp {

/// What clients need of the process.
struct Environment {
  net::ProcessSpawner* spawner = nullptr;
  http::Client* client = nullptr;
};

class McpClient {
 public:
  McpClient(Environment environment, ToolServer server)
      : environment_(environment), server_(std::move(server)) {}

  Task<Result<std::vector<contract::ToolDefinition>>> list(Context ctx);
  Task<Result<ToolOutcome>> call(Context ctx, ToolInvocation invocation);
  Task<void> close(Context ctx);
  const ToolServer& server() const { return server_; }
  /// "2026-07-28", or the legacy revision agreed on; empty before the first call.
  const std::string& version() const { return facts_.version; }

 private:
  Task<Result<std::shared_ptr<Transport>>> connect(Context ctx);
  Task<Result<bool>> try_modern(Context ctx, Transport& transport);
  Task<Result<void>> handshake(Context ctx, Transport& transport);
  Json with_era(Json params) const;
  CallFacts facts_for(std::string name) const;

  Environment environment_;
  ToolServer server_;
  std::shared_ptr<Transport> transport_;
  async::Semaphore connecting_{1};
  async::Semaphore listing_{1};
  CallFacts facts_;
  std::optional<std::vector<contract::ToolDefinition>> tools_;
  uint64_t listed_at_change_ = 0;
};

}  // namespace drover::tools::mcp
