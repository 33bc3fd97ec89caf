#include "api/steering.h"

#include "api/json_route.h"
#include "api/steer_read.h"
#include "base/limits/http.h"

namespace drover::api {
namespace {

using identity::Action;
using session::KillTarget;

constexpr size_t kMoveSlice = 200;

Failure bad_steering(std::string message) {
  return fail(Code::kInvalidArgument, std::move(message));
}

Json failure_json(const SessionId& id, const Error& error) {
  return Json::object().set("id", id.str()).set("error", error.message);
}

Task<Result<Json>> signal(Context ctx, Exchange& exchange, SteeringServices services) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  CO_TRY(std::string text, co_await exchange.request.read_all(ctx, limits::kHttpBodyBytesMax));
  Json payload;
  if (!text.empty()) {
    auto parsed = Json::parse(text);
    if (!parsed) co_return bad_steering("the body is not JSON: " + parsed.error().message);
    payload = std::move(*parsed);
  }
  std::string name = exchange.param("name");
  CO_TRY(uint64_t sequence, co_await services.sessions->signal(
                                ctx, exchange.principal, id, std::move(name), std::move(payload)));
  co_return body::accepted(sequence);
}

Result<session::ExtensionDecision> read_raise(const Json& json) {
  TRY_VOID(body::known(
      json, {"budget", "tokens", "time_s", "cost_usd", "steps", "spawns", "explanation"}));
  TRY(auto out, body::amounts(json));
  TRY(std::string budget, body::text(json, "budget"));
  out.budget = budget.empty() ? "tree" : budget;
  return out;
}

Task<Result<Json>> raise(Context ctx, Exchange& exchange, SteeringServices services) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  CO_TRY(Json json, co_await read_json(ctx, exchange));
  CO_TRY(auto decision, read_raise(json));
  CO_TRY(uint64_t sequence, co_await services.sessions->decide_extension(ctx, exchange.principal,
                                                                         id, std::move(decision)));
  co_return body::accepted(sequence);
}

/// The version that a session is moved to: named, or what new sessions get.
Result<session::AgentSpec> target_of(const SteeringServices& services, const TenantId& tenant,
                                     const std::string& agent, const std::string& version) {
  if (version.empty()) return services.agents->resolve(tenant, agent);
  TRY(session::AgentVersion found, services.agents->version(tenant, agent, version));
  return std::move(found.spec);
}

Task<Result<Json>> move_one(Context ctx, Exchange& exchange, SteeringServices services) {
  const TenantId& tenant = exchange.principal->tenant;
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  CO_TRY_VOID(identity::authorise(exchange.principal, Action::kManageAgents, tenant));
  CO_TRY(Json json, co_await read_json(ctx, exchange));
  CO_TRY_VOID(body::known(json, {"version", "explanation"}));
  CO_TRY(std::string version, body::text(json, "version"));
  CO_TRY(std::string why, body::text(json, "explanation"));
  CO_TRY(auto row, co_await services.sessions->find(ctx, exchange.principal, id));
  CO_TRY(auto spec, target_of(services, tenant, row.agent, version));
  Json out = Json::object().set("id", id.str()).set("from", row.agent_version);
  out.set("to", spec.version).set("moved", spec.version != row.agent_version);
  if (spec.version == row.agent_version) co_return out;
  CO_TRY(uint64_t sequence, co_await services.sessions->move(ctx, exchange.principal, id,
                                                             std::move(spec), std::move(why)));
  out.set("sequence", sequence);
  co_return out;
}

struct MoveAll {
  std::string from;
  session::AgentSpec to;
  std::string why;
};

Result<MoveAll> read_move_all(const Json& json, const SteeringServices& services,
                              const TenantId& tenant, const std::string& agent) {
  TRY_VOID(body::known(json, {"from", "to", "explanation"}));
  MoveAll out;
  TRY(out.from, body::text(json, "from"));
  TRY(std::string to, body::text(json, "to"));
  TRY(out.why, body::text(json, "explanation"));
  if (out.from.empty())
    return bad_steering("'from' is missing: the version whose sessions are moved");
  TRY(out.to, target_of(services, tenant, agent, to));
  if (out.to.version == out.from) return bad_steering("'from' and 'to' are the same version");
  return out;
}

Task<Result<Json>> move_all(Context ctx, Exchange& exchange, SteeringServices services) {
  const TenantId& tenant = exchange.principal->tenant;
  CO_TRY_VOID(identity::authorise(exchange.principal, Action::kManageAgents, tenant));
  CO_TRY(Json json, co_await read_json(ctx, exchange));
  CO_TRY(MoveAll move, read_move_all(json, services, tenant, exchange.param("name")));
  store::SessionFilter filter;
  filter.agent = exchange.param("name");
  filter.agent_version = move.from;
  filter.open = true;
  filter.limit = kMoveSlice;
  int64_t moved = 0;
  Json failed = Json::array();
  for (bool more = true; more;) {
    CO_TRY(auto rows, co_await services.sessions->list(ctx, exchange.principal, filter));
    more = rows.size() == kMoveSlice;
    for (const store::SessionRow& row : rows) {
      auto done =
          co_await services.sessions->move(ctx, exchange.principal, row.id, move.to, move.why);
      CO_TRY_VOID(ctx.check());
      if (done) {
        ++moved;
      } else if (failed.array_items()->size() < kMoveSlice) {
        failed.push(failure_json(row.id, done.error()));
      }
    }
    if (more) filter.before = rows.back().id;
  }
  Json out = Json::object().set("from", move.from).set("to", move.to.version);
  out.set("moved", moved).set("failed", std::move(failed));
  co_return out;
}

