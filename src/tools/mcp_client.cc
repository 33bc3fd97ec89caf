#include "tools/mcp_client.h"

#include <algorithm>

#include "base/limits/session.h"
#include "base/limits/tools.h"
#include "base/log.h"
#include "tools/http_answer.h"

namespace drover::tools::mcp {
namespace {

Json with_era(const CallFacts& facts, Json params) {
  if (facts.modern) {
    Json meta = modern_meta();
    add_meta(params, *meta.members());
  }
  return params;
}

}  // namespace

ToolTraits McpClient::traits(const std::string& tool) const {
  auto told = traits_.find(tool);
  return traits_of(server_, tool, told == traits_.end() ? ToolTraits() : told->second);
}

bool McpClient::list_is_fresh(const ConnectionPtr& connection) const {
  return tools_ && listed_on_.lock() == connection &&
         connection->transport->list_changes() == listed_at_change_;
}

void McpClient::take_tool(ListedTool listed, bool http) {
  contract::ToolDefinition& tool = listed.definition;
  if (!may_be_called(server_, tool.name)) return;
  for (const contract::ToolDefinition& other : *tools_) {
    if (other.name == tool.name) return;  // the first of a name counts
  }
  if (http) {
    auto params = header_params(tool.parameters);
    if (!params) {
      LOG_WARN("tool '{}' of server '{}' is left out: {}", tool.name, server_.name,
               params.error().message);
      return;
    }
    if (!params->empty()) header_params_[tool.name] = std::move(*params);
  }
  traits_[tool.name] = listed.traits;
  if (is_offered(server_, tool.name)) tools_->push_back(std::move(tool));
}

Task<Result<void>> McpClient::refresh_list(Context ctx, ConnectionPtr connection) {
  // Counted before: a change while we read makes us read again.
  uint64_t changes = connection->transport->list_changes();
  std::vector<ListedTool> all;
  std::optional<Duration> ttl;
  std::string cursor;
  for (int page = 0;; ++page) {
    if (page == limits::kMcpPagesMax || all.size() > limits::kMcpToolsMax) {
      co_return fail(Code::kResourceExhausted,
                     "tool server '" + server_.name + "' lists tools without end");
    }
    Json params = Json::object();
    if (!cursor.empty()) params.set("cursor", cursor);
    params = with_era(connection->facts, std::move(params));
    auto result = co_await connection->transport->request(ctx, "tools/list", std::move(params),
                                                          connection->facts);
    if (!result && result.error().reason == "rpc_-32601" && page == 0) break;  // it has none
    if (!result) co_return fail(std::move(result).error());
    CO_TRY(auto parsed, parse_tool_page(*result));
    if (parsed.ttl) ttl = std::min(ttl.value_or(*parsed.ttl), *parsed.ttl);
    for (ListedTool& tool : parsed.tools) all.push_back(std::move(tool));
    if (parsed.next_cursor.empty()) break;
    cursor = std::move(parsed.next_cursor);
  }
  tools_.emplace();
  header_params_.clear();
  traits_.clear();
  bool http = connection->transport->is_http();
  for (ListedTool& tool : all) {
    take_tool(std::move(tool), http && connection->facts.modern);
  }
  listed_on_ = connection;
  listed_at_change_ = changes;
  list_stale_said_ = false;
  Duration age = Duration::max();
  if (connection->facts.modern || http) age = ttl.value_or(limits::kMcpListAgeDefault);
  age = std::clamp(age, Duration(limits::kMcpListAgeMin), Duration(limits::kMcpListAgeMax));
  bool told = !connection->facts.modern && !http;  // over stdio a legacy server says it
  list_until_ = told ? MonoTime::max() : ctx.loop().mono() + age;
  co_return Result<void>();
}

Task<Result<std::vector<contract::ToolDefinition>>> McpClient::list(Context ctx) {
  InFlight::Call in_flight(&in_flight_);
  CO_TRY(auto permit, co_await listing_.acquire(ctx));
  Result<void> done;
  auto connection = co_await connect(ctx);
  if (!connection) {
    done = fail(connection.error());
  } else if (!list_is_fresh(*connection) || ctx.loop().mono() >= list_until_) {
    done = co_await refresh_list(ctx, *connection);
    if (!done && done.error().reason == "gone" && ctx.check().has_value()) {
      // A forgotten session or a server that just ended: once more on a new connection.
      connection = co_await connect(ctx);
      if (connection) done = co_await refresh_list(ctx, *connection);
    }
  }
  if (!done) {
    bool ours = !ctx.check().has_value();
    if (!tools_ || ours) co_return fail(std::move(done).error());
    if (!std::exchange(list_stale_said_, true)) {
      LOG_WARN("tool server '{}' cannot be listed, its last list stands: {}", server_.name,
               done.error().to_string());
    }
  }
  co_return *tools_;
}

Task<Result<Json>> McpClient::send_call(Context ctx, ConnectionPtr connection,
                                        const ToolInvocation* invocation) {
  CO_TRY(Json params, call_params(*invocation));
  CallFacts facts = connection->facts;
  facts.name = invocation->tool;
  facts.turn = invocation->turn;
  if (facts.modern && connection->transport->is_http()) {
    auto marked = header_params_.find(invocation->tool);
    const Json* arguments = params.find("arguments");
    if (marked != header_params_.end() && arguments != nullptr) {
      facts.headers = param_headers(marked->second, *arguments);
    }
  }
  if (ctx.span().valid()) {
    Json::Object trace;
    trace.emplace_back("traceparent", Json(ctx.span().traceparent()));
    add_meta(params, trace);
  }
  params = with_era(facts, std::move(params));
  co_return co_await connection->transport->request(ctx, "tools/call", std::move(params),
                                                    std::move(facts));
}

Task<Result<ToolOutcome>> McpClient::call(Context ctx, ToolInvocation invocation) {
  InFlight::Call in_flight(&in_flight_);
  if (!may_be_called(server_, invocation.tool)) {
    co_return fail(Code::kPermissionDenied, "tool '" + invocation.tool + "' of server '" +
                                                server_.name + "' is not among those allowed");
  }
  Duration limit =
      server_.call_timeout > Duration::zero() ? server_.call_timeout : limits::kToolCallTimeout;
  Context bounded = ctx.with_timeout(limit);
  CO_TRY(auto connection, co_await connect(bounded));
  bool marks = connection->facts.modern && connection->transport->is_http();
  if (marks && !list_is_fresh(connection)) {
    // Which arguments travel as headers stands in the list; without it the server will tell.
    CO_TRY(auto permit, co_await listing_.acquire(bounded));
    if (!list_is_fresh(connection)) {
      auto listed = co_await refresh_list(bounded, connection);
      (void)listed;
    }
  }
  auto result = co_await send_call(bounded, connection, &invocation);
  if (!result && marks && result.error().reason == "rpc_" + std::to_string(kHeaderMismatch)) {
    // Refused before it ran: the tool's schema has changed since we read it.
    CO_TRY(auto permit, co_await listing_.acquire(bounded));
    CO_TRY_VOID(co_await refresh_list(bounded, connection));
    permit.release();
    result = co_await send_call(bounded, connection, &invocation);
  }
  if (!result) {
    Error error = std::move(result).error();
    bool own_limit = error.code == Code::kDeadlineExceeded && ctx.check().has_value();
    if (own_limit) {
      error.message =
          "tool '" + invocation.tool + "' did not answer within " + format_duration(limit);
    }
    co_return fail(std::move(error));
  }
  CO_TRY(auto outcome, parse_call_result(*result));
  limit_content(outcome);
  co_return outcome;
}

Task<void> McpClient::close(Context ctx) {
  closed_ = true;
  if (connection_ == nullptr) co_return;
  ConnectionPtr connection = std::move(connection_);
  connection_ = nullptr;
  co_await end(ctx, std::move(connection));
}

Task<void> McpClient::retire(Context ctx) {
  closed_ = true;
  co_await in_flight_.wait_idle(ctx);
  Context quiet = ctx.detached();
  co_await close(quiet);
}

}  // namespace drover::tools::mcp
