#pragma once
// Amounts of budgets as events have them, added up. A journal may come from elsewhere, and a
// provider may bill what it likes: no amount gives anything back, none counts for more than
// limits::kBudgetAmountMax, kBudgetUsdMax or kBudgetTimeMax, and a limit that cannot grow any more
// stays. So sums stay sums, whatever is folded. Pure.

#include <string_view>

#include "base/json.h"
#include "base/money.h"
#include "base/time.h"

namespace drover::session {

/// What counts of so many tokens, steps or spawns.
int64_t amount_of(int64_t n);
/// Of an event's member; nothing if it is not there.
int64_t amount_of(const Json& payload, std::string_view key);
Money cost_of(const Json& payload, std::string_view key);
/// Of a member in milliseconds.
Duration time_of(const Json& payload, std::string_view key);

/// A limit with so much more.
int64_t raised(int64_t limit, int64_t more);
Duration raised(Duration limit, Duration more);

}  // namespace drover::session
