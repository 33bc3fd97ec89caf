#include "tools/mcp_tool_set.h"

namespace drover::tools {
namespace {

constexpr int kTransportTries = 2;

bool same(const ToolServer& a, const ToolServer& b) {
  return a.command == b.command && a.arguments == b.arguments && a.environment == b.environment &&
         a.url == b.url && a.headers == b.headers && a.ca_file == b.ca_file &&
         a.allow_private == b.allow_private && a.protocol == b.protocol && a.only == b.only &&
         a.call_timeout == b.call_timeout;
}

}  // namespace

McpToolSet::McpToolSet(mcp::Environment environment, std::vector<ToolServer> servers)
    : environment_(environment) {
  for (ToolServer& server : servers) {
    std::string name = server.name;
    clients_[name] = std::make_shared<mcp::McpClient>(environment_, std::move(server));
  }
}

Result<std::shared_ptr<mcp::McpClient>> McpToolSet::find(const std::string& server) const {
  auto it = clients_.find(server);
  if (it != clients_.end()) return it->second;
  return fail(Code::kNotFound, "no tool server named '" + server + "' is configured");
}

Task<Result<std::vector<BoundTool>>> McpToolSet::list(Context ctx,
                                                      std::vector<std::string> servers) {
  std::vector<BoundTool> out;
  std::map<std::string, std::string> owner;
  for (const std::string& name : servers) {
    CO_TRY(auto client, find(name));
    auto tools = co_await client->list(ctx);
    if (!tools) co_return fail(std::move(tools).error());
    for (contract::ToolDefinition& definition : *tools) {
      auto [it, fresh] = owner.emplace(definition.name, name);
      if (!fresh) {
        co_return fail(Code::kFailedPrecondition, "tool '" + definition.name +
                                                      "' is offered by both '" + it->second +
                                                      "' and '" + name + "'");
      }
      BoundTool bound;
      bound.definition = std::move(definition);
      bound.server = name;
      out.push_back(std::move(bound));
    }
  }
  co_return out;
}

Task<Result<ToolOutcome>> McpToolSet::call(Context ctx, ToolInvocation invocation) {
  CO_TRY(auto client, find(invocation.server));
  // A server that died in the middle is started again and asked once more, with the same
  // idempotency key: it can tell the repeat.
  for (int tries = 1;; ++tries) {
    ToolInvocation attempt = invocation;
    attempt.attempt += tries - 1;
    auto outcome = co_await client->call(ctx, std::move(attempt));
    if (outcome || tries >= kTransportTries) co_return outcome;
    bool again = outcome.error().code == Code::kUnavailable &&
                 outcome.error().retry == Retry::kSameTarget && !ctx.cancelled();
    if (!again) co_return outcome;
  }
}

Task<void> McpToolSet::reload(Context ctx, std::vector<ToolServer> servers) {
  std::map<std::string, std::shared_ptr<mcp::McpClient>> old;
  old.swap(clients_);
  for (ToolServer& server : servers) {
    std::string name = server.name;
    auto it = old.find(name);
    if (it != old.end() && same(it->second->server(), server)) {
      clients_[name] = it->second;
      old.erase(it);
    } else {
      clients_[name] = std::make_shared<mcp::McpClient>(environment_, std::move(server));
    }
  }
  for (auto& [name, client] : old) co_await client->close(ctx);
}

Task<void> McpToolSet::close(Context ctx) {
  for (auto& [name, client] : clients_) co_await client->close(ctx);
}

}  // namespace drover::tools
