#include "memory/memory.h"

#include "base/bytes.h"

namespace drover::memory {

Task<Result<uint64_t>> Memory::write(Context ctx, Scope scope, Entry entry) {
  store::Record record;
  record.name_space = std::move(scope.name_space);
  record.key = std::move(entry.key);
  record.text = std::move(entry.text);
  record.value = std::move(entry.value);
  record.source = std::move(scope.source);
  co_return co_await records_.put(ctx, scope.tenant, std::move(record), entry.expected_version);
}

Task<Result<store::Record>> Memory::read(Context ctx, Scope scope, std::string key) {
  co_return co_await records_.get(ctx, scope.tenant, scope.name_space, key);
}

Task<Result<std::vector<store::Record>>> Memory::list(Context ctx, Scope scope, std::string prefix,
                                                      std::string after, size_t limit) {
  co_return co_await records_.list(ctx, scope.tenant, scope.name_space, prefix, after, limit);
}

Task<Result<bool>> Memory::remove(Context ctx, Scope scope, std::string key) {
  co_return co_await records_.remove(ctx, scope.tenant, scope.name_space, key);
}

Task<Result<std::vector<store::Found>>> Memory::search(Context ctx, Scope scope, std::string query,
                                                       size_t limit) {
  co_return co_await records_.search(ctx, scope.tenant, scope.name_space, query, limit);
}

Json record_json(const store::Record& record) {
  Json out = Json::object();
  out.set("key", record.key).set("text", record.text);
  if (!record.value.is_null()) out.set("value", record.value);
  out.set("version", record.version);
  out.set("created", format_rfc3339(record.created)).set("updated", format_rfc3339(record.updated));
  if (!record.source.empty()) out.set("source", record.source.str());
  return out;
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
