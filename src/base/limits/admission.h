#pragma once
// Limits of service classes and admission: what each limits, its unit, and what happens when it is
// reached.

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::limits {

/// Model calls in flight in one process, unless configured; further ones wait.
inline constexpr uint32_t kCallsInFlight = 8'192;
/// What may be configured at most, of that, of an endpoint's calls and of calls that wait.
inline constexpr uint32_t kCallsConfiguredMost = 100'000;
/// Calls that wait for a place or between two rounds, unless configured; beyond it the newest call
/// of whoever has the most waiting is refused (slow work first).
inline constexpr size_t kCallsWaiting = 2'000;
/// How long a call waits at most, unless configured; then it is refused.
inline constexpr Duration kFastWait = 5s;
inline constexpr Duration kSlowWait = 600s;
/// Rounds of a slow call: after each that failed it waits and is submitted again.
inline constexpr int kRoundsMax = 8;
/// The pause after its first round, doubling up to the other.
inline constexpr Duration kRoundPause = 500ms;
inline constexpr Duration kRoundPauseMost = 60s;
/// What is learnt from refusals never allows an endpoint fewer calls at once than this.
inline constexpr uint32_t kLearntCallsLeast = 4;
/// Rules of `classes` in one configuration; more are refused at load.
inline constexpr size_t kClassRulesMax = 1'000;
/// What a refused caller is told to wait is within these.
inline constexpr Duration kShedWaitLeast = 1s;
inline constexpr Duration kShedWaitMost = 300s;

}  // namespace drover::limits
