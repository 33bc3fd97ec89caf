#pragma once
// Where a model call may run: models in the ladder's order; within a model the usable endpoints in
// the catalog's order. What is cooling down is rejected with its reason. An endpoint whose pause is
// over (half-open) stands in its own place again: the one call that gets it is the probe, without
// which traffic would never come back; others see it as still cooling meanwhile.
//
// What is cooling down is the last resort, the shortest wait first, at most limits::kAttemptsMax of
// them: an error is worse than an attempt that may succeed, and the attempt itself is bounded. If
// nothing is usable at all, the first of them is the placement. Pure, but for reading health.

#include "base/limits/road.h"
#include "road/road.h"

namespace drover::road {

/// Where a call may run, in the order to try.
struct Places {
  Placement placement;
  /// Tried once all of the placement have failed. They stand among its rejected, with their
  /// reasons; its catalog keeps them alive.
  std::vector<const catalog::Endpoint*> last_resort;
};

/// A model named twice counts once. Unknown models are rejections; with none known at all the list
/// is empty.
Places place(std::shared_ptr<const catalog::Catalog> catalog, const catalog::Health& health,
             const std::vector<std::string>& ladder);

/// Why an empty placement is empty, for the caller.
Error no_endpoint(const std::vector<std::string>& ladder, const Placement& placement);

}  // namespace drover::road
