#include "api/work.h"

#include "api/json_route.h"
#include "api/request_headers.h"
#include "api/steer_read.h"
#include "base/json_members.h"
#include "base/limits/session.h"
#include "contract/data_class.h"

namespace drover::api {
namespace {

constexpr size_t kItemBytesUsual = 512;

Result<session::LeaseRequest> read_request(const Json& body) {
  TRY_VOID(body::known(body, {"queues", "worker", "wait_ms", "max", "lease_ms"}));
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
  TRY(out.worker, body::text(body, "worker"));
  TRY(out.wait, body::milliseconds(body, "wait_ms", Duration{}));
  TRY(out.lease_time, body::milliseconds(body, "lease_ms", limits::kLeaseTime));
  TRY(std::optional<int64_t> most, body::count(body, "max"));
  out.most = static_cast<size_t>(most.value_or(1));
  return out;
}

Task<Result<TextOrPrepared>> lease(Context ctx, Exchange& exchange, WorkServices services) {
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY(auto request, read_request(body));
  CO_TRY(auto leased,
         co_await services.sessions->lease(ctx, exchange.principal, std::move(request)));
  std::string items;
  for (const session::Leased& one : leased) {
    if (!items.empty()) items += ',';
    append_work_item(items, one);
  }
  co_return R"({"items":[)" + items + "]}";
}

Task<Result<Json>> heartbeat(Context ctx, Exchange& exchange, WorkServices services) {
  CO_TRY(auto key, session::WorkKey::parse(exchange.param("lease")));
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY_VOID(body::known(body, {"lease_ms"}));
  CO_TRY(Duration time, body::milliseconds(body, "lease_ms", limits::kLeaseTime));
  CO_TRY(WallTime expires,
         co_await services.sessions->heartbeat(ctx, exchange.principal, std::move(key), time));
  co_return Json::object().set("expires", format_rfc3339(expires));
}

/// Whether a worker states a class of its result.
bool states_class(const http::Headers& headers, const Json& body) {
  const Json* stated = body.find("data_class");
  return (stated != nullptr && !stated->is_null()) || headers.has(kDataClassHeader);
}

/// The class that it states. What this server may not hold is a wrong result, which the worker
/// gives back with these words.
Task<Result<std::string>> read_class(Context ctx, const http::Headers* headers, const Json* body,
                                     TenantId tenant, const WorkServices* services) {
  if (body->find("content") == nullptr) {
    co_return fail(Code::kInvalidArgument, "a 'data_class' goes with a 'content'");
  }
  CO_TRY(contract::DataClass data, stated_class(*headers, *body));
  std::string text = data.text();
  if (!services->check_data) co_return text;
  auto checked = co_await services->check_data(ctx, std::move(tenant), std::move(text));
  if (!checked && checked.error().code == Code::kPermissionDenied) {
    checked.error().code = Code::kInvalidArgument;
  }
  co_return checked;
}

std::string result_text(const session::WorkAnswer& answer) {
  std::string out = R"({"accepted":true,"sequence":)" + std::to_string(answer.sequence);
  out += R"(,"next":)";
  append_work_item(out, answer.next);
  return out += '}';
}

Task<Result<TextOrPrepared>> result(Context ctx, Exchange& exchange, WorkServices services) {
  CO_TRY(auto key, session::WorkKey::parse(exchange.param("lease")));
  session::WorkResult result;
  CO_TRY(result.body, co_await read_json(ctx, exchange));
  CO_TRY_VOID(body::known(result.body, {"plan", "content", "is_error", "data_class", "error",
                                        "next", "worker", "lease_ms"}));
  const http::Headers& headers = exchange.request.head().headers;
  if (states_class(headers, result.body)) {
    CO_TRY(result.data_class,
           co_await read_class(ctx, &headers, &result.body, exchange.principal->tenant, &services));
  }
  CO_TRY(result.lease_time, body::milliseconds(result.body, "lease_ms", limits::kLeaseTime));
  result.next = result.body.get_bool("next").value_or(false);
  CO_TRY(result.worker, body::text(result.body, "worker"));
  bool prepared = false;
  session::Ahead<session::WorkAnswer> ahead = [&](const session::WorkAnswer& answer) {
    prepared = true;
    return prepare_text(exchange, 200, result_text(answer));
  };
  CO_TRY(auto answer,
         co_await services.sessions->finish_work(ctx, exchange.principal, std::move(key),
                                                 std::move(result), std::move(ahead)));
  if (prepared) co_return TextOrPrepared();
  co_return result_text(answer);
}

}  // namespace

void append_work_item(std::string& text, const session::Leased& leased) {
  const session::WorkItem& item = leased.item;
  JsonMembers out;
  out.reserve(kItemBytesUsual);
  out.add("lease", item.key.str());
  out.add("session", item.key.session.str());
  out.add("sequence", static_cast<int64_t>(item.key.sequence));
  out.add("attempt", static_cast<int64_t>(item.key.attempt));
  out.add("kind", item.plan ? "plan" : "tool_call");
  out.add("expires", format_rfc3339(leased.expires));
  for (const auto& [name, value] : *item.body.members()) {
    if (name == "session" || name == "attempt") continue;  // a question says them too
    if (const std::string* said = value.string()) {
      out.add(name, *said);
    } else {
      out.add(name, value);
    }
  }
  text.reserve(text.size() + out.inside().size() + 3);  // and the end of what it stands in
  text += '{';
  text += out.inside();
  text += '}';
}

void append_work_item(std::string& text, const std::optional<session::Leased>& leased) {
  if (leased) {
    append_work_item(text, *leased);
  } else {
    text += "null";
  }
}

void add_work_routes(Router& router, WorkServices services) {
  add_json<WorkServices>(router, "POST", "/v1/work/lease", services, lease);
  add_json<WorkServices>(router, "POST", "/v1/work/{lease}/heartbeat", services, heartbeat);
  add_json<WorkServices>(router, "POST", "/v1/work/{lease}/result", services, result);
  router.reads_data_class();
}

}  // namespace drover::api
