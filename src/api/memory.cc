#include "api/memory.h"

#include "api/json_route.h"
#include "api/request_headers.h"
#include "api/steer_read.h"
#include "base/bytes.h"
#include "base/limits/memory.h"
#include "contract/data_class.h"

namespace drover::api {
namespace {

constexpr size_t kListUsual = 100;
constexpr size_t kListMost = 1000;
constexpr int64_t kSearchUsual = 10;

/// Authorises, and says whose memory is meant.
Result<memory::Scope> scope_of(const Exchange& exchange, identity::Action action) {
  TRY_VOID(identity::authorise(exchange.principal, action, exchange.principal->tenant));
  memory::Scope scope;
  scope.tenant = exchange.principal->tenant;
  scope.name_space = exchange.param("namespace");
  return scope;
}

/// Rules on purging look at the record's class: where there are some, it is read before.
Task<Result<memory::Scope>> scope_to_remove(Context ctx, Exchange& exchange,
                                            MemoryServices services) {
  const identity::Principal& who = exchange.principal;
  constexpr identity::Action kAction = identity::Action::kPurge;
  if (who.gate == nullptr || !who.gate->has_rules()) co_return scope_of(exchange, kAction);
  memory::Scope scope;
  scope.tenant = who.tenant;
  scope.name_space = exchange.param("namespace");
  std::string key = exchange.param("key");
  auto record = co_await services.memory->read(ctx, scope, std::move(key));
  identity::Subject subject;
  subject.owner = who.tenant;
  subject.record = record.has_value();
  if (record) subject.data_class = record->data_class;
  // Whoever may purge nothing is not told what there is.
  CO_TRY_VOID(co_await identity::authorise_asking(ctx, who, kAction, std::move(subject)));
  if (!record) co_return fail(std::move(record).error());
  co_return scope;
}

Json record_answer(const store::Record& record) {
  Json out = Json::object().set("object", "memory").set("namespace", record.name_space);
  Json rest = memory::record_json(record);
  for (Json::Member& m : *rest.members()) out.set(m.first, std::move(m.second));
  return out;
}

/// The version that must be stored, from the body or from If-Match (a number, quoted or not).
Result<std::optional<uint64_t>> expected_version(const Exchange& exchange, const Json& body) {
  std::optional<uint64_t> out;
  if (const Json* field = body.find("expected_version"); field != nullptr && !field->is_null()) {
    auto number = field->integer();
    if (!number || *number < 0) {
      return fail(Code::kInvalidArgument, "'expected_version' must be a whole number");
    }
    out = static_cast<uint64_t>(*number);
  }
  auto header = exchange.request.head().headers.get("if-match");
  if (!header) return out;
  std::string_view text = trim(*header);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  auto value = whole_number(text);
  if (!value) {
    return fail(Code::kInvalidArgument, "If-Match must be a record's version, such as 3");
  }
  if (out && *out != *value) {
    return fail(Code::kInvalidArgument, "If-Match and 'expected_version' name different versions");
  }
  out = *value;
  return out;
}

Result<std::string> read_record_class(const Exchange& exchange, const Json& body,
                                      const MemoryServices& services) {
  TRY(contract::DataClass data, stated_class(exchange.request.head().headers, body));
  return services.resolve ? services.resolve(data.text()) : data.text();
}

Result<memory::Entry> read_entry(const Exchange& exchange, const Json& json) {
  memory::Entry entry;
  entry.key = exchange.param("key");
  TRY_VOID(body::known(json, {"text", "value", "data_class", "expected_version"}));
  const Json* text = json.find("text");
  const Json* value = json.find("value");
  if (text != nullptr && !text->is_null()) {
    if (text->string() == nullptr) return fail(Code::kInvalidArgument, "'text' must be a text");
    entry.text = *text->string();
  }
  if (value != nullptr) entry.value = *value;
  if (text == nullptr && value == nullptr) {
    return fail(Code::kInvalidArgument, "a record needs 'text', 'value' or both");
  }
  TRY(entry.expected_version, expected_version(exchange, json));
  return entry;
}

Task<Result<Json>> put(Context ctx, Exchange& exchange, MemoryServices services) {
  CO_TRY(memory::Scope scope, scope_of(exchange, identity::Action::kWriteMemory));
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY(memory::Entry entry, read_entry(exchange, body));
  CO_TRY(entry.data_class, read_record_class(exchange, body, services));
  if (services.may_hold) {
    scope.may_hold = [ask = services.may_hold, tenant = scope.tenant](
                         Context below, std::string store, std::string data_class) {
      return ask(below, tenant, std::move(store), std::move(data_class));
    };
  }
  std::string key = entry.key;
  CO_TRY(uint64_t version, co_await services.memory->write(ctx, scope, std::move(entry)));
  Json out = Json::object().set("object", "memory").set("namespace", scope.name_space);
  out.set("key", std::move(key)).set("version", version);
  co_return out;
}

Task<Result<Json>> get(Context ctx, Exchange& exchange, MemoryServices services) {
  CO_TRY(memory::Scope scope, scope_of(exchange, identity::Action::kReadMemory));
  std::string key = exchange.param("key");
  CO_TRY(auto record, co_await services.memory->read(ctx, std::move(scope), std::move(key)));
  co_return record_answer(record);
}

Task<Result<Json>> remove(Context ctx, Exchange& exchange, MemoryServices services) {
  CO_TRY(memory::Scope scope, co_await scope_to_remove(ctx, exchange, services));
  std::string key = exchange.param("key");
  CO_TRY(bool there, co_await services.memory->remove(ctx, std::move(scope), std::move(key)));
  if (!there) co_return fail(Code::kNotFound, "there is no such record");
  co_return Json::object().set("deleted", true);
}

Task<Result<Json>> list_memory(Context ctx, Exchange& exchange, MemoryServices services) {
  CO_TRY(memory::Scope scope, scope_of(exchange, identity::Action::kReadMemory));
  CO_TRY(uint64_t limit, query_limit(exchange, kListUsual, kListMost));
  const http::RequestHead& head = exchange.request.head();
  std::string prefix = head.query_param("prefix").value_or("");
  std::string after = head.query_param("after").value_or("");
  CO_TRY(auto records, co_await services.memory->list(ctx, std::move(scope), std::move(prefix),
                                                      std::move(after), limit));
  Json data = Json::array();
  for (const store::Record& record : records) data.push(record_answer(record));
  co_return list_json(std::move(data), records.size() == limit);
}

Task<Result<Json>> search(Context ctx, Exchange& exchange, MemoryServices services) {
  CO_TRY(memory::Scope scope, scope_of(exchange, identity::Action::kReadMemory));
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY_VOID(body::known(body, {"query", "limit"}));
  auto query = body.get_string("query");
  if (!query) co_return fail(Code::kInvalidArgument, "'query' must be a text");
  int64_t limit = body.get_int("limit").value_or(kSearchUsual);
  if (limit < 1 || limit > static_cast<int64_t>(limits::kMemorySearchResultsMax)) {
    co_return fail(Code::kInvalidArgument,
                   "'limit' must be from 1 to " + std::to_string(limits::kMemorySearchResultsMax));
  }
  std::string words(*query);
  CO_TRY(auto found, co_await services.memory->search(ctx, std::move(scope), std::move(words),
                                                      static_cast<size_t>(limit)));
  Json data = Json::array();
  for (const store::Found& f : found) {
    Json item = record_answer(f.record);
    item.set("score", f.score);
    data.push(std::move(item));
  }
  co_return list_json(std::move(data), false);
}

}  // namespace

void add_memory_routes(Router& router, MemoryServices services) {
  add_json<MemoryServices>(router, "GET", "/v1/memory/{namespace}", services, list_memory);
  add_json<MemoryServices>(router, "POST", "/v1/memory/{namespace}/search", services, search);
  add_json<MemoryServices>(router, "GET", "/v1/memory/{namespace}/{key}", services, get);
  add_json<MemoryServices>(router, "PUT", "/v1/memory/{namespace}/{key}", services, put);
  router.reads_data_class();
  add_json<MemoryServices>(router, "DELETE", "/v1/memory/{namespace}/{key}", services, remove);
}

}  // namespace drover::api
