#pragma once
// How often each remote address failed to authenticate lately: a token bucket for each, in a
// bounded map that forgets the address whose last failure is the oldest. Loop thread only.

#include <list>
#include <string>
#include <unordered_map>

#include "base/limits/identity.h"
#include "base/time.h"

namespace drover::identity {

class AuthFailures {
 public:
  explicit AuthFailures(size_t remotes_max = limits::kAuthRemotesMax) : remotes_max_(remotes_max) {}
  /// Counts a failure. Zero: within the allowance; else how long to wait for the next one.
  Duration count(std::string_view remote, MonoTime now);
  size_t remotes() const { return by_remote_.size(); }
  /// Failures refused since the start.
  uint64_t refused() const { return refused_; }

 private:
  struct Bucket {
    std::string remote;
    double tokens = limits::kAuthFailuresMax;
    MonoTime last;
  };
  size_t remotes_max_;
  std::list<Bucket> buckets_;  // latest failure first
  std::unordered_map<std::string_view, std::list<Bucket>::iterator> by_remote_;
  uint64_t refused_ = 0;
};

}  // namespace drover::identity
