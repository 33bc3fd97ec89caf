#pragma once
// A provider's quota: requests and tokens a minute, each a bucket of one minute's worth that fills
// evenly. A request is admitted or refused at once, with the numbers that the rate-limit headers
// of its cloud tell. Loop thread only.

#include <cstdint>
#include <string>

#include "base/time.h"

namespace drover::sim {

struct QuotaRules {
  int64_t requests_per_minute = 0;  // 0: unlimited
  int64_t tokens_per_minute = 0;
};

struct QuotaState {
  bool admitted = true;
  bool by_tokens = false;  // what refused it
  Duration wait = 0ns;     // until it would be admitted
  int64_t requests_limit = 0, requests_left = 0;
  int64_t tokens_limit = 0, tokens_left = 0;
  Duration requests_reset = 0ns, tokens_reset = 0ns;  // until the bucket is full
};

class Quota {
 public:
  explicit Quota(QuotaRules rules = {});
  void set(QuotaRules rules);
  const QuotaRules& rules() const { return rules_; }
  /// Takes one request and its tokens, or nothing.
  QuotaState take(int64_t tokens, MonoTime now);

 private:
  struct Bucket {
    double limit = 0;
    double left = 0;
    void refill(Duration passed);
    Duration until(double amount) const;
  };
  QuotaRules rules_;
  Bucket requests_;
  Bucket tokens_;
  MonoTime last_{};
};

/// A Go-like duration as OpenAI's reset headers have it: "50ms", "1s", "1.5s", "6m0s".
std::string go_duration(Duration d);

}  // namespace drover::sim
