#pragma once
// Limits of events and answers of models: what each limits, its unit, and what happens when it is
// reached.

#include <cstddef>
#include <cstdint>

namespace drover::limits {

/// Members of an event's envelope that this version does not know; more: the event is refused.
inline constexpr size_t kEventUnknownMembersMax = 64;

/// Tool calls of one model answer; more: the answer is refused as malformed.
inline constexpr int kToolCallsPerAnswerMax = 256;
/// A count of tokens in the usage that a provider tells; a larger one is nonsense and counts as not
/// told, so that sums stay sums.
inline constexpr int64_t kUsageTokensMax = 1'000'000'000;

}  // namespace drover::limits
