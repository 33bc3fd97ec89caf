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
#include <optional>
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

/// Calls of one tool that go together, as one call of another tool of the same server
/// (batch_form.h).
struct BatchForm {
  std::string tool;     // that does them
  std::string items;    // its argument that takes the list
  std::string item;     // the argument that goes into the list; empty: all of them, as an object
  std::string results;  // the member of its answer with the list; empty: the answer is the list
  size_t most = 50;
  Duration window = 5ms;  // how long the first waits for others
  bool operator==(const BatchForm&) const = default;
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
  /// The operator's word on which tools change nothing, and which may be called twice; where it is
  /// given, the server's own is not asked.
  std::optional<std::vector<std::string>> read_only;
  std::optional<std::vector<std::string>> idempotent;
  std::map<std::string, BatchForm> batch;  // by the tool whose calls go together
  bool operator==(const ToolServer&) const = default;
};

/// What became of a call on its way.
struct CallReport {
  Duration waited{};  // for its turn, for others of its batch, and between tries
  int tries = 0;
  size_t batch = 0;        // calls that went together with it, itself included; 0: it went alone
  bool coalesced = false;  // another's call was under way, and its answer is this one's
};

/// For whom a call is made. Calls of different tenants, principals or data classes have nothing in
/// common, whatever they ask.
struct CallOrigin {
  std::string tenant;
  std::string principal;  // everything else that tells callers apart: key, agent, labels
  std::string data_class;
  std::string session;
};

struct ToolInvocation {
  std::string server;  // name of the ToolServer; empty: the one that offers the tool
  std::string tool;
  std::string arguments;  // JSON text as the model gave it; empty means {}
  /// Goes into MCP's _meta under "drover/…": session, sequence, call_index, recording, …
  Json::Object meta;
  std::string idempotency_key;
  int attempt = 1;
  CallOrigin origin;
  /// Which turn at its server it was given (limiter.h); 0: none.
  uint64_t turn = 0;
  /// Filled in when the call has ended, whatever came of it; may be null.
  CallReport* report = nullptr;
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
