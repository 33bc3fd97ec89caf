#include "session/amounts.h"

#include <algorithm>

#include "base/limits/session.h"

namespace drover::session {

int64_t amount_of(int64_t n) { return std::clamp<int64_t>(n, 0, limits::kBudgetAmountMax); }

int64_t amount_of(const Json& payload, std::string_view key) {
  return amount_of(payload.get_int(key).value_or(0));
}

Money cost_of(const Json& payload, std::string_view key) {
  auto written = payload.get_string(key);
  const Money cost = written ? Money::parse_usd(*written).value_or(Money()) : Money();
  return std::clamp(cost, Money(), Money::from_usd(limits::kBudgetUsdMax));
}

Duration time_of(const Json& payload, std::string_view key) {
  constexpr int64_t kMillisMax = limits::kBudgetTimeMax / 1ms;
  return std::clamp<int64_t>(payload.get_int(key).value_or(0), 0, kMillisMax) * Duration(1ms);
}

int64_t raised(int64_t limit, int64_t more) { return limit + std::min(more, INT64_MAX - limit); }

Duration raised(Duration limit, Duration more) {
  return limit + std::min(more, std::max(limits::kBudgetTimeMax - limit, Duration{}));
}

}  // namespace drover::session
