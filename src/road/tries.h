#pragma once
// Which endpoint is tried next, and after which pause: the retry rules of one call, without any
// I/O.
//
//   never         ends the call (unless it is about credentials: others may have their own)
//   same target   once more on the same endpoint after a jittered pause, then the next
//   other target  the next endpoint of the placement
//   after         the next; with none left, back to the one that asked for the shortest pause, if
//                 that is at most limits::kRetryWaitMax and fits the deadline
//
// With none left at all, the last resort (endpoints that are cooling down), once each.
// Each endpoint is visited in order, at most twice, and the whole call makes at most
// limits::kAttemptsMax attempts, so a ladder that names a model twice or a catalog with a thousand
// endpoints ends. After visible output there is no next.

#include <set>
#include <string>
#include <vector>

#include "base/limits/road.h"
#include "base/random.h"
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
        Random& random)
      : placement_(placement), last_resort_(last_resort), random_(random) {}

  NextTry first();
  /// After `error` on the endpoint that the last NextTry named.
  NextTry next(const Error& error, bool visible, MonoTime now, Duration remaining);
  int attempts() const { return attempts_; }
  /// The endpoint that the last NextTry named is one that was cooling down.
  bool on_last_resort() const { return on_last_resort_; }

 private:
  struct Waiting {
    const catalog::Endpoint* endpoint;
    MonoTime ready;
  };
  NextTry take(const catalog::Endpoint* endpoint, Duration pause, Duration remaining);
  NextTry take_waiting(MonoTime now, Duration remaining);
  bool refused(const catalog::Endpoint& endpoint) const;
  static std::string credential(const catalog::Endpoint& endpoint);

  const Placement& placement_;
  const std::vector<const catalog::Endpoint*>& last_resort_;
  Random& random_;
  size_t position_ = 0;       // of the next endpoint not yet visited
  size_t last_position_ = 0;  // the same of the last resort
  bool on_last_resort_ = false;
  int attempts_ = 0;
  const catalog::Endpoint* current_ = nullptr;
  std::set<const catalog::Endpoint*> repeated_;
  std::set<std::string> refused_;
  std::vector<Waiting> waiting_;
};

}  // namespace drover::road
