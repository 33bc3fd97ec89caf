#pragma once
// A server whose tools are plain HTTP requests (http_tool.h): its tools stand in the configuration,
// so listing them asks nobody. One call is one request; the address policy of http::Client keeps it
// from private networks that the configuration does not allow. Loop thread only.
// Limits: limits::kToolCallTimeout, kToolResultBytesMax.

#include <optional>

#include "base/limits/session.h"
#include "tools/server_client.h"

namespace drover::tools {

class HttpToolClient final : public ServerClient {
 public:
  HttpToolClient(Environment environment, ToolServer server);

  Task<Result<std::vector<contract::ToolDefinition>>> list(Context ctx) override;
  Task<Result<ToolOutcome>> call(Context ctx, ToolInvocation invocation) override;
  /// GET changes nothing, PUT and DELETE may be repeated (RFC 9110 section 9.2), unless the
  /// operator says otherwise.
  ToolTraits traits(const std::string& tool) const override;
  Task<void> close(Context ctx) override;
  Task<void> retire(Context ctx) override;
  const ToolServer& server() const override { return server_; }
  std::string version() const override { return "HTTP"; }

 private:
  Result<const HttpTool*> find(const std::string& name) const;
  Task<Result<ToolOutcome>> ask(Context ctx, const ToolInvocation* invocation,
                                http::ClientRequest request);

  Environment environment_;
  ToolServer server_;
  InFlight in_flight_;
};

}  // namespace drover::tools
