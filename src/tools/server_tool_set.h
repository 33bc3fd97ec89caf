#pragma once
// The configured tool servers, of whatever kind, as one ToolSet. Servers are kept connected;
// reload() takes a new configuration at once, lets calls on servers that are gone or changed come
// to their end (as long as limits::kDrainDeadline), and closes those. A call whose server died, or
// asked for a short pause, is tried once more with the same idempotency key and the next attempt
// number.
//
// close() must have ended before it goes. Loop thread only.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/limits/app.h"
#include "tools/server_client.h"
#include "tools/tool_set.h"

namespace drover::tools {

class ServerToolSet final : public ToolSet {
 public:
  ServerToolSet(Environment environment, std::vector<ToolServer> servers);

  Task<Result<std::vector<BoundTool>>> list(Context ctx, std::vector<std::string> servers) override;
  Task<Result<ToolOutcome>> call(Context ctx, ToolInvocation invocation) override;
  Task<void> reload(Context ctx, std::vector<ToolServer> servers);
  Task<void> close(Context ctx);
  /// What is spoken with this server, as ServerClient has it.
  std::string version(const std::string& server) const;

 private:
  using Clients = std::map<std::string, std::shared_ptr<ServerClient>>;
  using Definitions = Result<std::vector<contract::ToolDefinition>>;

  static Task<Definitions> list_one(Context ctx, std::shared_ptr<ServerClient> client);
  static Task<void> retire_all(Context ctx, Clients clients);
  Task<Result<std::string>> owner_of(Context ctx, std::string tool);
  Result<std::shared_ptr<ServerClient>> find(const std::string& server) const;

  Environment environment_;
  Clients clients_;
};

}  // namespace drover::tools
