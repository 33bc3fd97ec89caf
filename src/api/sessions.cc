#include "api/sessions.h"

#include "api/failure.h"
#include "api/json_route.h"
#include "api/request_headers.h"
#include "api/session_events.h"
#include "api/standing.h"
#include "api/steer_read.h"
#include "api/work.h"
#include "base/limits/http.h"
#include "base/limits/session.h"
#include "contract/data_class.h"
#include "session/labels.h"

namespace drover::api {
namespace {

constexpr size_t kRowsMost = 1000;
constexpr int kCreated = 201;

Json session_row_json(const store::SessionRow& row) {
  Json out = Json::object();
  out.set("id", row.id.str());
  out.set("object", "session");
  out.set("agent", row.agent);
  out.set("agent_version", row.agent_version);
  out.set("status", row.status);
  if (!row.end_reason.empty()) out.set("end_reason", row.end_reason);
  out.set("created", format_rfc3339(row.created));
  out.set("updated", format_rfc3339(row.updated));
  out.set("events", row.last_sequence);
  out.set("trace_id", row.trace_id);
  if (!row.waiting_for.empty()) out.set("waiting_for", row.waiting_for);
  if (row.due) {
    // Of an ended session nothing else is due than its end.
    out.set(row.status == "ended" ? "kept_until" : "due", format_rfc3339(*row.due));
  }
  if (!row.parent.empty()) out.set("parent", row.parent.str());
  if (!row.root.empty() && row.root != row.id) out.set("root", row.root.str());
  return out;
}

Json waits_json(const session::State& state) {
  Json out = Json::array();
  for (const session::Wait& wait : state.waits) {
    Json one = Json::object();
    one.set("wait_id", session::wait_id(wait.sequence)).set("for", wait.what);
    if (!wait.name.empty()) one.set("name", wait.name);
    if (wait.until) one.set("until", format_rfc3339(*wait.until));
    if (!wait.request_id.empty()) one.set("request_id", wait.request_id);
    for (const session::PendingToolCall& call : state.tool_calls) {
      if (wait.what != "approval" || call.call_index != wait.call_index) continue;
      one.set("tool", call.call.name).set("arguments", call.call.arguments);
    }
    out.push(std::move(one));
  }
  return out;
}

Json children_json(const session::State& state) {
  Json out = Json::object();
  out.set("spawned", state.spawns).set("open", static_cast<int64_t>(state.open_children()));
  return out;
}

Json state_json(const session::State& state) {
  Json out = Json::object();
  Json messages = Json::array();
  for (const contract::Message& m : state.messages) messages.push(contract::to_json(m));
  if (state.status == session::Status::kWaiting) out.set("waiting_for", state.reason);
  if (!state.waits.empty()) out.set("waits", waits_json(state));
  if (state.spawns > 0) out.set("children", children_json(state));
  if (!state.labels.is_null()) out.set("labels", state.labels);
  if (!state.data_class.empty()) out.set("data_class", state.data_class);
  if (const session::Standing& s = state.standing; s.level > 0) {
    Json down = Json::object().set("level", s.level).set("what", s.what).set("why", s.why);
    out.set("downgrade", std::move(down));
  }
  out.set("steps", state.steps);
  out.set("usage", contract::to_json(state.usage));
  out.set("cost_usd", state.cost.usd());
  out.set("messages", std::move(messages));
  return out;
}

Result<contract::Message> read_message(const Json& value) {
  if (const std::string* text = value.string()) {
    return contract::Message::of_text(contract::Role::kUser, *text);
  }
  if (!value.is_object()) {
    return fail(Code::kInvalidArgument, "a message is a text or an object with 'content'");
  }
  TRY_VOID(body::known(value, {"content", "role", "name"}));
  Json message = value;
  if (message.find("role") == nullptr) message.set("role", "user");
  TRY(contract::Message parsed, contract::message_from_json(message));
  if (parsed.role != contract::Role::kUser) {
    return fail(Code::kInvalidArgument, "only messages of role 'user' can be posted");
  }
  return parsed;
}

Result<session::AgentSpec> read_agent(const Json& body, const TenantId& tenant,
                                      const SessionServices& services) {
  const Json* agent = body.find("agent");
  if (agent == nullptr) {
    return fail(Code::kInvalidArgument, "'agent' is missing: a configured name or a description");
  }
  if (const std::string* name = agent->string()) {
    return services.agents->resolve(tenant, *name);
  }
  TRY(session::AgentSpec spec, session::AgentSpec::from_json(*agent));
  TRY_VOID(services.check_agent(spec));
  return spec;
}

/// What the body states of its data, beside what is known of it already.
/// `stated` is that and what the headers state.
Task<Result<std::string>> read_data_class(Context ctx, contract::DataClass stated,
                                          std::string known, TenantId tenant,
                                          const SessionServices& services) {
  std::string out = contract::join_texts(known, stated.text());
  if (!services.check_data) co_return out;
  co_return co_await services.check_data(ctx, std::move(tenant), std::move(out));
}

Result<session::NewSession> read_new_session(const Json& json, const TenantId& tenant,
                                             const SessionServices& services) {
  session::NewSession out;
  // A misspelt class of data would be none at all.
  TRY_VOID(body::known(json, {"agent", "message", "labels", "data_class", "plan", "lease"}));
  TRY(out.agent, read_agent(json, tenant, services));
  if (const Json* message = json.find("message"); message != nullptr && !message->is_null()) {
    TRY(out.message, read_message(*message));
  }
  if (const Json* labels = json.find("labels"); labels != nullptr && !labels->is_null()) {
    TRY_VOID(session::check_labels(*labels));
    out.labels = *labels;
  }
  if (const Json* plan = json.find("plan"); plan != nullptr) out.plan = *plan;
  return out;
}

std::string begun_text(const session::BegunSession& begun) {
  std::string out = R"({"id":")" + begun.id.str() + R"(","object":"session","work":)";
  append_work_item(out, begun.work);
  return out += '}';
}

Task<Result<TextOrPrepared>> create_session(Context ctx, Exchange& exchange,
                                            SessionServices services) {
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY(auto spec, read_new_session(body, exchange.principal->tenant, services));
  CO_TRY(auto stated, stated_class(exchange.request.head().headers, body));
  CO_TRY(spec.data_class, co_await read_data_class(ctx, std::move(stated), spec.agent.data_class,
                                                   exchange.principal->tenant, services));
  const Json* lease = body.find("lease");
  if (lease == nullptr || lease->is_null()) {
    CO_TRY(SessionId id,
           co_await services.sessions->create(ctx, exchange.principal, std::move(spec)));
    CO_TRY(auto row, co_await services.sessions->find(ctx, exchange.principal, id));
    co_return session_row_json(row).dump();
  }
  // The creator asks for the session's first item at once: {"lease": {"lease_ms"}}.
  CO_TRY_VOID(body::known(*lease, {"lease_ms"}));
  CO_TRY(Duration time, body::milliseconds(*lease, "lease_ms", limits::kLeaseTime));
  bool prepared = false;
  session::Ahead<session::BegunSession> ahead = [&](const session::BegunSession& begun) {
    prepared = true;
    return prepare_text(exchange, kCreated, begun_text(begun));
  };
  CO_TRY(auto begun, co_await services.sessions->create_and_lease(
                         ctx, exchange.principal, std::move(spec), time, std::move(ahead)));
  if (prepared) co_return TextOrPrepared();
  co_return begun_text(begun);
}

Task<Result<Json>> list_sessions(Context ctx, Exchange& exchange, const SessionServices& services) {
  const http::RequestHead& head = exchange.request.head();
  store::SessionFilter filter;
  filter.agent = head.query_param("agent").value_or("");
  filter.status = head.query_param("status").value_or("");
  if (auto before = head.query_param("before")) {
    CO_TRY(filter.before, SessionId::parse(*before));
  }
  CO_TRY(filter.limit, query_limit(exchange, filter.limit, kRowsMost));
  size_t wanted = filter.limit;
  CO_TRY(auto rows, co_await services.sessions->list(ctx, exchange.principal, std::move(filter)));
  Json data = Json::array();
  for (const store::SessionRow& row : rows) data.push(session_row_json(row));
  Json out = Json::object().set("object", "list");
  out.set("has_more", rows.size() == wanted);
  out.set("data", std::move(data));
  co_return out;
}

/// What is left of a purged session: who, when and why.
Json purge_json(const contract::Event& event) {
  Json out = Json::object();
  out.set("time", format_rfc3339(event.time));
  out.set("by", event.actor.id).set("by_type", event.actor.type);
  auto payload = Json::parse(event.payload);
  if (payload) out.set("reason", payload->get_text("reason"));
  out.set("events", event.sequence - 1).set("last_hash", event.previous_hash);
  if (!event.data_class.empty()) out.set("data_class", event.data_class);
  return out;
}

Task<Result<Json>> purge(Context ctx, Exchange& exchange, const SessionServices& services) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  std::string reason = exchange.request.head().query_param("reason").value_or("");
  CO_TRY(std::string text, co_await exchange.request.read_all(ctx, limits::kHttpBodyBytesMax));
  if (!text.empty()) {
    CO_TRY(Json body, Json::parse(text));
    CO_TRY_VOID(body::known(body, {"reason"}));
    CO_TRY(reason, body::text(body, "reason"));
  }
  CO_TRY(auto purged,
         co_await services.sessions->purge(ctx, exchange.principal, id, std::move(reason)));
  Json out = Json::object().set("id", id.str()).set("object", "purge");
  out.set("already", purged.before).set("purge", purge_json(purged.event));
  co_return out;
}

/// A purged one has no state.
Task<Result<Json>> show_purged(Context ctx, Exchange& exchange, const SessionServices& services,
                               store::SessionRow row) {
  CO_TRY(auto events,
         co_await services.sessions->events(ctx, exchange.principal, row.id, row.last_sequence, 1));
  Json out = session_row_json(row);
  if (!events.empty()) out.set("purge", purge_json(events.front()));
  co_return out;
}

Task<Result<Json>> show_session(Context ctx, Exchange& exchange, const SessionServices& services) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  CO_TRY(auto row, co_await services.sessions->find(ctx, exchange.principal, id));
  if (store::purged(row)) {
    co_return co_await show_purged(ctx, exchange, services, std::move(row));
  }
  CO_TRY(auto state, co_await services.sessions->state(ctx, exchange.principal, id));
  add_standing(exchange.headers.make(), &state.standing);
  Json out = session_row_json(row);
  if (auto until = state.kept_until()) out.set("kept_until", format_rfc3339(*until));
  Json more = state_json(state);
  for (Json::Member& m : *more.members()) out.set(m.first, std::move(m.second));
  CO_TRY(Json failure, co_await failure_of(ctx, exchange.principal, *services.sessions, state));
  if (!failure.is_null()) out.set("failure", std::move(failure));
  co_return out;
}

