#pragma once
// One configured tool server as its client, whatever it speaks: MCP (mcp_client.h) or plain HTTP
// (http_tool_client.h), and around either how calls are sent (governed_client.h). ServerToolSet
// makes one for each server of the configuration.
//
// close() or retire() must have ended before a client that was used goes. Loop thread only.

#include <optional>
#include <string>
#include <vector>

#include "async/sync.h"
#include "base/random.h"
#include "http/client.h"
#include "net/process.h"
#include "tools/tool_set.h"

namespace drover::tools {

/// Hears of each answer of a server over HTTP, whatever becomes of the call: its head says what may
/// be asked next (rate_headers.h). `tool` is empty where none was called; `turn` is the call's.
class AnswerListener {
 public:
  virtual ~AnswerListener() = default;
  virtual void heard(const std::string& tool, uint64_t turn, const http::ResponseHead& head) = 0;
};

/// What clients need of the process.
struct Environment {
  async::Loop* loop = nullptr;
  net::ProcessSpawner* spawner = nullptr;
  http::Client* client = nullptr;
  Random* random = nullptr;            // may be null: pauses are not spread
  AnswerListener* listener = nullptr;  // may be null
};

/// What is known of a tool beside its schema: by the operator's word, else by the server's
/// (annotations of MCP), else by the method (HTTP).
struct ToolTraits {
  /// It changes nothing: identical calls may share one answer.
  bool read_only = false;
  /// Called twice with one key or the same arguments, it has the effect of once. Unset: nobody
  /// said.
  std::optional<bool> idempotent;
  bool safe_to_repeat() const { return read_only || idempotent.value_or(false); }
  bool unsafe_to_repeat() const { return !read_only && idempotent == false; }
};

/// What the operator said of the tool goes before what was told.
ToolTraits traits_of(const ToolServer& server, const std::string& tool, ToolTraits told);
/// Whether agents see it, and whether it may be called: by them, or for a batch of what they see.
bool is_offered(const ToolServer& server, const std::string& tool);
bool may_be_called(const ToolServer& server, const std::string& tool);

class ServerClient {
 public:
  virtual ~ServerClient() = default;
  virtual Task<Result<std::vector<contract::ToolDefinition>>> list(Context ctx) = 0;
  virtual Task<Result<ToolOutcome>> call(Context ctx, ToolInvocation invocation) = 0;
  /// As far as it is known now: MCP servers say it in their list.
  virtual ToolTraits traits(const std::string& tool) const = 0;
  /// Ends the connection; what is under way fails.
  virtual Task<void> close(Context ctx) = 0;
  /// Lets what is under way come to its end (as long as ctx), then closes.
  virtual Task<void> retire(Context ctx) = 0;
  virtual const ToolServer& server() const = 0;
  /// What is spoken with it: "HTTP", or MCP's revision agreed on (empty before the first call).
  virtual std::string version() const = 0;
};

/// The calls under way at one client.
class InFlight {
 public:
  class Call {
   public:
    explicit Call(InFlight* all) : all_(all) { ++all_->count_; }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() {
      if (--all_->count_ == 0) all_->idle_.wake_all();
    }

   private:
    InFlight* all_;
  };
  /// Returns when none is left, or with the context.
  Task<void> wait_idle(Context ctx) {
    while (count_ > 0) {
      async::Wake wake = co_await idle_.wait(ctx);
      if (wake != async::Wake::kWoken) co_return;
    }
  }

 private:
  size_t count_ = 0;
  async::WaitQueue idle_;
};

}  // namespace drover::tools
