#include "tools/server_tool_set.h"

#include "async/scope.h"
#include "base/limits/app.h"
#include "tools/governed_client.h"
#include "tools/http_tool_client.h"
#include "tools/mcp_client.h"

namespace drover::tools {
namespace {

/// Servers with this in common share their limits: where they are, what they speak, and as whom.
std::string limiter_key(const ToolServer& server) {
  const std::string& where = server.http.empty() ? server.url : server.http;
  auto url = http::Url::parse(where);
  std::string out = (server.http.empty() ? "mcp " : "http ") + (url ? url->origin() : where);
  for (const auto& [name, value] : server.headers) out += '\n' + name + ": " + value;
  return out;
}

}  // namespace

ServerToolSet::ServerToolSet(Environment environment, std::vector<ToolServer> servers)
    : environment_(environment) {
  for (ToolServer& server : servers) {
    std::string name = server.name;
    clients_[name] = make_client(std::move(server));
  }
}

std::shared_ptr<Limiter> ServerToolSet::limiter_for(const ToolServer& server) {
  if (!server.command.empty()) return nullptr;
  std::erase_if(limiters_, [](const auto& named) { return named.second.expired(); });
  std::weak_ptr<Limiter>& known = limiters_[limiter_key(server)];
  std::shared_ptr<Limiter> out = known.lock();
  if (out != nullptr) return out;
  out = std::make_shared<Limiter>(*environment_.loop, environment_.random,
                                  "tool server '" + server.name + "'", server.http.empty());
  known = out;
  return out;
}

std::shared_ptr<ServerClient> ServerToolSet::make_client(ToolServer server) {
  std::shared_ptr<Limiter> limiter = limiter_for(server);
  Environment environment = environment_;
  environment.listener = limiter.get();
  std::unique_ptr<ServerClient> inner;
  if (!server.http.empty()) {
    inner = std::make_unique<HttpToolClient>(environment, std::move(server));
  } else {
    inner = std::make_unique<mcp::McpClient>(environment, std::move(server));
  }
  return std::make_shared<GovernedClient>(std::move(inner), std::move(limiter), environment.random);
}

LimiterState ServerToolSet::limiter_state() const {
  LimiterState out;
  for (const auto& [key, known] : limiters_) {
    std::shared_ptr<Limiter> limiter = known.lock();
    if (limiter == nullptr) continue;
    out.waiting += limiter->waiting();
    out.in_flight += limiter->in_flight();
  }
  return out;
}

Result<std::shared_ptr<ServerClient>> ServerToolSet::find(const std::string& server) const {
  auto it = clients_.find(server);
  if (it != clients_.end()) return it->second;
  return fail(Code::kNotFound, "no tool server named '" + server + "' is configured");
}

std::string ServerToolSet::version(const std::string& server) const {
  auto it = clients_.find(server);
  return it == clients_.end() ? std::string() : it->second->version();
}

Task<Result<std::vector<contract::ToolDefinition>>> ServerToolSet::list_one(
    Context ctx, std::shared_ptr<ServerClient> client) {
  co_return co_await client->list(ctx);
}

Task<Result<std::vector<BoundTool>>> ServerToolSet::list(Context ctx,
                                                         std::vector<std::string> servers) {
  // Side by side: servers that have to be started do not wait for each other.
  std::vector<Task<Definitions>> tasks;
  for (const std::string& name : servers) {
    CO_TRY(auto client, find(name));
    tasks.push_back(list_one(ctx, std::move(client)));
  }
  std::vector<Definitions> lists = co_await async::when_all<Definitions>(ctx, std::move(tasks));
  std::vector<BoundTool> out;
  std::map<std::string, std::string> owner;
  for (size_t i = 0; i < servers.size(); ++i) {
    if (!lists[i]) co_return fail(std::move(lists[i]).error());
    for (contract::ToolDefinition& definition : *lists[i]) {
      auto [it, fresh] = owner.emplace(definition.name, servers[i]);
      if (!fresh) {
        co_return fail(Code::kFailedPrecondition, "tool '" + definition.name +
                                                      "' is offered by both '" + it->second +
                                                      "' and '" + servers[i] + "'");
      }
      BoundTool bound;
      bound.definition = std::move(definition);
      bound.server = servers[i];
      out.push_back(std::move(bound));
    }
  }
  co_return out;
}

Task<Result<std::string>> ServerToolSet::owner_of(Context ctx, std::string tool) {
  std::vector<std::string> all;
  for (const auto& [name, client] : clients_) all.push_back(name);
  CO_TRY(auto tools, co_await list(ctx, std::move(all)));
  for (const BoundTool& bound : tools) {
    if (bound.definition.name == tool) co_return bound.server;
  }
  co_return fail(Code::kNotFound, "no tool server offers a tool named '" + tool + "'");
}

Task<Result<ToolOutcome>> ServerToolSet::call(Context ctx, ToolInvocation invocation) {
  if (invocation.server.empty()) {
    CO_TRY(invocation.server, co_await owner_of(ctx, invocation.tool));
  }
  CO_TRY(auto client, find(invocation.server));
  co_return co_await client->call(ctx, std::move(invocation));
}

Task<void> ServerToolSet::retire_all(Context ctx, Clients clients) {
  Context bounded = ctx.with_timeout(limits::kDrainDeadline);
  async::Scope scope(ctx);
  for (auto& [name, client] : clients) scope.spawn(client->retire(bounded));
  co_await scope.join();
}

Task<void> ServerToolSet::reload(Context ctx, std::vector<ToolServer> servers) {
  Clients old;
  old.swap(clients_);
  for (ToolServer& server : servers) {
    std::string name = server.name;
    auto it = old.find(name);
    if (it != old.end() && it->second->server() == server) {
      clients_[name] = it->second;
      old.erase(it);
    } else {
      clients_[name] = make_client(std::move(server));
    }
  }
  co_await retire_all(ctx, std::move(old));
}

Task<void> ServerToolSet::close(Context ctx) {
  Clients clients;
  clients.swap(clients_);
  async::Scope scope(ctx);
  for (auto& [name, client] : clients) scope.spawn(client->close(ctx));
  co_await scope.join();
}

}  // namespace drover::tools
