#pragma once
// Rules that are decided elsewhere: asked before a call is placed, so that judging itself never
// waits (road/opa.h is one). The answers stand in an authoriser of the policy, which denies what
// nobody has answered. Loop thread only.

#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "policy/policy.h"

namespace drover::road {

class ExternalRules {
 public:
  virtual ~ExternalRules() = default;
  /// Whether anybody is asked at all; a reload may change it.
  virtual bool active() const { return true; }
  /// Returns once there is an answer for the question about these things, or there will be none for
  /// now: then the authoriser says no. At once where the answer is at hand, which is the usual
  /// case.
  virtual async::Task<void> prepare(async::Context ctx, policy::Ask ask,
                                    std::vector<const policy::Thing*> things) = 0;
  /// The same question without waiting: whether prepare() has anything to do. `things` may be left
  /// out where all who ask it ask about the same.
  virtual bool prepared(const policy::Ask& ask,
                        const std::vector<const policy::Thing*>& things) = 0;
};

}  // namespace drover::road
