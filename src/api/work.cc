#include "api/work.h"

#include "api/json_route.h"
#include "base/limits/session.h"

namespace drover::api {
namespace {

Result<Duration> milliseconds(const Json& body, std::string_view key, Duration fallback) {
  const Json* value = body.find(key);
  if (value == nullptr || value->is_null()) return fallback;
  auto n = value->integer();
  if (!n || *n < 0) {
    return fail(Code::kInvalidArgument, std::string(key) + " must be a number of milliseconds");
  }
  return Duration(*n * 1'000'000);
}

Result<session::LeaseRequest> read_request(const Json& body) {
  session::LeaseRequest out;
  const Json* queues = body.find("queues");
  const Json::Array* names = queues == nullptr ? nullptr : queues->array_items();
  if (names == nullptr) {
    return fail(Code::kInvalidArgument, "'queues' must be a list of names");
  }
  for (const Json& name : *names) {
    const std::string* text = name.string();
    if (text == nullptr) return fail(Code::kInvalidArgument, "'queues' must be a list of names");
    out.queues.push_back(*text);
  }
  out.worker = std::string(body.get_string("worker").value_or(""));
  TRY(out.wait, milliseconds(body, "wait_ms", Duration{}));
  TRY(out.lease_time, milliseconds(body, "lease_ms", limits::kLeaseTime));
  out.most = static_cast<size_t>(std::max<int64_t>(1, body.get_int("max").value_or(1)));
  return out;
}

Task<Result<Json>> lease(Context ctx, Exchange& exchange, WorkServices services) {
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY(auto request, read_request(body));
  CO_TRY(auto leased,
         co_await services.sessions->lease(ctx, exchange.principal, std::move(request)));
  Json items = Json::array();
  for (session::Leased& one : leased) items.push(work_item_json(std::move(one)));
  co_return Json::object().set("items", std::move(items));
}

Task<Result<Json>> heartbeat(Context ctx, Exchange& exchange, WorkServices services) {
  CO_TRY(auto key, session::WorkKey::parse(exchange.param("lease")));
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY(Duration time, milliseconds(body, "lease_ms", limits::kLeaseTime));
  CO_TRY(WallTime expires,
         co_await services.sessions->heartbeat(ctx, exchange.principal, std::move(key), time));
  co_return Json::object().set("expires", format_rfc3339(expires));
}

std::string result_text(session::WorkAnswer answer) {
  Json out = Json::object();
  out.set("accepted", true).set("sequence", answer.sequence);
  out.set("next", answer.next ? work_item_json(std::move(*answer.next)) : Json());
  return out.dump();
}

Task<Result<TextOrPrepared>> result(Context ctx, Exchange& exchange, WorkServices services) {
  CO_TRY(auto key, session::WorkKey::parse(exchange.param("lease")));
  session::WorkResult result;
  CO_TRY(result.body, co_await read_json(ctx, exchange));
  CO_TRY(result.lease_time, milliseconds(result.body, "lease_ms", limits::kLeaseTime));
  result.next = result.body.get_bool("next").value_or(false);
  result.worker = std::string(result.body.get_string("worker").value_or(""));
  bool prepared = false;
  session::Ahead<session::WorkAnswer> ahead = [&](session::WorkAnswer answer) {
    prepared = true;
    return prepare_text(exchange, 200, result_text(std::move(answer)));
  };
  CO_TRY(auto answer,
         co_await services.sessions->finish_work(ctx, exchange.principal, std::move(key),
                                                 std::move(result), std::move(ahead)));
  if (prepared) co_return TextOrPrepared();
  co_return result_text(std::move(answer));
}

}  // namespace

Json work_item_json(session::Leased leased) {
  session::WorkItem& item = leased.item;
  Json out = Json::object();
  out.set("lease", item.key.str()).set("session", item.key.session.str());
  out.set("sequence", item.key.sequence).set("attempt", static_cast<int64_t>(item.key.attempt));
  out.set("kind", item.plan ? "plan" : "tool_call").set("expires", format_rfc3339(leased.expires));
  for (Json::Member& m : *item.body.members()) {
    if (out.find(m.first) == nullptr) out.set(m.first, std::move(m.second));
  }
  return out;
}

void add_work_routes(Router& router, WorkServices services) {
  add_json<WorkServices>(router, "POST", "/v1/work/lease", services, lease);
  add_json<WorkServices>(router, "POST", "/v1/work/{lease}/heartbeat", services, heartbeat);
  add_json<WorkServices>(router, "POST", "/v1/work/{lease}/result", services, result);
}

}  // namespace drover::api
