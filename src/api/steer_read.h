#pragma once
// Internal to src/api: reading the members of a small JSON body, with errors that name them.

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/money.h"
#include "base/time.h"
#include "session/manager.h"

namespace drover::api::body {

/// An error for a member that is not among these, so that a typing mistake is not silent. It names
/// the member, the one that was meant if there is a near one, and all that there are. And one for a
/// member that stands twice: only one of them would be read, and the other may be the stricter.
Result<void> known(const Json& body, std::initializer_list<std::string_view> names);
/// "" if absent.
Result<std::string> text(const Json& body, std::string_view name);
/// A whole number of at least 1.
Result<std::optional<int64_t>> count(const Json& body, std::string_view name);
/// A whole number of milliseconds.
Result<Duration> milliseconds(const Json& body, std::string_view name, Duration fallback);
/// tokens, time_s, cost_usd, steps, spawns and explanation.
Result<session::ExtensionDecision> amounts(const Json& body);
bool has_amounts(const session::ExtensionDecision& decision);
/// {"accepted": true, "sequence": …}
Json accepted(uint64_t sequence);

}  // namespace drover::api::body
