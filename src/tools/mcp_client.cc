#include "tools/mcp_client.h"

#include <algorithm>

#include "base/limits.h"
#include "base/log.h"

namespace drover::tools::mcp {
namespace {

constexpr Duration kProbeTimeout = 3s;
constexpr Duration kHandshakeTimeout = 30s;
constexpr int kPagesMax = 100;

}  // namespace

Json McpClient::with_era(Json params) const {
  if (facts_.modern) {
    Json meta = modern_meta();
    add_meta(params, *meta.members());
  }
  return params;
}

CallFacts McpClient::facts_for(std::string name) const {
  CallFacts facts = facts_;
  facts.name = std::move(name);
  return facts;
}

/// True if the server speaks the modern era. A server that answers the probe with an error of its
/// own era, or not at all, is taken as legacy (2026-07-28, "Backward compatibility").
Task<Result<bool>> McpClient::try_modern(Context ctx, Transport& transport) {
  Context brief = ctx.with_timeout(kProbeTimeout);
  CallFacts facts;
  facts.modern = true;
  Json params = Json::object().set("_meta", modern_meta());
  auto found = co_await transport.request(brief, "server/discover", std::move(params), facts);
  if (!found) {
    if (ctx.cancelled()) co_return fail(found.error());
    // A refusal in the modern codes comes from a modern server that wants another version.
    bool modern_refusal = found.error().reason == "rpc_" + std::to_string(kUnsupportedVersion);
    if (modern_refusal && server_.protocol == kModernVersion) co_return fail(found.error());
    co_return false;
  }
  const Json* versions = found->find("supportedVersions");
  if (versions == nullptr || !versions->is_array()) co_return false;
  for (const Json& v : *versions->array_items()) {
    if (v.string() != nullptr && *v.string() == kModernVersion) co_return true;
  }
  co_return false;
}

Task<Result<void>> McpClient::handshake(Context ctx, Transport& transport) {
  CallFacts facts;
  CO_TRY(Json result, co_await transport.request(ctx, "initialize", initialize_params(), facts));
  auto version = result.get_string("protocolVersion");
  if (!version || !is_legacy_version(*version)) {
    co_return fail(Code::kUnimplemented,
                   "tool server '" + server_.name + "' speaks MCP revision '" +
                       std::string(version.value_or("")) + "', which drover does not");
  }
  facts_ = CallFacts();
  facts_.version = std::string(*version);
  co_return co_await transport.notify(ctx, "notifications/initialized", Json(), facts_);
}

Task<Result<std::shared_ptr<Transport>>> McpClient::connect(Context ctx) {
  CO_TRY(auto permit, co_await connecting_.acquire(ctx));
  if (transport_ != nullptr && transport_->alive()) co_return transport_;
  if (transport_ != nullptr) {
    std::shared_ptr<Transport> old = std::move(transport_);
    co_await old->close(ctx.detached());
  }
  tools_.reset();
  auto made = server_.command.empty() ? make_http_transport(*environment_.client, server_)
                                      : make_stdio_transport(ctx, *environment_.spawner, server_);
  if (!made) co_return fail(std::move(made).error());
  std::shared_ptr<Transport> transport = std::move(*made);
  Context bounded = ctx.with_timeout(kHandshakeTimeout);
  bool modern = false;
  Result<void> ready;
  if (server_.protocol != "legacy") {
    auto probed = co_await try_modern(bounded, *transport);
    if (!probed) {
      ready = fail(std::move(probed).error());
    } else {
      modern = *probed;
      if (!modern && server_.protocol == kModernVersion) {
        ready = fail(Code::kUnimplemented,
                     "tool server '" + server_.name + "' does not speak MCP 2026-07-28");
      }
    }
  }
  if (ready && modern) {
    facts_ = CallFacts();
    facts_.modern = true;
    facts_.version = std::string(kModernVersion);
  } else if (ready) {
    ready = co_await handshake(bounded, *transport);
  }
  if (!ready) {
    co_await transport->close(ctx.detached());
    Error error = std::move(ready).error();
    error.note("connecting to tool server '" + server_.name + "'");
    co_return fail(std::move(error));
  }
  transport_ = transport;
  co_return transport;
}

Task<Result<std::vector<contract::ToolDefinition>>> McpClient::list(Context ctx) {
  CO_TRY(auto permit, co_await listing_.acquire(ctx));
  CO_TRY(auto transport, co_await connect(ctx));
  if (tools_ && transport->list_changes() == listed_at_change_) co_return *tools_;
  listed_at_change_ = transport->list_changes();
  std::vector<contract::ToolDefinition> all;
  std::string cursor;
  for (int page = 0; page < kPagesMax; ++page) {
    Json params = Json::object();
    if (!cursor.empty()) params.set("cursor", cursor);
    params = with_era(std::move(params));
    CO_TRY(Json result,
           co_await transport->request(ctx, "tools/list", std::move(params), facts_for("")));
    CO_TRY(auto parsed, parse_tool_page(result));
    for (contract::ToolDefinition& tool : parsed.tools) {
      bool wanted = server_.only.empty() || std::find(server_.only.begin(), server_.only.end(),
                                                      tool.name) != server_.only.end();
      if (wanted) all.push_back(std::move(tool));
    }
    cursor = std::move(parsed.next_cursor);
    if (cursor.empty()) break;
  }
  tools_ = all;
  co_return all;
}

Task<Result<ToolOutcome>> McpClient::call(Context ctx, ToolInvocation invocation) {
  Duration limit =
      server_.call_timeout > Duration::zero() ? server_.call_timeout : limits::kToolCallTimeout;
  Context bounded = ctx.with_timeout(limit);
  CO_TRY(auto transport, co_await connect(bounded));
  CO_TRY(Json params, call_params(invocation));
  params = with_era(std::move(params));
  std::string tool = invocation.tool;
  auto result = co_await transport->request(bounded, "tools/call", std::move(params),
                                            facts_for(std::move(tool)));
  if (!result) {
    Error error = std::move(result).error();
    if (error.code == Code::kDeadlineExceeded && !ctx.check().has_value()) {
      co_return fail(std::move(error));
    }
    if (error.code == Code::kDeadlineExceeded) {
      error.message =
          "tool '" + invocation.tool + "' did not answer within " + format_duration(limit);
    }
    co_return fail(std::move(error));
  }
  CO_TRY(auto outcome, parse_call_result(*result));
  if (outcome.content.size() > limits::kToolResultBytesMax) {
    outcome.content.resize(limits::kToolResultBytesMax);
    outcome.content += "\n[cut: the tool's result was larger than " +
                       std::to_string(limits::kToolResultBytesMax) + " bytes]";
  }
  co_return outcome;
}

Task<void> McpClient::close(Context ctx) {
  if (transport_ == nullptr) co_return;
  std::shared_ptr<Transport> transport = std::move(transport_);
  co_await transport->close(ctx);
}

}  // namespace drover::tools::mcp
