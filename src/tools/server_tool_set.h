#pragma once
// The configured tool servers, of whatever kind, as one ToolSet. Servers are kept connected;
// reload() takes a new configuration at once, lets calls on servers that are gone or changed come
// to their end (as long as limits::kDrainDeadline), and closes those. How calls are sent, together,
// in turn and again: governed_client.h. Servers of one host and one credential share their limits.
//
// close() must have ended before it goes. Loop thread only.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/limits/app.h"
#include "tools/limiter.h"
#include "tools/server_client.h"
#include "tools/tool_set.h"

namespace drover::tools {

/// Of all servers over HTTP together.
struct LimiterState {
  size_t waiting = 0;    // calls that wait for their turn
  size_t in_flight = 0;  // calls under way
};

class ServerToolSet final : public ToolSet {
 public:
  ServerToolSet(Environment environment, std::vector<ToolServer> servers);

  Task<Result<std::vector<BoundTool>>> list(Context ctx, std::vector<std::string> servers) override;
  Task<Result<ToolOutcome>> call(Context ctx, ToolInvocation invocation) override;
  Task<void> reload(Context ctx, std::vector<ToolServer> servers);
  Task<void> close(Context ctx);
  /// What is spoken with this server, as ServerClient has it.
  std::string version(const std::string& server) const;
  LimiterState limiter_state() const;

 private:
  using Clients = std::map<std::string, std::shared_ptr<ServerClient>>;
  using Definitions = Result<std::vector<contract::ToolDefinition>>;

  std::shared_ptr<ServerClient> make_client(ToolServer server);
  std::shared_ptr<Limiter> limiter_for(const ToolServer& server);
  static Task<Definitions> list_one(Context ctx, std::shared_ptr<ServerClient> client);
  static Task<void> retire_all(Context ctx, Clients clients);
  Task<Result<std::string>> owner_of(Context ctx, std::string tool);
  Result<std::shared_ptr<ServerClient>> find(const std::string& server) const;

  Environment environment_;
  std::map<std::string, std::weak_ptr<Limiter>> limiters_;
  Clients clients_;
};

}  // namespace drover::tools
