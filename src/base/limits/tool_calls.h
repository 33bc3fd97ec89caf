#pragma once
// Limits of how tool calls are sent: in what number, after what pauses, and together with which
// others. What each limits, its unit, and what happens when it is reached.

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::limits {

/// Calls of one server over HTTP under way at once, as begun with; it grows by one for each full
/// window that was answered, and is halved when the server refuses (429, 503).
inline constexpr double kToolWindowStart = 32;
inline constexpr double kToolWindowMax = 128;
/// Calls that wait for their turn at one server; more are refused with retry "after".
inline constexpr size_t kToolWaitingMax = 16'384;
/// How long a call waits for its turn; where the server's word says that it would be longer, or
/// longer than the call has, the call is refused at once with retry "after".
inline constexpr Duration kToolWaitMax = 120s;
/// The pause after a refusal that names none, doubled with each further one up to the maximum, and
/// cut by up to half at random.
inline constexpr Duration kToolBackoff = 500ms;
inline constexpr Duration kToolBackoffMax = 30s;
/// Named pauses are prolonged at random, by up to a tenth and at most this, so that not everybody
/// who was told the same comes back in the same moment.
inline constexpr Duration kToolJitterMax = 1s;
/// Tries of one call that is safe to repeat, or that was refused before it ran.
inline constexpr int kToolTriesMax = 5;
/// Tools of one server whose limits are kept apart; beyond it idle ones are forgotten.
inline constexpr size_t kToolGatesMax = 1'024;
/// Limits that one server has told of; beyond it the one that ends first is forgotten.
inline constexpr size_t kToolQuotasMax = 64;
/// Limits read from one answer, and bytes of a field that are looked at.
inline constexpr size_t kRateQuotasMax = 8;
inline constexpr size_t kRateFieldBytesMax = 4'096;
/// A limit that is used up and names no time is looked at again after this.
inline constexpr Duration kQuotaPauseDefault = 1s;

/// Calls in one batch, and the longest time that one may wait for others; a configuration that asks
/// for more is refused.
inline constexpr size_t kToolBatchMax = 1'000;
inline constexpr Duration kToolBatchWindowMax = 1s;

}  // namespace drover::limits
