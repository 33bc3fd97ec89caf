#pragma once
// Limits of keys and failed authentications: what each limits, its unit, and what happens when it
// is reached.

#include <cstddef>

#include "base/time.h"

namespace drover::limits {

/// Keys that one process knows, revoked ones included; more are refused.
inline constexpr size_t kKeysMax = 100'000;
/// Keys whose verification is remembered; another one takes the place of an earlier one.
inline constexpr size_t kVerifiedKeysMax = 256;
/// Failed authentications of one remote address in a burst, and the time that restores one; further
/// ones are answered with resource_exhausted (a right key always passes).
inline constexpr int kAuthFailuresMax = 20;
inline constexpr Duration kAuthFailureRefill = 3s;
/// Remote addresses remembered for that; the one that failed longest ago is forgotten.
inline constexpr size_t kAuthRemotesMax = 8'192;
/// Refusals kept in the audit; one more, and the oldest goes.
inline constexpr size_t kAuditEntriesMax = 10'000;
/// The same refusal within this time counts one up instead of being written again.
inline constexpr Duration kAuditSame = 60s;

}  // namespace drover::limits
