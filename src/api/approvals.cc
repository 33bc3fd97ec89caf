#include "api/approvals.h"

#include "api/json_route.h"
#include "api/steer_read.h"

namespace drover::api {
namespace {

constexpr uint64_t kApprovalsListed = 100;
constexpr uint64_t kApprovalsListedMost = 1000;

Failure bad_decision(std::string message) {
  return fail(Code::kInvalidArgument, std::move(message));
}

Result<session::Resolution> read_resolution(const Json& json) {
  TRY_VOID(body::known(json, {"decision", "arguments", "explanation"}));
  session::Resolution out;
  TRY(std::string decision, body::text(json, "decision"));
  TRY(out.explanation, body::text(json, "explanation"));
  const Json* arguments = json.find("arguments");
  if (arguments != nullptr && decision != "edit") {
    return bad_decision("'arguments' go with the decision edit only");
  }
  if (decision == "approve") {
    out.outcome = "approved";
  } else if (decision == "deny") {
    out.outcome = "denied";
  } else if (decision == "edit") {
    out.outcome = "edited";
    if (arguments == nullptr) return bad_decision("to edit, give the 'arguments' to use");
    const std::string* text = arguments->string();
    out.arguments = text != nullptr ? *text : arguments->dump();
    auto parsed = Json::parse(*out.arguments);
    if (!parsed || !parsed->is_object()) return bad_decision("'arguments' must be a JSON object");
  } else {
    return bad_decision("'decision' must be approve, deny or edit");
  }
  return out;
}

Task<Result<Json>> resolve(Context ctx, Exchange& exchange, ApprovalServices services) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  CO_TRY(Json json, co_await read_json(ctx, exchange));
  CO_TRY(auto resolution, read_resolution(json));
  resolution.wait_id = exchange.param("wait_id");
  CO_TRY(uint64_t sequence,
         co_await services.sessions->resolve(ctx, exchange.principal, id, std::move(resolution)));
  co_return body::accepted(sequence);
}

Result<session::ExtensionDecision> read_decision(const Json& json) {
  TRY_VOID(body::known(json, {"granted", "tokens", "time_s", "explanation"}));
  std::optional<bool> granted = json.get_bool("granted");
  if (!granted) return bad_decision("'granted' must be true or false");
  TRY(auto out, body::amounts(json));
  if (!*granted && body::has_amounts(out)) return bad_decision("a refusal grants no amounts");
  out.granted = *granted;
  return out;
}

Task<Result<Json>> decide(Context ctx, Exchange& exchange, ApprovalServices services) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  CO_TRY(Json json, co_await read_json(ctx, exchange));
  CO_TRY(auto decision, read_decision(json));
  decision.request_id = exchange.param("request_id");
  CO_TRY(uint64_t sequence, co_await services.sessions->decide_extension(ctx, exchange.principal,
                                                                         id, std::move(decision)));
  co_return body::accepted(sequence);
}

/// The payload of one event, or an empty object if it was purged.
Task<Result<Json>> payload_at(Context ctx, identity::Principal who, SessionId id, uint64_t sequence,
                              session::SessionManager* sessions) {
  CO_TRY(auto events, co_await sessions->events(ctx, std::move(who), std::move(id), sequence, 1));
  if (events.empty() || events[0].payload.empty()) co_return Json::object();
  co_return Json::parse(events[0].payload);
}

const session::Extension* find_request(const session::State& state, const std::string& id) {
  for (const session::Extension& e : state.extensions) {
    if (e.request_id == id) return &e;
  }
  return nullptr;
}

/// What a person has to know of one wait.
Task<Result<Json>> wait_json(Context ctx, identity::Principal who, const session::State* state,
                             const session::Wait* wait, session::SessionManager* sessions) {
  Json out = Json::object().set("object", "approval").set("session", state->id.str());
  out.set("agent", state->agent.name).set("agent_version", state->agent.version);
  out.set("wait_id", session::wait_id(wait->sequence)).set("for", wait->what);
  if (wait->until) out.set("until", format_rfc3339(*wait->until));
  const session::Extension* request = find_request(*state, wait->request_id);
  uint64_t told_at = request == nullptr ? wait->sequence : request->sequence;
  CO_TRY(Json told, co_await payload_at(ctx, std::move(who), state->id, told_at, sessions));
  for (const char* name : {"tool", "arguments", "question", "request_id", "reason_code",
                           "explanation", "tokens", "time_ms", "expected_gain"}) {
    if (const Json* value = told.find(name)) out.set(name, *value);
  }
  co_return out;
}

/// Waits that a person answers: approvals, and budgets that somebody asked for.
bool for_a_person(const session::Wait& wait) {
  return wait.what == "approval" || (wait.what == "budget" && !wait.request_id.empty());
}

/// Adds what waits in one session.
Task<Result<void>> add_waits(Context ctx, identity::Principal who, SessionId id,
                             session::SessionManager* sessions, Json* data) {
  CO_TRY(auto state, co_await sessions->state(ctx, who, id));
  for (const session::Wait& wait : state.waits) {
    if (!for_a_person(wait)) continue;
    CO_TRY(Json one, co_await wait_json(ctx, who, &state, &wait, sessions));
    data->push(std::move(one));
  }
  co_return Result<void>();
}

Task<Result<Json>> list_approvals(Context ctx, Exchange& exchange, ApprovalServices services) {
  CO_TRY(uint64_t limit, query_limit(exchange, kApprovalsListed, kApprovalsListedMost));
  Json data = Json::array();
  if (auto one = exchange.request.head().query_param("session")) {
    CO_TRY(SessionId id, SessionId::parse(*one));
    CO_TRY_VOID(co_await add_waits(ctx, exchange.principal, id, services.sessions, &data));
    co_return list_json(std::move(data), false);
  }
  bool more = false;
  for (const char* what : {"approval", "budget"}) {
    store::SessionFilter filter;
    filter.waiting_for = what;
    filter.open = true;
    filter.limit = limit;
    CO_TRY(auto rows, co_await services.sessions->list(ctx, exchange.principal, std::move(filter)));
    more = more || rows.size() == limit;
    for (const store::SessionRow& row : rows) {
      auto added = co_await add_waits(ctx, exchange.principal, row.id, services.sessions, &data);
      if (!added && added.error().code != Code::kNotFound) co_return fail(std::move(added).error());
    }
  }
  co_return list_json(std::move(data), more);
}

}  // namespace

void add_approval_routes(Router& router, ApprovalServices services) {
  add_json<ApprovalServices>(router, "GET", "/v1/approvals", services, list_approvals);
  add_json<ApprovalServices>(router, "POST", "/v1/sessions/{id}/approvals/{wait_id}", services,
                             resolve, 202);
  add_json<ApprovalServices>(router, "POST", "/v1/sessions/{id}/extensions/{request_id}", services,
                             decide, 202);
}

}  // namespace drover::api
