#pragma once
// An MCP server over a byte stream, one message a line: tools only. Speaks both eras at once: the
// handshake revisions (2024-11-05 to 2025-11-25) and the stateless one of 2026-07-28, where every
// request says in its _meta which revision it is. Calls run side by side.
//
// Ownership: serve_mcp borrows the stream and the tools until it ends. Loop thread only.
// Failure: what a client sends wrong is answered by a JSON-RPC error; the end of the stream is the
// good end. Limits: limits::kJsonRpcLineBytesMax a line, kMcpCallsMax calls at once (then lines
// wait). Source: modelcontextprotocol.io/specification; PROTOCOLS section 8.

#include <string>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "base/limits/http.h"
#include "http/json_rpc.h"
#include "net/stream.h"

namespace drover::sim {

inline constexpr size_t kMcpCallsMax = 256;

struct McpTool {
  std::string name;
  std::string description;
  Json input_schema;
};

struct McpCall {
  std::string name;
  Json arguments;  // an object
  Json meta;       // an object or null
};

struct McpResult {
  std::string text;
  bool is_error = false;
};

class McpTools {
 public:
  virtual ~McpTools() = default;
  virtual std::string name() const = 0;
  virtual std::vector<McpTool> list() const = 0;
  /// An Error becomes a JSON-RPC error (invalid params), which no model sees as a tool's answer.
  virtual async::Task<Result<McpResult>> call(async::Context ctx, McpCall call) = 0;
};

/// Serves until the stream ends.
async::Task<Result<void>> serve_mcp(async::Context ctx, net::Stream& stream, McpTools& tools);

}  // namespace drover::sim
