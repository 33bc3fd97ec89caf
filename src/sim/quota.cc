#include "sim/quota.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace drover::sim {

namespace {
constexpr double kNanosPerMinute = 60e9;
}

Quota::Quota(QuotaRules rules) { set(rules); }

void Quota::set(QuotaRules rules) {
  rules_ = rules;
  requests_.limit = requests_.left = static_cast<double>(rules.requests_per_minute);
  tokens_.limit = tokens_.left = static_cast<double>(rules.tokens_per_minute);
}

void Quota::Bucket::refill(Duration passed) {
  left = std::min(limit, left + limit * static_cast<double>(passed.count()) / kNanosPerMinute);
}

Duration Quota::Bucket::until(double amount) const {
  double missing = std::min(amount, limit) - left;
  if (limit <= 0 || missing <= 0) return 0ns;
  return Duration(static_cast<int64_t>(std::ceil(missing / limit * kNanosPerMinute)));
}

QuotaState Quota::take(int64_t tokens, MonoTime now) {
  requests_.refill(now - last_);
  tokens_.refill(now - last_);
  last_ = now;
  QuotaState out;
  // A prompt larger than the bucket is admitted when the bucket is full, or it never would be.
  double asked = std::min(static_cast<double>(tokens), tokens_.limit);
  bool enough_requests = requests_.limit <= 0 || requests_.left >= 1;
  bool enough_tokens = tokens_.limit <= 0 || tokens_.left >= asked;
  out.admitted = enough_requests && enough_tokens;
  out.by_tokens = enough_requests && !enough_tokens;
  out.wait = std::max(requests_.until(1), tokens_.until(asked));
  if (out.admitted) {
    out.wait = 0ns;
    if (requests_.limit > 0) requests_.left -= 1;
    tokens_.left -= asked;
  }
  out.requests_limit = rules_.requests_per_minute;
  out.tokens_limit = rules_.tokens_per_minute;
  out.requests_left = static_cast<int64_t>(requests_.left);
  out.tokens_left = static_cast<int64_t>(tokens_.left);
  out.requests_reset = requests_.until(requests_.limit);
  out.tokens_reset = tokens_.until(tokens_.limit);
  return out;
}

std::string go_duration(Duration d) {
  int64_t ms = std::max<int64_t>(0, d.count() / 1'000'000);
  if (ms < 1'000) return fmt::format("{}ms", ms);
  std::string seconds = ms % 1'000 == 0
                            ? fmt::format("{}s", ms % 60'000 / 1'000)
                            : fmt::format("{}s", static_cast<double>(ms % 60'000) / 1e3);
  return ms < 60'000 ? seconds : fmt::format("{}m{}", ms / 60'000, seconds);
}

}  // namespace drover::sim
