#pragma once
// What a provider's answer says about its limits and about waiting: Retry-After in its three forms
// and the x-ratelimit-* headers of OpenAI, Azure and vLLM-like servers. Pure; absent or unreadable
// headers read as absent. Sources: OpenAI's SDK (retry-after-ms, else retry-after as seconds or an
// HTTP date; reset values are durations such as "6m0s" or "50ms").

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "dialect/dialect.h"

namespace drover::dialect {

struct RateLimits {
  std::optional<int64_t> limit_requests;
  std::optional<int64_t> remaining_requests;
  std::optional<Duration> reset_requests;
  std::optional<int64_t> limit_tokens;
  std::optional<int64_t> remaining_tokens;
  std::optional<Duration> reset_tokens;
  bool any() const;
};

RateLimits read_rate_limits(const HeaderLookup& headers);

/// How long to wait. A date counts from the answer's own Date header, so no clock is needed and a
/// skewed one does no harm; without a Date header it is ignored. At most a day.
std::optional<Duration> read_retry_after(const HeaderLookup& headers);

/// A duration as OpenAI writes it: "1s", "6m0s", "50ms", "1h2m3.5s"; plain digits are seconds.
std::optional<Duration> parse_reset(std::string_view text);

}  // namespace drover::dialect
