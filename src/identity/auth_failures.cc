#include "identity/auth_failures.h"

#include <algorithm>

#include "base/limits/identity.h"

namespace drover::identity {

Duration AuthFailures::count(std::string_view remote, MonoTime now) {
  auto known = by_remote_.find(remote);
  if (known == by_remote_.end()) {
    if (buckets_.size() >= remotes_max_) {
      by_remote_.erase(buckets_.back().remote);
      buckets_.pop_back();
    }
    buckets_.emplace_front();
    buckets_.front().remote = std::string(remote);
    buckets_.front().last = now;
    by_remote_.emplace(buckets_.front().remote, buckets_.begin());
  } else {
    buckets_.splice(buckets_.begin(), buckets_, known->second);
  }
  Bucket& bucket = buckets_.front();
  const double refill = static_cast<double>((now - bucket.last).count()) /
                        static_cast<double>(limits::kAuthFailureRefill.count());
  bucket.tokens = std::min<double>(limits::kAuthFailuresMax, bucket.tokens + refill);
  bucket.last = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return Duration::zero();
  }
  ++refused_;
  const double missing = 1 - bucket.tokens;
  return Duration(
      static_cast<int64_t>(missing * static_cast<double>(limits::kAuthFailureRefill.count()) + 1));
}

}  // namespace drover::identity
