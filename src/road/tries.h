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
// Each endpoint is visited in order, at most twice, and the whole call makes at most
// limits::kAttemptsMax attempts, so a ladder that names a model twice or a catalog with a thousand
// endpoints ends. After visible output there is no next.

#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "road/road.h"

namespace drover::road {

struct NextTry {
  const catalog::Endpoint* endpoint = nullptr;  // null: none is left
  Duration pause{};
};

class Tries {
 public:
  /// `placement` and `random` outlive this.
  Tries(const Placement& placement, Random& random) : placement_(placement), random_(random) {}

  NextTry first();
  /// After `error` on the endpoint that the last NextTry named.
  NextTry next(const Error& error, bool visible, MonoTime now, Duration remaining);
  int attempts() const { return attempts_; }

 private:
  struct Waiting {
    const catalog::Endpoint* endpoint;
    MonoTime ready;
  };
  NextTry take(const catalog::Endpoint* endpoint, Duration pause, Duration remaining);
  bool refused(const catalog::Endpoint& endpoint) const;
  static std::string credential(const catalog::Endpoint& endpoint);

  const Placement& placement_;
  Random& random_;
  size_t position_ = 0;  // of the next endpoint not yet visited
  int attempts_ = 0;
  const catalog::Endpoint* current_ = nullptr;
  std::set<const catalog::Endpoint*> repeated_;
  std::set<std::string> refused_;
  std::vector<Waiting> waiting_;
};

}  // namespace drover::road
