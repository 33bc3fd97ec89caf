// Any bytes as the fields in which servers tell of their limits: what is read is within its bounds,
// and the same fields in the other order say the same.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits/tool_calls.h"
#include "tools/rate_headers.h"

namespace {

using drover::Duration;

void check(const drover::tools::RateWord& word) {
  const Duration day = std::chrono::hours(24);
  auto sane = [day](const std::optional<Duration>& d) {
    if (d && (*d < Duration::zero() || *d > day)) __builtin_trap();
  };
  sane(word.retry_after);
  if (word.quotas.size() > drover::limits::kRateQuotasMax) __builtin_trap();
  for (const auto& quota : word.quotas) {
    sane(quota.reset);
    sane(quota.window);
    if (quota.left < 0 || quota.limit.value_or(0) < 0) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr std::string_view kNames[] = {"ratelimit",
                                         "ratelimit-policy",
                                         "ratelimit-limit",
                                         "ratelimit-remaining",
                                         "ratelimit-reset",
                                         "x-ratelimit-remaining",
                                         "x-ratelimit-reset",
                                         "x-rate-limit-limit",
                                         "x-rate-limit-remaining",
                                         "retry-after",
                                         "date"};
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  for (std::string_view name : kNames) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (!line.empty() && drover::http::is_field_value(line)) fields.emplace_back(name, line);
  }
  drover::http::Headers forward;
  drover::http::Headers backward;
  for (auto it = fields.begin(); it != fields.end(); ++it) forward.add(it->first, it->second);
  for (auto it = fields.rbegin(); it != fields.rend(); ++it) backward.add(it->first, it->second);
  auto now = drover::wall_from_unix_millis(1'790'000'000'000);
  auto one = drover::tools::read_rate_word(forward, now);
  auto two = drover::tools::read_rate_word(backward, now);
  check(one);
  if (one.quotas != two.quotas || one.retry_after != two.retry_after) __builtin_trap();
  return 0;
}
