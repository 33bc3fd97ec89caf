#include "api/placement.h"

#include <algorithm>

#include "api/failure.h"
#include "api/json_route.h"
#include "api/request_headers.h"
#include "api/steer_read.h"
#include "session/scratch_hop.h"

namespace drover::api {
namespace {

Json ranked_json(const road::Explanation::Ranked& r) {
  const road::ScoreParts& p = r.parts;
  Json out = Json::object();
  out.set("endpoint", r.endpoint).set("model", r.model).set("score", r.score);
  out.set("cost_usd", p.dollars()).set("moving_usd", p.moving_usd);
  out.set("cached_share", p.cached).set("first_token_s", p.first_token_s);
  out.set("cold_start_s", p.cold_start_s).set("answer_s", p.answer_s);
  out.set("scratch_usd", p.scratch_usd).set("scratch_s", p.scratch_s);
  out.set("moving_s", p.moving_s).set("queue_s", p.queue_s).set("load", p.load);
  out.set("carbon_kg_per_kwh", p.carbon).set("pool_steps", p.pool);
  if (r.preferred) out.set("preferred", true);
  if (!r.scratch.why.empty()) {
    Json scratch = Json::object().set("store", r.scratch.store).set("reason", r.scratch.why);
    out.set("scratch", std::move(scratch));
  }
  return out;
}

Json placement_words(const std::vector<std::string>& list) {
  Json out = Json::array();
  for (const std::string& word : list) out.push(word);
  return out;
}

Json explanation_json(const road::Explanation& e) {
  Json ranked = Json::array();
  for (const auto& r : e.ranked) ranked.push(ranked_json(r));
  Json rejected = Json::array();
  for (const road::Rejection& r : e.rejected) {
    Json one = Json::object().set("endpoint", r.endpoint).set("reason", r.reason);
    if (!r.rule.empty()) one.set("rule", r.rule);
    rejected.push(std::move(one));
  }
  Json epochs = Json::object();
  epochs.set("catalog", e.epochs.catalog).set("policy", e.epochs.policy);
  epochs.set("health", e.epochs.health);
  Json out = Json::object().set("object", "placement");
  out.set("data_class", e.data_class).set("prefer", road::preference_name(e.preference));
  if (!e.needs.empty()) out.set("needs", e.needs);
  if (e.level > 0) out.set("downgrade_level", e.level);
  if (!e.hardware.first.empty()) out.set("hardware_first", placement_words(e.hardware.first));
  if (!e.hardware.reserve.empty()) out.set("hardware_reserve", placement_words(e.hardware.reserve));
  out.set("ranked", std::move(ranked)).set("rejected", std::move(rejected));
  if (!e.unserved.empty()) out.set("unserved_models", placement_words(e.unserved));
  return out.set("epochs", std::move(epochs));
}

contract::DataClass class_of(const std::string& text) {
  contract::DataClass unreadable;
  unreadable.names = {"unreadable"};
  return contract::DataClass::parse(text).value_or(unreadable);
}

Result<void> check_members(const Json& json) {
  return body::known(json, {"agent", "models", "data_class", "needs", "prefer"});
}

Task<Result<Json>> ask(Context ctx, Exchange& exchange, PlacementServices services) {
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY_VOID(check_members(body));
  const TenantId& tenant = exchange.principal->tenant;
  CO_TRY_VOID(identity::authorise(exchange.principal, identity::Action::kCallModel, tenant));
  road::SupposedCall call;
  call.tenant = tenant.str();
  const Json* agent = body.find("agent");
  const bool of_agent = agent != nullptr && !agent->is_null();
  if (of_agent) {
    const std::string* name = agent->string();
    Result<session::AgentSpec> spec = name != nullptr ? services.agents->resolve(tenant, *name)
                                                      : session::AgentSpec::from_json(*agent);
    if (!spec) co_return fail(std::move(spec).error());
    call.ladder = spec->models;
    call.data_class = class_of(spec->data_class);
    call.preference = spec->prefer;
    call.needs = spec->needs;
    call.agent = spec->name;
    call.downgrade = spec->downgrade;
  }
  const Json* models = body.find("models");
  const Json::Array* names = models == nullptr ? nullptr : models->array_items();
  for (size_t i = 0; names != nullptr && i < names->size(); ++i) {
    if (const std::string* name = (*names)[i].string()) call.ladder.push_back(*name);
  }
  // An agent whose planner decides may name none, and needs no endpoint then.
  if (call.ladder.empty() && !of_agent) {
    co_return fail(Code::kInvalidArgument, "name an 'agent' or a list of 'models'");
  }
  CO_TRY(contract::DataClass data, stated_class(exchange.request.head().headers, body));
  call.data_class = contract::join(call.data_class, data);
  // As where a session begins: a misspelt class is the caller's mistake, and no lack of a place.
  if (services.check_class) CO_TRY_VOID(services.check_class(call.data_class));
  if (const Json* stated = body.find("needs"); stated != nullptr && !stated->is_null()) {
    CO_TRY(policy::Needs more, policy::Needs::from_json(*stated));
    call.needs = policy::Needs::join(call.needs, more);
  }
  if (auto name = body.get_string("prefer")) {
    call.preference = road::parse_preference(*name);
    if (!call.preference) {
      co_return fail(Code::kInvalidArgument,
                     "'prefer' is listed, balanced, cheapest, fastest, greenest or spare");
    }
  }
  co_await services.road->ask_outside(ctx, call.tenant, call.data_class);
  co_return explanation_json(services.road->explain(call));
}

Result<Json> placement_of(const contract::Event& event) {
  if (event.kind != contract::kind::kPlacementDecided) {
    return fail(Code::kInvalidArgument, "event " + std::to_string(event.sequence) + " is a " +
                                            event.kind + ", not a placement.decided");
  }
  if (event.payload.empty()) {
    return fail(Code::kNotFound, "what the event said was purged");
  }
  TRY(Json payload, Json::parse(event.payload));
  Json out = Json::object().set("sequence", event.sequence);
  out.set("time", format_rfc3339(event.time));
  for (Json::Member& m : *payload.members()) out.set(m.first, std::move(m.second));
  return out;
}

/// That event of the session, if one was named.
Task<Result<std::optional<contract::Event>>> event_named(Context ctx, Exchange& exchange,
                                                         PlacementServices services, SessionId id) {
  auto named = exchange.request.head().query_param("sequence");
  if (!named) co_return std::optional<contract::Event>();
  auto sequence = whole_number(*named);
  if (!sequence) {
    co_return fail(Code::kInvalidArgument, "'sequence' must be the number of an event");
  }
  CO_TRY(auto events,
         co_await services.sessions->events(ctx, exchange.principal, id, *sequence, 1));
  if (events.empty()) {
    co_return fail(Code::kNotFound, "there is no event " + std::to_string(*sequence));
  }
  co_return std::optional<contract::Event>(std::move(events.front()));
}

/// The newest placement.decided of the session, if it is among its last events.
Task<Result<Json>> last_placement(Context ctx, Exchange& exchange, PlacementServices services,
                                  SessionId id, uint64_t last) {
  constexpr uint64_t kLookedAt = 200;
  uint64_t from = last > kLookedAt ? last - kLookedAt + 1 : 1;
  CO_TRY(auto events, co_await services.sessions->events(ctx, exchange.principal, id, from,
                                                         static_cast<size_t>(kLookedAt)));
  Json out;
  for (const contract::Event& event : events) {
    if (event.kind != contract::kind::kPlacementDecided || event.payload.empty()) continue;
    CO_TRY(out, placement_of(event));
  }
  co_return out;
}

/// Where the session's scratch data lies, and how much there is; null: it has none that moves.
Task<Result<Json>> scratch_of(Context ctx, memory::Scratch* scratch, const session::State* state) {
  const std::string& pattern = state->agent.memory_namespace;
  if (scratch == nullptr || !memory::per_session(pattern)) co_return Json();
  memory::ScratchOwner owner;
  owner.session = state->id;
  owner.tenant = state->tenant;
  CO_TRY(owner.name_space,
         session::memory_namespace(pattern, state->labels, state->agent.name, state->id));
  std::string store = session::scratch_store_name(state->scratch_store);
  Json out = Json::object().set("store", store);
  CO_TRY(auto size, co_await scratch->size(ctx, std::move(owner), std::move(store)));
  if (!size.data_class.empty()) out.set("data_class", size.data_class);
  co_return out.set("records", size.records).set("bytes", size.bytes);
}

/// The event of the model call that a placement is of: its own attempt's, if that is to be found.
Task<Result<uint64_t>> call_of(Context ctx, Exchange& exchange, PlacementServices services,
                               const contract::Event* placed) {
  constexpr uint64_t kLookedAt = 200;
  uint64_t from = placed->causation;
  if (from == 0 || from >= placed->sequence) {
    co_return fail(Code::kNotFound, "the event does not say which call it is of");
  }
  uint64_t out = from;
  from = std::max(from, placed->sequence - std::min(placed->sequence, kLookedAt));
  CO_TRY(auto events, co_await services.sessions->events(ctx, exchange.principal, placed->session,
                                                         from, static_cast<size_t>(kLookedAt)));
  for (const contract::Event& event : events) {
    if (event.sequence >= placed->sequence) break;
    if (event.kind != contract::kind::kModelCall || event.attempt != placed->attempt) continue;
    if (event.causation == placed->causation) out = event.sequence;
  }
  co_return out;
}

/// The rung that it was made on: told after its placement where it was another than before.
Task<Result<size_t>> rung_of(Context ctx, Exchange& exchange, PlacementServices services,
                             const contract::Event* placed, size_t before) {
  CO_TRY(auto next, co_await services.sessions->events(ctx, exchange.principal, placed->session,
                                                       placed->sequence + 1, 1));
  const bool told = !next.empty() && next.front().kind == contract::kind::kDowngrade &&
                    next.front().causation == placed->causation &&
                    next.front().attempt == placed->attempt;
  if (!told) co_return before;
  CO_TRY(Json payload, Json::parse(next.front().payload));
  co_return static_cast<size_t>(std::max<int64_t>(payload.get_int("level").value_or(0), 0));
}

/// The call as the session would make it, and its data's class.
road::SupposedCall supposed(const session::State& state, const std::string& data_class) {
  road::SupposedCall call;
  call.tenant = state.tenant.str();
  call.data_class = class_of(data_class);
  call.ladder = state.planned_models.empty() ? state.agent.models : state.planned_models;
  call.preference = state.agent.prefer;
  call.needs = state.step_needs();
  call.agent = state.agent.name;
  // As for the call itself: models that a planner asked for are not exchanged for others.
  if (state.planned_models.empty()) call.downgrade = state.agent.downgrade;
  return call;
}

/// The call that was placed there, as it was: the session may have learnt more since, its agent
/// may be another, and another rung may hold.
Task<Result<road::SupposedCall>> supposed_then(Context ctx, Exchange& exchange,
                                               PlacementServices services,
                                               const contract::Event* placed, const Json* said) {
  CO_TRY(uint64_t made, co_await call_of(ctx, exchange, services, placed));
  CO_TRY(auto then,
         co_await services.sessions->state(ctx, exchange.principal, placed->session, made));
  road::SupposedCall call = supposed(then, said->get_text("data_class"));
  const size_t before = static_cast<size_t>(std::max<int64_t>(then.standing.level, 0));
  CO_TRY(call.level, co_await rung_of(ctx, exchange, services, placed, before));
  if (const Json* shown = said->find("request")) {
    call.needs.holds_images = shown->get_bool("images").value_or(false);
    call.needs.input_tokens = shown->get_int("input_tokens").value_or(0);
  }
  co_return call;
}

Task<Result<Json>> of_session(Context ctx, Exchange& exchange, PlacementServices services) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  CO_TRY(auto state, co_await services.sessions->state(ctx, exchange.principal, id));
  CO_TRY(auto named, co_await event_named(ctx, exchange, services, id));
  Json last;
  road::SupposedCall call = supposed(state, state.data_class);
  if (named) {
    CO_TRY(last, placement_of(*named));
    CO_TRY(call, co_await supposed_then(ctx, exchange, services, &*named, &last));
  } else {
    CO_TRY(last, co_await last_placement(ctx, exchange, services, id, state.last_sequence));
  }
  co_await services.road->ask_outside(ctx, call.tenant, call.data_class);
  CO_TRY(Json scratch, co_await scratch_of(ctx, services.scratch, &state));
  if (!scratch.is_null()) {
    road::ScratchAt at;
    at.store = scratch.get_text("store");
    at.bytes = static_cast<uint64_t>(scratch.get_int("bytes").value_or(0));
    at.data_class = class_of(scratch.get_text("data_class"));
    if (!at.data_class.unrestricted()) {
      contract::DataClass both = contract::join(call.data_class, at.data_class);
      co_await services.road->ask_outside(ctx, call.tenant, std::move(both));
    }
    call.scratch = std::move(at);
  }
  Json out = explanation_json(services.road->explain(call));
  out.set("session", id.str());
  if (!scratch.is_null()) out.set("scratch", std::move(scratch));
  if (!last.is_null()) {
    const Json* then = last.at("epochs", "catalog");
    const Json* rules = last.at("epochs", "policy");
    const Json* now = out.at("epochs", "catalog");
    const Json* rules_now = out.at("epochs", "policy");
    bool same = then != nullptr && rules != nullptr && *then == *now && *rules == *rules_now;
    out.set("facts_changed", !same);
    out.set("last", std::move(last));
  }
  // Endpoints are not all that decides: its planner may be where the data may not go.
  CO_TRY(Json failure, co_await failure_of(ctx, exchange.principal, *services.sessions, state));
  if (!failure.is_null()) out.set("failure", std::move(failure));
  co_return out;
}

}  // namespace

void add_placement_routes(Router& router, PlacementServices services) {
  add_json<PlacementServices>(router, "POST", "/v1/placement", services, ask);
  router.reads_data_class();
  add_json<PlacementServices>(router, "GET", "/v1/sessions/{id}/placement", services, of_session);
}

}  // namespace drover::api