Result<KillTarget> read_target(const Json& json) {
  TRY_VOID(body::known(json, {"target", "what", "explanation"}));
  KillTarget out;
  TRY(std::string kind, body::text(json, "target"));
  TRY(out.what, body::text(json, "what"));
  if (kind == "session") {
    out.kind = KillTarget::Kind::kSession;
  } else if (kind == "tree") {
    out.kind = KillTarget::Kind::kTree;
  } else if (kind == "agent") {
    out.kind = KillTarget::Kind::kAgent;
  } else if (kind == "tenant") {
    out.kind = KillTarget::Kind::kTenant;
  } else {
    return bad_steering("'target' must be session, tree, agent or tenant");
  }
  if (out.what.empty()) return bad_steering("'what' is missing: the id or name of the " + kind);
  return out;
}

/// Whoever stops more than one tree answers for it; the operator may stop another tenant.
Result<identity::Principal> killer(const Exchange& exchange, const SteeringServices& services,
                                   KillTarget& target) {
  identity::Principal who = exchange.principal;
  if (target.kind == KillTarget::Kind::kSession || target.kind == KillTarget::Kind::kTree) {
    return who;
  }
  TenantId owner = who.tenant;
  if (target.kind == KillTarget::Kind::kTenant) {
    auto found = services.tenants->find(target.what);
    // Only an operator who might stop it may know which there are.
    if (!found && who.tenant == identity::default_tenant()) {
      TRY_VOID(identity::authorise(who, Action::kKillMany, who.tenant));
      return fail(std::move(found).error());
    }
    if (!found) return fail(Error(Code::kNotFound, "not found").with_reason("not_found"));
    owner = found->id;
    target.what = owner.str();
  }
  TRY_VOID(identity::authorise(who, Action::kKillMany, owner));
  who.tenant = owner;
  return who;
}

/// An agent that nobody knows and that never ran is a slip, which must not look like a success.
Result<void> check_agent_is_known(const SteeringServices& services, const TenantId& tenant,
                                  const session::AgentReference& named) {
  auto agent = services.agents->info(tenant, named.name);
  if (!agent) return fail(std::move(agent).error());
  if (named.version.empty()) return {};
  auto version = services.agents->version(tenant, named.name, named.version);
  if (!version) return fail(std::move(version).error());
  return {};
}

Task<Result<Json>> kill(Context ctx, Exchange& exchange, SteeringServices services) {
  CO_TRY(Json json, co_await read_json(ctx, exchange));
  CO_TRY(KillTarget target, read_target(json));
  CO_TRY(std::string why, body::text(json, "explanation"));
  CO_TRY(auto who, killer(exchange, services, target));
  const TenantId tenant = who.tenant;
  session::AgentReference agent;
  if (target.kind == KillTarget::Kind::kAgent) {
    CO_TRY(agent, co_await session::agent_meant(ctx, services.agents, services.journal, tenant,
                                                target.what));
    target.what = agent.name;
    target.version = agent.version;
  }
  CO_TRY(auto report,
         co_await services.sessions->kill(ctx, std::move(who), std::move(target), std::move(why)));
  if (report.never_there) CO_TRY_VOID(check_agent_is_known(services, tenant, agent));
  Json stopped = Json::array();
  for (const session::Killed& k : report.stopped) {
    stopped.push(Json::object().set("id", k.id.str()).set("agent", k.agent).set("was", k.was));
  }
  Json failed = Json::array();
  for (const auto& [id, error] : report.failed) failed.push(failure_json(id, error));
  Json out = Json::object().set("object", "kill").set("stopped", std::move(stopped));
  out.set("failed", std::move(failed));
  co_return out;
}

}  // namespace

void add_steering_routes(Router& router, SteeringServices services) {
  add_json<SteeringServices>(router, "POST", "/v1/sessions/{id}/signals/{name}", services, signal,
                             202);
  add_json<SteeringServices>(router, "POST", "/v1/sessions/{id}/budget", services, raise, 202);
  add_json<SteeringServices>(router, "POST", "/v1/sessions/{id}/move", services, move_one);
  add_json<SteeringServices>(router, "POST", "/v1/agents/{name}/move", services, move_all);
  add_json<SteeringServices>(router, "POST", "/v1/kill", services, kill);
}

}  // namespace drover::api
