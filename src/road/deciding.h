#pragma once
// Has the decisions of slow authorisers (policy/decisions.h; Cedar's first one of a class takes
// half a second over 1,000 endpoints and 200 rules) made on a worker thread before a call is
// placed: the call waits for its own, the loop serves the others. Calls of one principal class and
// data class wait for the same one. A decision of an older catalog or policy is thrown away and
// made anew.
//
// After a reload what was asked before it is asked again beside the calls, and the operator's own
// classes (warm()), so that the first call after it seldom waits.
//
// Owned by the road. Loop thread only; stop() before it goes.

#include <map>
#include <memory>

#include "async/scope.h"
#include "async/sync.h"
#include "road/placement.h"

namespace drover::road {

class Deciding {
 public:
  /// Both outlive it. `executor` null: everything is decided on the loop, as it is asked for.
  Deciding(Placer& placer, async::Executor* executor, const Context& parent)
      : placer_(placer), executor_(executor), scope_(parent) {}

  /// Without waiting: whether prepare() has anything to do.
  bool ready(const policy::Ask& ask) {
    return executor_ == nullptr || placer_.decisions().ready(ask);
  }
  /// Returns once the slow authorisers have said what they say of that. An error only if ctx ends
  /// before: the decision goes on for others.
  Task<Result<void>> prepare(Context ctx, policy::Ask ask);
  /// Asks ahead for the operator's classes and for what was asked under the policy before.
  void warm();
  /// Decisions made here so far.
  uint64_t made() const { return made_; }
  Task<void> stop();

 private:
  using Done = async::OneShot<bool>;
  std::shared_ptr<Done> begin(const policy::Ask& ask);
  Task<void> decide(policy::Question question, std::shared_ptr<Done> done);
  Task<void> decide_all(Context ctx, std::vector<policy::Ask> asks);

  Placer& placer_;
  async::Executor* executor_;
  async::Scope scope_;
  std::map<std::string, std::shared_ptr<Done>> making_;  // by epoch and class
  std::vector<policy::Ask> before_;                      // what was asked, at most kAskedAgainMax
  uint64_t warm_epoch_ = 0;
  uint64_t made_ = 0;
};

}  // namespace drover::road
