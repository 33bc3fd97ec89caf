#pragma once
// Which endpoint is tried next, and after which pause: the retry rules of one call, without any
// I/O.
//
//   never         ends the call (unless it is about credentials: others may have their own)
//   same target   once more on the same endpoint after a jittered pause, then the next
//   other target  the next endpoint of the placement
//   after         the next; with none left, back to the one with the shortest pause (its
//                 Retry-After, or limits::kRetryPause, and a jitter), if that is at most
//                 limits::kRetryWaitMax and fits the deadline
//
// What an endpoint itself got wrong passes over its other accounts (keys) too; what is about one
// account, its key, its rate or its quota, does not. A refused key is not used again in the call.
//
// With none left at all, the last resort (endpoints that are cooling down), once each.
// Each endpoint is visited in order, at most twice, and the whole call makes at most attempts_max
// attempts, so a ladder that names a model twice or a catalog with a thousand endpoints ends. A
// second attempt at a place (retry_budget.h) needs a token of its budget; without one that endpoint
// is passed over. After visible output there is no next.

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/limits/road.h"
#include "base/random.h"
#include "base/rare.h"
#include "road/road.h"

namespace drover::road {

struct NextTry {
  const catalog::Endpoint* endpoint = nullptr;  // null: none is left
  Duration pause{};
};

class Tries {
 public:
  /// All outlive this.
  Tries(const Placement& placement, const std::vector<const catalog::Endpoint*>& last_resort,
        Random& random, RetryBudget& budget, int attempts_max)
      : placement_(placement),
        last_resort_(last_resort),
        random_(random),
        budget_(budget),
        attempts_max_(std::min(attempts_max, limits::kAttemptsMax)) {}

  NextTry first(MonoTime now);
  /// After `error` on the endpoint that the last NextTry named.
  NextTry next(const Error& error, bool visible, MonoTime now, Duration remaining);
  /// Another place of the same zone for the same model, to be asked beside the current one, if its
  /// retry budget has a token; null if there is none.
  const catalog::Endpoint* hedge(MonoTime now);
  /// Which of the two is spoken of from here on.
  void went_on(const catalog::Endpoint* endpoint) { current_ = endpoint; }
  int attempts() const { return attempts_; }
  /// The endpoint that the last NextTry named is one that was cooling down.
  bool on_last_resort() const { return on_last_resort_; }
  /// An attempt was not made for want of a token.
  bool budget_spent() const { return budget_spent_; }

 private:
  struct Waiting {
    const catalog::Endpoint* endpoint;
    MonoTime ready;
  };
  void note_visit(const catalog::Endpoint* endpoint) {
    visited_[static_cast<size_t>(attempts_++)] = endpoint;
  }
  std::span<const catalog::Endpoint* const> visited() const {
    return {visited_.data(), static_cast<size_t>(attempts_)};
  }
  NextTry take(const catalog::Endpoint* endpoint, Duration pause, MonoTime now, Duration remaining);
  NextTry take_waiting(MonoTime now, Duration remaining);
  bool passed_over(const catalog::Endpoint& endpoint) const;
  bool visited(const catalog::Endpoint* endpoint) const;
  /// A token if it needs one.
  bool affordable(const catalog::Endpoint& endpoint, MonoTime now);
  /// Half to one and a half times: calls that failed together do not come back together.
  Duration jittered(Duration pause);
  static std::string credential(const catalog::Endpoint& endpoint);

  const Placement& placement_;
  const std::vector<const catalog::Endpoint*>& last_resort_;
  Random& random_;
  RetryBudget& budget_;
  const int attempts_max_;
  size_t position_ = 0;       // of the next endpoint not yet visited
  size_t last_position_ = 0;  // the same of the last resort
  bool on_last_resort_ = false;
  int attempts_ = 0;
  const catalog::Endpoint* current_ = nullptr;
  /// Of each attempt.
  std::array<const catalog::Endpoint*, limits::kAttemptsMax> visited_;
  bool budget_spent_ = false;
  /// What is known after a failure.
  struct Failures {
    std::set<const catalog::Endpoint*> repeated;
    std::set<std::string> refused;       // credentials
    std::set<std::string> failed_sites;  // places that answered no better for another account
    std::vector<Waiting> waiting;
  };
  Rare<Failures> failures_;
};

}  // namespace drover::road
