#pragma once
// Internal to src/session: how the parts of an agent's description are read. Errors name the field
// and begin with "agent:".

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace drover::session::read {

Failure bad(std::string message);
Result<void> members(const Json& object, const std::string& where,
                     std::initializer_list<std::string_view> known);
/// A number counts as its text (version: 3).
Result<std::string> text(const Json& object, std::string_view key, std::string fallback);
/// A list of names, or one name.
Result<std::vector<std::string>> names(const Json& object, std::string_view key);
Result<std::optional<int64_t>> positive(const Json& object, std::string_view key);
Result<std::optional<double>> number(const Json& object, std::string_view key, double most);
Result<bool> flag(const Json& object, std::string_view key, bool fallback);
/// Seconds, with a fraction if need be; more than 0.
Result<std::optional<Duration>> seconds(const Json& object, std::string_view key);
Json seconds_json(Duration d);

}  // namespace drover::session::read