Json accepted(uint64_t sequence) {
  return Json::object().set("accepted", true).set("sequence", sequence);
}

/// {"message": …, "data_class": …}, or the message itself with its class among its members.
Result<contract::Message> read_posted(const Json& json) {
  if (const Json* wrapped = json.find("message")) {
    TRY_VOID(body::known(json, {"message", "data_class"}));
    return read_message(*wrapped);
  }
  TRY_VOID(body::known(json, {"content", "role", "name", "data_class"}));
  Json message = Json::object();
  for (const Json::Member& m : *json.members()) {
    if (m.first != "data_class") message.set(m.first, m.second);
  }
  return read_message(message);
}

Task<Result<Json>> post_message(Context ctx, Exchange& exchange, const SessionServices& services) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY(auto message, read_posted(body));
  CO_TRY(auto stated, stated_class(exchange.request.head().headers, body));
  CO_TRY(std::string data_class, co_await read_data_class(ctx, std::move(stated), "",
                                                          exchange.principal->tenant, services));
  CO_TRY(uint64_t sequence,
         co_await services.sessions->post_message(ctx, exchange.principal, id, std::move(message),
                                                  std::move(data_class)));
  add_standing(exchange.headers.make(), services.sessions->standing(id));
  co_return accepted(sequence);
}

