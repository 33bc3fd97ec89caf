#pragma once
// What an answer over HTTP says of the limits that its sender was measured against. Read are
//   RateLimit, RateLimit-Policy     draft-ietf-httpapi-ratelimit-headers-08 to -10 (structured
//                                   lists: "name";r=5;t=30 and "name";q=10;w=60), and the form of
//                                   -07 (limit=10, remaining=5, reset=30)
//   RateLimit-Limit, -Remaining, -Reset            the drafts before
//   X-RateLimit-Limit, -Remaining, -Reset, X-Rate-Limit-…   the habit before any draft; a reset is
//                                   seconds from now or, where it is that large, a Unix time
//   Retry-After                     RFC 9110 section 10.2.3
// Limits in other units than requests (content-bytes, concurrent-requests) are left aside.
//
// Pure; what cannot be read is as if absent. Limits: limits::kRateQuotasMax, kRateFieldBytesMax.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "http/message.h"

namespace drover::tools {

struct RateQuota {
  /// As the server names it, with its partition; "" where it does not.
  std::string name;
  std::optional<int64_t> limit;  // requests in a window
  int64_t left = 0;
  std::optional<Duration> reset;   // until more is to be had
  std::optional<Duration> window;  // in which `limit` may be used
  bool operator==(const RateQuota&) const = default;
};

struct RateWord {
  std::vector<RateQuota> quotas;
  std::optional<Duration> retry_after;
};

/// `now`: for Unix times in answers without a Date.
RateWord read_rate_word(const http::Headers& headers, WallTime now);

}  // namespace drover::tools
