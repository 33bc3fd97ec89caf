#pragma once
// How JSON-RPC messages reach an MCP server and come back. One object a server; loop thread only.

#include <memory>
#include <string>

#include "async/context.h"
#include "http/client.h"
#include "http/json_rpc.h"
#include "net/process.h"
#include "tools/tool_set.h"

namespace drover::tools::mcp {

/// What a transport must know to frame a request of the modern era.
struct CallFacts {
  bool modern = false;
  /// Negotiated revision of the legacy era; empty before the handshake.
  std::string version;
  /// Value of Mcp-Name: the tool's name for tools/call.
  std::string name;
};

class Transport {
 public:
  virtual ~Transport() = default;
  /// Sends a request and waits for its response, whose result is returned. Several may be under
  /// way. JSON-RPC errors come as to_error(); a dead server as kUnavailable/kSameTarget.
  virtual Task<Result<Json>> request(Context ctx, std::string method, Json params,
                                     CallFacts facts) = 0;
  virtual Task<Result<void>> notify(Context ctx, std::string method, Json params,
                                    CallFacts facts) = 0;
  /// False once it must be made anew (the process ended, the session is gone).
  virtual bool alive() const = 0;
  /// Grows when the server says that its tools have changed.
  virtual uint64_t list_changes() const { return 0; }
  virtual Task<void> close(Context ctx) = 0;
};

/// Starts the command and speaks lines over its standard streams.
Result<std::unique_ptr<Transport>> make_stdio_transport(const Context& ctx,
                                                        net::ProcessSpawner& spawner,
                                                        const ToolServer& server);
/// Streamable HTTP.
Result<std::unique_ptr<Transport>> make_http_transport(http::Client& client,
                                                       const ToolServer& server);

}  // namespace drover::tools::mcp
