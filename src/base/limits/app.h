#pragma once
// Limits of the process: what each limits, its unit, and what happens when it is reached.

#include "base/time.h"

namespace drover::limits {

/// What is in flight at SIGTERM may take this long.
inline constexpr Duration kDrainDeadline = 30s;

}  // namespace drover::limits
