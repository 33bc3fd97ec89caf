#pragma once
// Internal to src/dialect: what the dialects ask of a JSON object's members.

#include <initializer_list>
#include <optional>
#include <string_view>

#include "base/json.h"
#include "base/limits/contract.h"

namespace drover::dialect {

inline bool is_one_of(std::string_view key, std::initializer_list<std::string_view> names) {
  for (std::string_view name : names) {
    if (key == name) return true;
  }
  return false;
}

/// Null and empty members say nothing; servers differ in whether they send them.
inline bool is_nothing(const Json& value) {
  return value.is_null() || (value.is_array() && value.array_items()->empty()) ||
         (value.is_object() && value.members()->empty());
}

/// A number of tokens that can be one; nullopt otherwise.
inline std::optional<int64_t> token_count(const Json& json, std::string_view key) {
  std::optional<int64_t> n = json.get_int(key);
  return n && *n >= 0 && *n <= limits::kUsageTokensMax ? n : std::nullopt;
}

}  // namespace drover::dialect
