#include "api/agents.h"

#include "api/json_route.h"
#include "api/steer_read.h"

namespace drover::api {
namespace {

using identity::Action;
using session::AgentInfo;
using session::AgentVersion;
using OpenCounts = std::map<std::string, uint64_t>;

Result<void> may(const Exchange& exchange, Action action) {
  return identity::authorise(exchange.principal, action, exchange.principal->tenant);
}

Json version_json(const AgentVersion& v, const OpenCounts& open) {
  Json out = Json::object().set("version", v.spec.version);
  if (v.deployed != WallTime()) out.set("deployed", format_rfc3339(v.deployed));
  out.set("configured", v.configured).set("draining", v.draining);
  auto it = open.find(v.spec.version);
  out.set("sessions_open", it == open.end() ? uint64_t{0} : it->second);
  return out;
}

Json agent_json(const AgentInfo& agent, OpenCounts open) {
  Json out = Json::object().set("name", agent.name).set("object", "agent");
  out.set("current", agent.current.empty() ? Json() : Json(agent.current));
  if (!agent.pinned.empty()) out.set("pinned", agent.pinned);
  Json versions = Json::array();
  for (const AgentVersion& v : agent.versions) {
    versions.push(version_json(v, open));
    open.erase(v.spec.version);
  }
  // What sessions still run although it is neither deployed nor configured any more.
  for (const auto& [version, sessions] : open) {
    Json gone = Json::object().set("version", version).set("configured", false);
    versions.push(gone.set("draining", true).set("sessions_open", sessions));
  }
  out.set("versions", std::move(versions));
  return out;
}

Task<Result<Json>> counted(Context ctx, TenantId tenant, AgentInfo agent, AgentServices services) {
  CO_TRY(auto open, co_await session::open_sessions_by_version(ctx, services.journal,
                                                               std::move(tenant), agent.name));
  co_return agent_json(agent, std::move(open));
}

Task<Result<session::AgentRegistry::Deployed>> deploy(Context ctx, Exchange& exchange,
                                                      AgentServices services) {
  CO_TRY_VOID(may(exchange, Action::kManageAgents));
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY(auto spec, session::AgentSpec::from_json(body));
  CO_TRY_VOID(services.check_agent(spec));
  if (services.check_data && !spec.data_class.empty()) {
    // It stays by its name: what that means may change.
    auto known = co_await services.check_data(ctx, exchange.principal->tenant, spec.data_class);
    if (!known) {
      known.error().message = "agent '" + spec.name + "': " + known.error().message;
      co_return fail(std::move(known).error());
    }
  }
  co_return co_await services.agents->deploy(ctx, exchange.principal->tenant, std::move(spec));
}

Task<void> answer_deploy(Context ctx, Exchange& exchange, AgentServices services) {
  auto done = co_await deploy(ctx, exchange, std::move(services));
  if (!done) {
    co_await respond_error(ctx, exchange, std::move(done).error());
    co_return;
  }
  Json out = Json::object().set("name", done->name).set("object", "agent.version");
  out.set("version", done->version).set("created", done->fresh);
  out.set("current", done->current.empty() ? Json() : Json(done->current));
  co_await respond_json(ctx, exchange, done->fresh ? 201 : 200, std::move(out));
}

Task<Result<Json>> list_agents(Context ctx, Exchange& exchange, AgentServices services) {
  CO_TRY_VOID(may(exchange, Action::kReadAgents));
  Json data = Json::array();
  for (AgentInfo& agent : services.agents->list(exchange.principal->tenant)) {
    CO_TRY(Json one, co_await counted(ctx, exchange.principal->tenant, std::move(agent), services));
    data.push(std::move(one));
  }
  co_return list_json(std::move(data), false);
}

Task<Result<Json>> show_agent(Context ctx, Exchange& exchange, AgentServices services) {
  CO_TRY_VOID(may(exchange, Action::kReadAgents));
  TenantId tenant = exchange.principal->tenant;
  CO_TRY(AgentInfo agent, services.agents->info(tenant, exchange.param("name")));
  std::string version = exchange.request.head().query_param("version").value_or(agent.current);
  if (version.empty()) version = agent.versions.front().spec.version;
  CO_TRY(AgentVersion shown, services.agents->version(tenant, agent.name, version));
  CO_TRY(Json out, co_await counted(ctx, std::move(tenant), std::move(agent), services));
  out.set("description", shown.spec.to_json());
  co_return out;
}

Task<Result<Json>> pin(Context ctx, Exchange& exchange, AgentServices services) {
  CO_TRY_VOID(may(exchange, Action::kManageAgents));
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY_VOID(body::known(body, {"version"}));
  const Json* version = body.find("version");
  if (version == nullptr || (!version->is_null() && !version->is_string())) {
    co_return fail(Code::kInvalidArgument, "'version' must be a version, or null for none");
  }
  TenantId tenant = exchange.principal->tenant;
  std::string name = exchange.param("name");
  std::string which = version->is_null() ? "" : *version->string();
  if (version->is_string() && which.empty()) {
    co_return fail(Code::kInvalidArgument, "'version' must be a version, or null for none");
  }
  CO_TRY_VOID(co_await services.agents->pin(ctx, tenant, name, std::move(which)));
  CO_TRY(AgentInfo agent, services.agents->info(tenant, name));
  co_return co_await counted(ctx, std::move(tenant), std::move(agent), services);
}

Task<Result<Json>> drain(Context ctx, Exchange& exchange, AgentServices services) {
  CO_TRY_VOID(may(exchange, Action::kManageAgents));
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY_VOID(body::known(body, {"version", "draining"}));
  std::string version(body.get_string("version").value_or(""));
  if (version.empty()) co_return fail(Code::kInvalidArgument, "'version' is missing");
  const Json* given = body.find("draining");
  if (given != nullptr && !given->is_bool()) {
    co_return fail(Code::kInvalidArgument, "'draining' must be true or false");
  }
  bool draining = given == nullptr || *given->boolean();
  TenantId tenant = exchange.principal->tenant;
  std::string name = exchange.param("name");
  CO_TRY_VOID(co_await services.agents->drain(ctx, tenant, name, version, draining));
  CO_TRY(AgentInfo agent, services.agents->info(tenant, name));
  CO_TRY(auto open,
         co_await session::open_sessions_by_version(ctx, services.journal, tenant, name));
  CO_TRY(AgentVersion shown, services.agents->version(tenant, name, version));
  Json out = version_json(shown, open);
  out.set("name", name).set("object", "agent.version");
  out.set("current", agent.current.empty() ? Json() : Json(agent.current));
  co_return out;
}

}  // namespace

void add_agent_routes(Router& router, AgentServices services) {
  router.add("POST", "/v1/agents", [services](Context ctx, Exchange& exchange) {
    return answer_deploy(ctx, exchange, services);
  });
  add_json<AgentServices>(router, "GET", "/v1/agents", services, list_agents);
  add_json<AgentServices>(router, "GET", "/v1/agents/{name}", services, show_agent);
  add_json<AgentServices>(router, "POST", "/v1/agents/{name}/pin", services, pin);
  add_json<AgentServices>(router, "POST", "/v1/agents/{name}/drain", services, drain);
}

}  // namespace drover::api
