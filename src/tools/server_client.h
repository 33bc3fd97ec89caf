#pragma once
// One configured tool server as its client, whatever it speaks: MCP (mcp_client.h) or plain HTTP
// (http_tool_client.h). ServerToolSet makes one for each server of the configuration.
//
// close() or retire() must have ended before a client that was used goes. Loop thread only.

#include <string>
#include <vector>

#include "async/sync.h"
#include "http/client.h"
#include "net/process.h"
#include "tools/tool_set.h"

namespace drover::tools {

/// What clients need of the process.
struct Environment {
  net::ProcessSpawner* spawner = nullptr;
  http::Client* client = nullptr;
};

class ServerClient {
 public:
  virtual ~ServerClient() = default;
  virtual Task<Result<std::vector<contract::ToolDefinition>>> list(Context ctx) = 0;
  virtual Task<Result<ToolOutcome>> call(Context ctx, ToolInvocation invocation) = 0;
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
