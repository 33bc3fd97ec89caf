#include "tools/http_tool_client.h"

#include "base/limits/session.h"
#include "tools/http_answer.h"
#include "tools/http_tool.h"

namespace drover::tools {
namespace {

std::string name_of(const ToolServer& server) { return "tool server '" + server.name + "'"; }

/// The body, of which not much more is read than is kept.
Task<Result<std::string>> read_content(Context ctx, http::ClientResponse* response) {
  std::string body;
  while (body.size() <= limits::kToolResultBytesMax) {
    CO_TRY(std::string_view part, co_await response->read_some(ctx));
    if (part.empty()) co_return body;
    body += part;
  }
  response->abort();
  co_return body;
}

}  // namespace

HttpToolClient::HttpToolClient(Environment environment, ToolServer server)
    : environment_(environment), server_(std::move(server)) {}

ToolTraits HttpToolClient::traits(const std::string& tool) const {
  ToolTraits told;
  for (const HttpTool& known : server_.http_tools) {
    if (known.definition.name != tool) continue;
    told.read_only = known.method == "GET";
    if (told.read_only || known.method == "PUT" || known.method == "DELETE") told.idempotent = true;
  }
  return traits_of(server_, tool, told);
}

Task<Result<std::vector<contract::ToolDefinition>>> HttpToolClient::list(Context ctx) {
  std::vector<contract::ToolDefinition> out;
  for (const HttpTool& tool : server_.http_tools) {
    if (is_offered(server_, tool.definition.name)) out.push_back(tool.definition);
  }
  co_return out;
}

Result<const HttpTool*> HttpToolClient::find(const std::string& name) const {
  for (const HttpTool& tool : server_.http_tools) {
    if (tool.definition.name != name) continue;
    if (may_be_called(server_, name)) return &tool;
    return fail(Code::kPermissionDenied,
                "tool '" + name + "' of server '" + server_.name + "' is not among those allowed");
  }
  return fail(Code::kNotFound, name_of(server_) + " has no tool named '" + name + "'");
}

Task<Result<ToolOutcome>> HttpToolClient::ask(Context ctx, const ToolInvocation* invocation,
                                              http::ClientRequest request) {
  auto sent = co_await environment_.client->send(ctx, request);
  if (!sent) co_return fail(send_error(name_of(server_), std::move(sent).error()));
  std::unique_ptr<http::ClientResponse> response = std::move(*sent);
  http::ResponseHead head = response->head();
  if (environment_.listener != nullptr) {
    environment_.listener->heard(invocation->tool, invocation->turn, head);
  }
  if (is_no_answer(head.status)) co_return fail(status_error(name_of(server_), head, ""));
  CO_TRY(std::string body, co_await read_content(ctx, response.get()));
  co_return http_tool_outcome(head, std::move(body));
}

Task<Result<ToolOutcome>> HttpToolClient::call(Context ctx, ToolInvocation invocation) {
  InFlight::Call in_flight(&in_flight_);
  CO_TRY(const HttpTool* tool, find(invocation.tool));
  CO_TRY(http::Url url, http::Url::parse(server_.http));
  CO_TRY(auto request, http_tool_request(server_, url, *tool, invocation, ctx.span()));
  Duration limit = limits::kToolCallTimeout;
  if (server_.call_timeout > Duration::zero()) limit = server_.call_timeout;
  if (tool->timeout > Duration::zero()) limit = tool->timeout;
  request.headers_timeout = limit;  // a tool may take its time before the first byte
  Context bounded = ctx.with_timeout(limit);
  auto outcome = co_await ask(bounded, &invocation, std::move(request));
  if (outcome) co_return outcome;
  Error error = std::move(outcome).error();
  if (error.code == Code::kDeadlineExceeded && ctx.check().has_value()) {
    error.message =
        "tool '" + invocation.tool + "' did not answer within " + format_duration(limit);
  }
  co_return fail(std::move(error));
}

Task<void> HttpToolClient::close(Context ctx) {
  co_return;  // connections belong to the pool
}

Task<void> HttpToolClient::retire(Context ctx) { co_await in_flight_.wait_idle(ctx); }

}  // namespace drover::tools
