#pragma once
// Limits of downgrade ladders: what each limits, its unit, and what happens when it is reached.

#include <cstddef>

#include "base/time.h"

namespace drover::limits {

/// Rungs of one agent's ladder; a longer one is refused.
inline constexpr size_t kRungsMax = 16;
/// Agents, each in each zone, whose rung is remembered; one more and the longest unused begins
/// again at the top.
inline constexpr size_t kDescentsMax = 4096;
/// What was measured counts half as much after this time.
inline constexpr Duration kScarcityHalfLife = 15s;
/// Fewer attempts than this weigh as if they were so many: one refusal is no shortage.
inline constexpr double kScarcityAttemptsMin = 4;
/// The least time on a rung, where the agent says nothing else.
inline constexpr Duration kDowngradeDwell = 30s;
/// A rung that was left too early is kept twice as long, up to this many times the dwell.
inline constexpr int kDowngradeDwellsMax = 16;
/// Between two rungs on the way down: this part of the dwell.
inline constexpr int kDowngradeSettlePart = 6;

}  // namespace drover::limits