Task<Result<Json>> reward(Context ctx, Exchange& exchange, const SessionServices& services) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY_VOID(body::known(body, {"name", "value", "step", "source", "explanation"}));
  const Json* value = body.find("value");
  if (value == nullptr || !value->is_number() || !body.get_string("name")) {
    co_return fail(Code::kInvalidArgument, "a reward has a text 'name' and a number 'value'");
  }
  CO_TRY(uint64_t sequence, co_await services.sessions->reward(ctx, exchange.principal, id, body));
  co_return accepted(sequence);
}

Task<Result<Json>> cancel(Context ctx, Exchange& exchange, const SessionServices& services) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY_VOID(body::known(body, {"reason"}));
  CO_TRY(std::string why, body::text(body, "reason"));
  CO_TRY(uint64_t sequence,
         co_await services.sessions->cancel(ctx, exchange.principal, id, std::move(why)));
  co_return accepted(sequence);
}

Task<Result<Json>> import_session(Context ctx, Exchange& exchange,
                                  const SessionServices& services) {
  CO_TRY(std::string body, co_await exchange.request.read_all(ctx, limits::kHttpBodyBytesMax));
  std::vector<contract::Event> events;
  std::string_view rest = body;
  while (!rest.empty()) {
    size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (line.empty()) continue;
    auto event = contract::decode_event(line);
    if (!event) {
      Error error = std::move(event).error();
      error.message = "line " + std::to_string(events.size() + 1) + ": " + error.message;
      co_return fail(std::move(error));
    }
    events.push_back(std::move(*event));
  }
  CO_TRY(session::Imported taken,
         co_await services.sessions->import(ctx, exchange.principal, std::move(events)));
  CO_TRY(auto row, co_await services.sessions->find(ctx, exchange.principal, taken.id));
  Json out = session_row_json(row);
  if (!taken.detached.empty()) {
    Json from = Json::object().set("root", taken.claimed_root.str());
    if (!taken.claimed_parent.empty()) from.set("parent", taken.claimed_parent.str());
    out.set("detached", std::move(from.set("why", taken.detached)));
  }
  co_return out;
}

