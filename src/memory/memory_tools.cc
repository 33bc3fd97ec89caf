#include "memory/memory_tools.h"

#include <algorithm>

#include "base/limits/memory.h"
#include "contract/data_class.h"
#include "contract/event.h"

namespace drover::memory {
namespace {

constexpr int64_t kSearchLimit = 10;
constexpr int64_t kListLimit = 50;

ToolOutcome outcome_of(std::string_view kind, std::string_view operation, const Scope& scope) {
  ToolOutcome out;
  out.event_kind = std::string(kind);
  out.event_payload = Json::object();
  out.event_payload.set("operation", operation).set("namespace", scope.name_space);
  return out;
}

/// What the model can put right itself.
bool is_callers_fault(const Error& error) {
  return error.code == Code::kInvalidArgument || error.code == Code::kNotFound ||
         error.code == Code::kAborted || error.code == Code::kPermissionDenied;
}

ToolOutcome refuse(ToolOutcome out, const Error& error) {
  out.is_error = true;
  out.content = "Error: " + error.message;
  out.event_payload.set("error", code_name(error.code));
  return out;
}

Result<std::string> text_argument(const Json& arguments, std::string_view name, bool required) {
  const Json* value = arguments.find(name);
  if (value == nullptr || value->is_null()) {
    if (!required) return std::string();
    return fail(Code::kInvalidArgument, "the argument '" + std::string(name) + "' is missing");
  }
  if (value->string() == nullptr) {
    return fail(Code::kInvalidArgument, "the argument '" + std::string(name) +
                                            "' must be a string, not " +
                                            std::string(value->type_name()));
  }
  return *value->string();
}

Result<std::optional<int64_t>> number_argument(const Json& arguments, std::string_view name,
                                               int64_t least) {
  const Json* value = arguments.find(name);
  if (value == nullptr || value->is_null()) return std::optional<int64_t>();
  const std::optional<int64_t> number = value->integer();
  if (!number || *number < least) {
    return fail(Code::kInvalidArgument, "the argument '" + std::string(name) +
                                            "' must be a whole number, at least " +
                                            std::to_string(least));
  }
  return number;
}

Result<size_t> limit_argument(const Json& arguments, int64_t usual) {
  TRY(std::optional<int64_t> limit, number_argument(arguments, "limit", 1));
  return static_cast<size_t>(
      std::min<int64_t>(limit.value_or(usual), int64_t{limits::kMemorySearchResultsMax}));
}

Result<Entry> write_arguments(const Json& arguments) {
  Entry out;
  TRY(out.key, text_argument(arguments, "key", true));
  TRY(out.text, text_argument(arguments, "text", true));
  if (const Json* value = arguments.find("value")) out.value = *value;
  TRY(std::optional<int64_t> expected, number_argument(arguments, "expected_version", 0));
  if (expected) out.expected_version = static_cast<uint64_t>(*expected);
  return out;
}

}  // namespace

Task<Result<ToolOutcome>> MemoryTools::write(Context ctx, Scope scope, Json arguments) {
  ToolOutcome out = outcome_of(contract::kind::kMemoryWrite, "put", scope);
  Result<Entry> entry = write_arguments(arguments);
  if (!entry) co_return refuse(std::move(out), entry.error());
  out.event_payload.set("key", entry->key);
  auto version = co_await memory_.write(ctx, std::move(scope), std::move(*entry));
  if (!version && is_callers_fault(version.error())) {
    co_return refuse(std::move(out), version.error());
  }
  if (!version) co_return fail(std::move(version).error());
  out.event_payload.set("version", *version);
  out.content = "Remembered (version " + std::to_string(*version) + ").";
  co_return out;
}

Task<Result<ToolOutcome>> MemoryTools::read(Context ctx, Scope scope, Json arguments) {
  ToolOutcome out = outcome_of(contract::kind::kMemoryRead, "get", scope);
  Result<std::string> key = text_argument(arguments, "key", true);
  if (!key) co_return refuse(std::move(out), key.error());
  out.event_payload.set("key", *key);
  auto record = co_await memory_.read(ctx, std::move(scope), std::move(*key));
  if (!record && is_callers_fault(record.error())) {
    co_return refuse(std::move(out), record.error());
  }
  if (!record) co_return fail(std::move(record).error());
  out.event_payload.set("version", record->version);
  out.data_class = record->data_class;
  out.content = record_json(*record).dump();
  co_return out;
}

Task<Result<ToolOutcome>> MemoryTools::search(Context ctx, Scope scope, Json arguments) {
  ToolOutcome out = outcome_of(contract::kind::kMemoryRead, "search", scope);
  Result<std::string> query = text_argument(arguments, "query", true);
  if (!query) co_return refuse(std::move(out), query.error());
  Result<size_t> limit = limit_argument(arguments, kSearchLimit);
  if (!limit) co_return refuse(std::move(out), limit.error());
  out.event_payload.set("query", *query);
  CO_TRY(auto found, co_await memory_.search(ctx, std::move(scope), std::move(*query), *limit));
  Json records = Json::array();
  for (const store::Found& f : found) {
    records.push(record_json(f.record));
    out.data_class = contract::join_texts(out.data_class, f.record.data_class);
  }
  out.event_payload.set("found", uint64_t{found.size()});
  out.content = Json::object().set("records", std::move(records)).dump();
  co_return out;
}

Task<Result<ToolOutcome>> MemoryTools::list(Context ctx, Scope scope, Json arguments) {
  ToolOutcome out = outcome_of(contract::kind::kMemoryRead, "list", scope);
  Result<std::string> prefix = text_argument(arguments, "prefix", false);
  if (!prefix) co_return refuse(std::move(out), prefix.error());
  Result<std::string> after = text_argument(arguments, "after", false);
  if (!after) co_return refuse(std::move(out), after.error());
  Result<size_t> limit = limit_argument(arguments, kListLimit);
  if (!limit) co_return refuse(std::move(out), limit.error());
  out.event_payload.set("prefix", *prefix);
  CO_TRY(auto records, co_await memory_.list(ctx, std::move(scope), std::move(*prefix),
                                             std::move(*after), *limit + 1));
  const bool more = records.size() > *limit;
  if (more) records.pop_back();
  Json keys = Json::array();
  for (const store::Record& record : records) {
    keys.push(record.key);
    out.data_class = contract::join_texts(out.data_class, record.data_class);
  }
  out.event_payload.set("found", uint64_t{records.size()});
  Json answer = Json::object();
  answer.set("keys", std::move(keys)).set("more", more);
  out.content = answer.dump();
  co_return out;
}

Task<Result<ToolOutcome>> MemoryTools::remove(Context ctx, Scope scope, Json arguments) {
  ToolOutcome out = outcome_of(contract::kind::kMemoryWrite, "delete", scope);
  Result<std::string> key = text_argument(arguments, "key", true);
  if (!key) co_return refuse(std::move(out), key.error());
  out.event_payload.set("key", *key);
  auto gone = co_await memory_.remove(ctx, std::move(scope), std::move(*key));
  if (!gone && is_callers_fault(gone.error())) co_return refuse(std::move(out), gone.error());
  if (!gone) co_return fail(std::move(gone).error());
  out.event_payload.set("found", uint64_t{*gone ? 1u : 0u});
  out.content = *gone ? "Forgotten." : "There was no such record.";
  co_return out;
}

Task<Result<ToolOutcome>> MemoryTools::execute(Context ctx, Scope scope, std::string name,
                                               std::string arguments) {
  if (!is_memory_tool(name)) co_return fail(Code::kNotFound, "no memory tool '" + name + "'");
  Result<Json> json = arguments.empty() ? Result<Json>(Json::object()) : Json::parse(arguments);
  if (json && !json->is_object()) {
    json = fail(Code::kInvalidArgument, "the arguments must be a JSON object");
  }
  if (!json) {
    const bool writes = name == "memory_write" || name == "memory_delete";
    const auto kind = writes ? contract::kind::kMemoryWrite : contract::kind::kMemoryRead;
    ToolOutcome out = outcome_of(kind, name, scope);
    co_return refuse(std::move(out), json.error());
  }
  if (name == "memory_write") co_return co_await write(ctx, std::move(scope), std::move(*json));
  if (name == "memory_read") co_return co_await read(ctx, std::move(scope), std::move(*json));
  if (name == "memory_search") co_return co_await search(ctx, std::move(scope), std::move(*json));
  if (name == "memory_list") co_return co_await list(ctx, std::move(scope), std::move(*json));
  co_return co_await remove(ctx, std::move(scope), std::move(*json));
}

}  // namespace drover::memory
