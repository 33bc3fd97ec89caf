#pragma once
// One MCP server as seen by us: connects at the first call, finds out which era it speaks, lists
// its tools (kept until they are old or the server says they changed), calls them, and connects
// anew when the server died, with growing pauses when that fails. Calls run side by side.
//
// A server that promises to tell of changes of its list is listened to for as long as the
// connection stands: in the handshake era by what comes over standard streams or by the GET stream
// of HTTP, in the later one by `subscriptions/listen`. OAuth is not spoken: a server that wants a
// token gets it by a configured header.
//
// A server that cannot be reached any more keeps its last list, so that it does not take the other
// servers of an agent down with it; calling it says what is wrong.
//
// close() or retire() must have ended before a client that was used goes. Loop thread only.
// Limits: limits::kMcp*.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/scope.h"
#include "async/sync.h"
#include "tools/mcp_headers.h"
#include "tools/mcp_protocol.h"
#include "tools/mcp_transport.h"
#include "tools/server_client.h"

namespace drover::tools::mcp {

class McpClient final : public ServerClient {
 public:
  McpClient(Environment environment, ToolServer server)
      : environment_(environment), server_(std::move(server)) {}

  Task<Result<std::vector<contract::ToolDefinition>>> list(Context ctx) override;
  Task<Result<ToolOutcome>> call(Context ctx, ToolInvocation invocation) override;
  /// By the annotations of its list.
  ToolTraits traits(const std::string& tool) const override;
  Task<void> close(Context ctx) override;
  Task<void> retire(Context ctx) override;
  const ToolServer& server() const override { return server_; }
  /// "2026-07-28", or the legacy revision agreed on; empty before the first call.
  std::string version() const override { return version_; }

 private:
  /// A transport and what was agreed on over it.
  struct Connection {
    std::shared_ptr<Transport> transport;
    CallFacts facts;
    bool tells_of_changes = false;
    /// The task that listens; joined by end().
    std::unique_ptr<async::Scope> listening;
  };
  using ConnectionPtr = std::shared_ptr<Connection>;
  enum class Probe { kModern, kLegacy, kLegacyRestart };

  Task<Result<ConnectionPtr>> connect(Context ctx);
  Task<Result<ConnectionPtr>> connect_anew(Context ctx);
  Task<Result<ConnectionPtr>> negotiate(Context ctx, std::shared_ptr<Transport>* transport);
  Task<Result<Probe>> probe(Context ctx, std::shared_ptr<Transport> transport, bool* tells);
  static Task<void> listen(Context ctx, Connection* connection);
  static Task<void> end(Context ctx, ConnectionPtr connection);
  Task<Result<void>> handshake(Context ctx, ConnectionPtr connection);
  Task<Result<void>> pause(Context ctx);
  void note_failure(const Context& ctx, const Error& error);
  Result<std::shared_ptr<Transport>> make_transport(const Context& ctx);

  bool list_is_fresh(const ConnectionPtr& connection) const;
  Task<Result<void>> refresh_list(Context ctx, ConnectionPtr connection);
  void take_tool(ListedTool tool, bool http);
  Task<Result<Json>> send_call(Context ctx, ConnectionPtr connection,
                               const ToolInvocation* invocation);

  Environment environment_;
  ToolServer server_;
  ConnectionPtr connection_;
  async::Semaphore connecting_{1};
  async::Semaphore listing_{1};
  std::string version_;
  bool known_legacy_ = false;
  bool closed_ = false;
  InFlight in_flight_;

  // After failed starts.
  int failures_ = 0;
  MonoTime not_before_{};
  std::optional<Error> last_failure_;

  // The list.
  std::optional<std::vector<contract::ToolDefinition>> tools_;
  std::map<std::string, std::vector<HeaderParam>> header_params_;
  std::map<std::string, ToolTraits> traits_;
  std::weak_ptr<Connection> listed_on_;
  uint64_t listed_at_change_ = 0;
  MonoTime list_until_{};
  bool list_stale_said_ = false;
};

}  // namespace drover::tools::mcp
