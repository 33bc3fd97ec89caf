#pragma once
// How JSON-RPC messages reach an MCP server and come back. One object a server; loop thread only.
//
// Failure, by the reason of the error: "rpc_<code>" the server answered with a JSON-RPC error;
// "http_<status>" it answered with that status; "gone" its process ended or its session is
// forgotten, and a new transport must be made; "no_answer" it spoke, but not to the point. Errors
// of the network are those of http/client.h and net/stream.h.
// A transport must be closed, and the close awaited, before it goes.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "async/context.h"
#include "http/client.h"
#include "http/json_rpc.h"
#include "net/process.h"
#include "tools/server_client.h"
#include "tools/tool_set.h"

namespace drover::tools::mcp {

/// What a transport must know to frame a request.
struct CallFacts {
  bool modern = false;
  /// Negotiated revision of the legacy era; empty before the handshake.
  std::string version;
  /// Value of Mcp-Name: the tool's name for tools/call.
  std::string name;
  /// The call's turn, for whoever hears of its answer (AnswerListener).
  uint64_t turn = 0;
  /// Mcp-Param-* headers.
  std::vector<std::pair<std::string, std::string>> headers;
};

class Transport {
 public:
  virtual ~Transport() = default;
  /// Sends a request and waits for its response, whose result is returned. Several may be under
  /// way; what is beyond the limit (limits::kMcp…PendingMax) waits for its turn. If the context
  /// ends first, the server is told that the answer is not wanted any more.
  virtual Task<Result<Json>> request(Context ctx, std::string method, Json params,
                                     CallFacts facts) = 0;
  virtual Task<Result<void>> notify(Context ctx, std::string method, Json params,
                                    CallFacts facts) = 0;
  /// Hears what the server says unasked, of use for list_changes(), until it ends that, or the
  /// context ends; for a task of its own. It counts as a change that listening has begun, since
  /// nobody heard what changed before. kUnimplemented: there is nothing to listen to, now or later.
  virtual Task<Result<void>> listen(Context ctx, CallFacts facts) = 0;
  /// False once it must be made anew (the process ended, the session is gone).
  virtual bool alive() const = 0;
  /// Grows when the server says that its tools have changed.
  virtual uint64_t list_changes() const = 0;
  virtual bool is_http() const = 0;
  virtual Task<void> close(Context ctx) = 0;
};

/// Starts the command and speaks lines over its standard streams.
Result<std::unique_ptr<Transport>> make_stdio_transport(const Context& ctx,
                                                        net::ProcessSpawner& spawner,
                                                        const ToolServer& server);
/// Streamable HTTP. `listener` may be null.
Result<std::unique_ptr<Transport>> make_http_transport(http::Client& client,
                                                       const ToolServer& server,
                                                       AnswerListener* listener);

/// Our answer to a request of a legacy server: ping is answered, the rest is refused by name.
http::RpcResponse answer_to(const http::RpcRequest& request);

}  // namespace drover::tools::mcp
