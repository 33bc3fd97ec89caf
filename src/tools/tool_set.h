#pragma once
// The tools of an agent, whatever they are behind: MCP servers over stdio or HTTP, plain HTTP,
// later A2A. A tool call is at least once: it carries an idempotency key that stays the same over
// its attempts, and the attempt's number, so that a server can tell a repeat.
//
// A tool that reports failure is a ToolOutcome with is_error (the model sees it); a Result error
// means that no answer was had (server gone, time over), and its retry class says whether another
// attempt makes sense. Loop thread only.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "base/json.h"
#include "base/limits/session.h"
#include "contract/chat.h"

namespace drover::tools {

using async::Context;
using async::Task;

/// A tool behind plain HTTP: one request a call (http_tool.h).
struct HttpTool {
  contract::ToolDefinition definition;
  std::string method = "POST";  // GET, POST, PUT, PATCH or DELETE
  /// Appended to the server's URL; `{name}` stands for an argument.
  std::string path;
  Duration timeout{};  // zero: the server's
  bool operator==(const HttpTool&) const = default;
};

/// How a tool server is reached: by `command`, `url` or `http`, one of them. `command` ones come
/// from the operator's configuration only.
struct ToolServer {
  std::string name;
  // stdio: program and arguments.
  std::string command;
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  // MCP over streamable HTTP.
  std::string url;
  // Plain HTTP: the URL that the tools' paths are appended to, and the tools.
  std::string http;
  std::vector<HttpTool> http_tools;
  // Both over HTTP.
  std::map<std::string, std::string> headers;  // secrets already resolved
  std::string ca_file;
  /// Hosts or CIDRs this URL may reach though they are private.
  std::vector<std::string> allow_private;
  /// "auto" (probe), "legacy" (handshake) or "2026-07-28".
  std::string protocol = "auto";
  /// Only these tools, if not empty.
  std::vector<std::string> only;
  Duration call_timeout{};  // zero: limits::kToolCallTimeout
  bool operator==(const ToolServer&) const = default;
};

struct ToolInvocation {
  std::string server;  // name of the ToolServer; empty: the one that offers the tool
  std::string tool;
  std::string arguments;  // JSON text as the model gave it; empty means {}
  /// Goes into MCP's _meta under "drover/…": session, sequence, call_index, recording, …
  Json::Object meta;
  std::string idempotency_key;
  int attempt = 1;
};

struct ToolOutcome {
  /// All text content joined, byte for byte.
  std::string content;
  bool is_error = false;
  Json structured;  // structuredContent, null if none
  /// Content blocks that are not text (images, resources), as they came.
  Json::Array other_content;
};

struct BoundTool {
  contract::ToolDefinition definition;
  std::string server;
};

class ToolSet {
 public:
  virtual ~ToolSet() = default;
  /// The tools of these servers in a stable order: servers as given, tools as each lists them. Two
  /// tools of one name are an error that names both servers.
  virtual Task<Result<std::vector<BoundTool>>> list(Context ctx,
                                                    std::vector<std::string> servers) = 0;
  virtual Task<Result<ToolOutcome>> call(Context ctx, ToolInvocation invocation) = 0;
};

}  // namespace drover::tools
