#include "memory/memory.h"

#include <algorithm>
#include <map>

#include "base/bytes.h"
#include "base/limits/memory.h"
#include "base/limits/store.h"
#include "contract/data_class.h"
#include "contract/retention.h"
#include "memory/scratch.h"

namespace drover::memory {
namespace {

/// Asks for each class once: a namespace has few of them.
class Sight {
 public:
  /// `may_see` outlives it.
  explicit Sight(const MaySee& may_see) : may_see_(may_see) {}
  Task<bool> hides(Context ctx, std::string data_class) {
    auto known = hidden_.find(data_class);
    if (known != hidden_.end()) co_return known->second;
    auto seen = co_await may_see_(ctx, data_class);
    hidden_[data_class] = !seen;
    co_return !seen;
  }

 private:
  const MaySee& may_see_;
  std::map<std::string, bool> hidden_;
};

/// What a session may keep only for its work goes with it: its class is at least as strict. A
/// duration beside that ends it all the same.
Result<std::optional<WallTime>> end_of(const store::Record& record, WallTime now) {
  if (!contract::kept_for_the_work_only(record.data_class)) {
    return contract::kept_until(record.data_class, now);
  }
  if (!record.source.empty()) return contract::kept_at_most(record.data_class, now);
  return fail(Code::kInvalidArgument,
              "data of class '" + record.data_class +
                  "' may be kept only as long as a session works on it; a record outside of one "
                  "cannot hold it");
}

}  // namespace

Result<store::Records*> Memory::records_of(const std::string& store) const {
  if (store.empty()) return &records_;
  auto it = stores_.find(store);
  if (it != stores_.end()) return it->second;
  return fail(Code::kFailedPrecondition,
              "the store '" + store + "' is not configured here (stores: in drover.yaml)");
}

Task<Result<store::Records*>> Memory::find(Context ctx, const Scope* scope) {
  if (!scope->store.empty()) co_return records_of(scope->store);
  if (stores_.size() < 2) co_return &records_;
  CO_TRY(auto own, co_await records_.list(ctx, scope->tenant, scope->name_space, "", "", 1));
  if (!own.empty()) co_return &records_;
  for (const auto& [name, records] : stores_) {
    if (records == &records_) continue;
    CO_TRY(auto some, co_await records->list(ctx, scope->tenant, scope->name_space, "", "", 1));
    if (!some.empty()) co_return records;
  }
  co_return &records_;
}

std::string Memory::name_of(const store::Records* records) const {
  for (const auto& [name, one] : stores_) {
    if (one == records) return name;
  }
  return {};
}

Task<Result<store::Records*>> Memory::find_to_write(Context ctx, const Scope* scope,
                                                    std::string data_class) {
  CO_TRY(store::Records * records, co_await find(ctx, scope));
  if (!scope->may_hold) co_return records;
  CO_TRY_VOID(co_await scope->may_hold(ctx, name_of(records), std::move(data_class)));
  // Whoever was asked took his time: what was asked of one store is no answer for another.
  CO_TRY(store::Records * now, co_await find(ctx, scope));
  if (now == records) co_return records;
  co_return fail(Error(Code::kUnavailable,
                       "the namespace '" + scope->name_space + "' moved to another store",
                       Retry::kAfter));
}

Result<void> Memory::may_change(const Scope& scope) const {
  if (scratch_ == nullptr || !scratch_->moving(scope.tenant, scope.name_space)) return {};
  return fail(Error(Code::kUnavailable,
                    "the namespace '" + scope.name_space + "' is being moved to another store",
                    Retry::kAfter));
}

void Memory::changed(const Scope& scope) {
  if (scratch_ != nullptr) scratch_->changed(scope.tenant, scope.name_space);
}

Task<Result<uint64_t>> Memory::write(Context ctx, Scope scope, Entry entry) {
  CO_TRY_VOID(may_change(scope));
  store::Record record;
  record.data_class = contract::join_texts(scope.data_class, entry.data_class);
  CO_TRY(store::Records * records, co_await find_to_write(ctx, &scope, record.data_class));
  // A move may have begun meanwhile: it copies what is there when it begins.
  CO_TRY_VOID(may_change(scope));
  changed(scope);
  record.name_space = scope.name_space;
  record.key = std::move(entry.key);
  record.text = std::move(entry.text);
  record.value = std::move(entry.value);
  record.source = std::move(scope.source);
  CO_TRY(record.expires, end_of(record, ctx.loop().wall()));
  co_return co_await records->put(ctx, scope.tenant, std::move(record), entry.expected_version);
}

Task<Result<store::Record>> Memory::read(Context ctx, Scope scope, std::string key) {
  CO_TRY(store::Records * records, co_await find(ctx, &scope));
  CO_TRY(auto record, co_await records->get(ctx, scope.tenant, scope.name_space, key));
  if (scope.may_see) CO_TRY_VOID(co_await scope.may_see(ctx, record.data_class));
  co_return record;
}

Task<Result<std::vector<store::Record>>> Memory::list(Context ctx, Scope scope, std::string prefix,
                                                      std::string after, size_t limit) {
  CO_TRY(store::Records * records, co_await find(ctx, &scope));
  if (!scope.may_see) {
    co_return co_await records->list(ctx, scope.tenant, scope.name_space, prefix, after, limit);
  }
  Sight sight(scope.may_see);
  std::vector<store::Record> out;
  for (bool more = true; more && out.size() < limit;) {
    CO_TRY(auto slice, co_await records->list(ctx, scope.tenant, scope.name_space, prefix, after,
                                              limits::kStoreRowsMax));
    more = slice.size() == limits::kStoreRowsMax;
    if (more) after = slice.back().key;
    for (store::Record& record : slice) {
      if (out.size() == limit) break;
      bool hidden = co_await sight.hides(ctx, record.data_class);
      if (!hidden) out.push_back(std::move(record));
    }
  }
  co_return out;
}

Task<Result<bool>> Memory::remove(Context ctx, Scope scope, std::string key) {
  CO_TRY_VOID(may_change(scope));
  CO_TRY(store::Records * records, co_await find(ctx, &scope));
  changed(scope);
  co_return co_await records->remove(ctx, scope.tenant, scope.name_space, key);
}

Task<Result<std::vector<store::Found>>> Memory::search(Context ctx, Scope scope, std::string query,
                                                       size_t limit) {
  CO_TRY(store::Records * records, co_await find(ctx, &scope));
  if (!scope.may_see) {
    co_return co_await records->search(ctx, scope.tenant, scope.name_space, query, limit);
  }
  // What may not be seen takes no place of what may, as far as a search reaches.
  CO_TRY(auto found, co_await records->search(ctx, scope.tenant, scope.name_space, query,
                                              limits::kMemorySearchResultsMax));
  Sight sight(scope.may_see);
  std::vector<store::Found> out;
  for (store::Found& f : found) {
    if (out.size() == limit) break;
    bool hidden = co_await sight.hides(ctx, f.record.data_class);
    if (!hidden) out.push_back(std::move(f));
  }
  co_return out;
}

Json record_json(const store::Record& record) {
  Json out = Json::object();
  out.set("key", record.key).set("text", record.text);
  if (!record.value.is_null()) out.set("value", record.value);
  out.set("version", record.version);
  out.set("created", format_rfc3339(record.created)).set("updated", format_rfc3339(record.updated));
  if (!record.source.empty()) out.set("source", record.source.str());
  if (!record.data_class.empty()) out.set("data_class", record.data_class);
  if (record.expires) out.set("expires", format_rfc3339(*record.expires));
  return out;
}

bool per_session(std::string_view pattern) {
  return pattern.find("{session}") != std::string_view::npos;
}

Result<std::string> namespace_for(std::string_view pattern, const NamespaceParts& parts) {
  std::string out;
  while (!pattern.empty()) {
    const size_t open = pattern.find('{');
    out += pattern.substr(0, open);
    if (open == std::string_view::npos) break;
    const size_t close = pattern.find('}', open);
    const std::string_view name =
        close == std::string_view::npos ? "" : pattern.substr(open + 1, close - open - 1);
    const std::string* value = name == "user"      ? &parts.user
                               : name == "agent"   ? &parts.agent
                               : name == "session" ? &parts.session
                                                   : nullptr;
    if (value == nullptr) {
      return fail(Code::kInvalidArgument, "a namespace knows {user}, {agent} and {session}, not '" +
                                              std::string(pattern.substr(open, 40)) + "'");
    }
    if (value->empty()) {
      return fail(Code::kInvalidArgument,
                  "the namespace names {" + std::string(name) + "}, but this session has none");
    }
    out += percent_encode(*value);
    pattern.remove_prefix(close + 1);
  }
  if (out.empty()) return fail(Code::kInvalidArgument, "the namespace is empty");
  return out;
}

}  // namespace drover::memory
