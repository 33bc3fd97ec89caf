#pragma once
// Limits of endpoints and their health: what each limits, its unit, and what happens when it is
// reached.

#include <cstddef>

#include "base/time.h"

namespace drover::limits {

/// Endpoints of one catalog; more are refused at load.
inline constexpr size_t kEndpointsMax = 10'000;
/// Endpoints and credentials whose health is remembered; beyond it the ones longest untouched are
/// forgotten (they count as healthy).
inline constexpr size_t kHealthEntriesMax = 20'000;
/// Failures in a row that open an endpoint's circuit.
inline constexpr int kCircuitFailures = 3;
/// The first pause of an open circuit; doubles with each failed probe up to the maximum.
inline constexpr Duration kCircuitPause = 5s;
inline constexpr Duration kCircuitPauseMax = 120s;

}  // namespace drover::limits
