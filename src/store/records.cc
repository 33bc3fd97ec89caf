#include "store/records.h"

#include "base/bytes.h"
#include "base/limits/memory.h"

namespace drover::store {
namespace {

Result<void> check_text(std::string_view what, std::string_view text, size_t bytes_max) {
  if (text.size() > bytes_max) {
    return fail(Code::kInvalidArgument, std::string(what) + " has " + std::to_string(text.size()) +
                                            " bytes, more than the " + std::to_string(bytes_max) +
                                            " allowed");
  }
  if (!is_utf8(text)) return fail(Code::kInvalidArgument, std::string(what) + " is not UTF-8");
  return {};
}

}  // namespace

Result<void> check_record_name(const TenantId& tenant, std::string_view name_space,
                               std::string_view key) {
  if (tenant.empty()) return fail(Code::kInvalidArgument, "a record needs a tenant");
  if (name_space.empty()) return fail(Code::kInvalidArgument, "a record needs a namespace");
  if (key.empty()) return fail(Code::kInvalidArgument, "a record needs a key");
  TRY_VOID(check_text("the namespace", name_space, limits::kMemoryKeyBytesMax));
  return check_text("the key", key, limits::kMemoryKeyBytesMax);
}

Result<void> check_record(const TenantId& tenant, const Record& record, size_t value_bytes) {
  TRY_VOID(check_record_name(tenant, record.name_space, record.key));
  TRY_VOID(check_text("the text", record.text, limits::kMemoryValueBytesMax));
  TRY_VOID(check_text("the data class", record.data_class, limits::kMemoryClassBytesMax));
  if (value_bytes > limits::kMemoryValueBytesMax) {
    return fail(Code::kInvalidArgument,
                "the value has " + std::to_string(value_bytes) + " bytes, more than the " +
                    std::to_string(limits::kMemoryValueBytesMax) + " allowed");
  }
  return {};
}

Error version_conflict(std::string_view key, uint64_t expected, uint64_t actual) {
  return Error(Code::kAborted,
               "'" + std::string(key) + "' " +
                   (actual == 0 ? std::string("does not exist")
                                : "is at version " + std::to_string(actual)) +
                   ", expected " +
                   (expected == 0 ? std::string("none") : "version " + std::to_string(expected)));
}

}  // namespace drover::store
