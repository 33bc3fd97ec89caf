#pragma once
// The budget of retries, so that they cannot turn an outage into a flood: a token bucket for each
// place where things fail together (a provider's region, or its base URL). The first attempt of a
// call at a place puts `ratio` of a token in; each further attempt of the same call there takes a
// whole one, and without one is not made. `per_second` tops the bucket up, so that a place with
// little traffic has retries too.
//
// Moving to another place is no retry: it finds its own bucket, and puts in.
//
// So a place that answers nothing sees at most 1 + ratio times its calls, and per_second more.
// The time is handed in. Only buckets that are not full are kept, at most limits::kRetryPlacesMax;
// the one longest unused is forgotten (and counts as full). Loop thread only.

#include <list>
#include <string>
#include <unordered_map>

#include "base/time.h"
#include "catalog/endpoint.h"

namespace drover::road {

struct RetryBudgetOptions {
  double ratio = 0.2;
  double per_second = 1;
  double burst = 10;  // tokens in a full bucket
};

class RetryBudget {
 public:
  explicit RetryBudget(RetryBudgetOptions options = {}) : options_(options) {}
  void configure(RetryBudgetOptions options) { options_ = options; }

  /// Where it fails together with others.
  static std::string place_of(const catalog::Endpoint& endpoint);
  /// A call's first attempt at its place. Costs nothing while no retry was made lately anywhere.
  void visited(const catalog::Endpoint& endpoint, MonoTime now);
  /// Takes a token; false if there is none.
  bool take(const catalog::Endpoint& endpoint, MonoTime now);
  double left(const catalog::Endpoint& endpoint, MonoTime now) const;

 private:
  struct Bucket {
    std::string place;
    double tokens = 0;
    MonoTime at;
  };
  using List = std::list<Bucket>;
  Bucket& touch(const std::string& place, MonoTime now);
  double tokens(const Bucket& bucket, MonoTime now) const;

  RetryBudgetOptions options_;
  List order_;  // most recently used first
  std::unordered_map<std::string, List::iterator> buckets_;
};

}  // namespace drover::road