using JsonCall = Task<Result<Json>> (*)(Context, Exchange&, const SessionServices&);

Task<void> answer_json(Context ctx, Exchange& exchange, SessionServices services, JsonCall call,
                       int status) {
  auto result = co_await call(ctx, exchange, services);
  if (result) {
    co_await respond_json(ctx, exchange, status, std::move(*result));
  } else {
    co_await respond_error(ctx, exchange, std::move(result).error());
  }
}

}  // namespace

void add_session_routes(Router& router, SessionServices services) {
  auto json = [&](std::string method, std::string pattern, JsonCall call, int status) {
    router.add(std::move(method), std::move(pattern),
               [services, call, status](Context ctx, Exchange& exchange) {
                 return answer_json(ctx, exchange, services, call, status);
               });
  };
  add_json<SessionServices>(router, "POST", "/v1/sessions", services, create_session, kCreated);
  router.reads_data_class();
  json("GET", "/v1/sessions", list_sessions, 200);
  json("POST", "/v1/sessions/import", import_session, kCreated);
  json("GET", "/v1/sessions/{id}", show_session, 200);
  json("POST", "/v1/sessions/{id}/messages", post_message, 202);
  router.reads_data_class();
  json("POST", "/v1/sessions/{id}/rewards", reward, 202);
  json("POST", "/v1/sessions/{id}/cancel", cancel, 202);
  json("POST", "/v1/sessions/{id}/purge", purge, 200);
  json("DELETE", "/v1/sessions/{id}", purge, 200);
  add_session_event_routes(router, services.sessions);
}

}  // namespace drover::api
