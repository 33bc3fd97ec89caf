#pragma once
// Limits of data classes, zones, rules and decisions: what each limits, its unit, and what happens
// when it is reached.

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::limits {

/// Zones there are, built in and configured; more are refused at load.
inline constexpr size_t kZonesMax = 512;
/// Requirements of one policy; more are refused at load.
inline constexpr size_t kRequirementsMax = 1'000;
/// Decisions kept (principal class × action × data class × needs); one more and all are made anew.
inline constexpr size_t kDecisionsMax = 1'024;
/// Answers about verbs kept (who × verb × whose); one more and all are made anew.
inline constexpr size_t kVerbAnswersMax = 4'096;
/// Bytes of an external authoriser's answer; a longer one is none.
inline constexpr size_t kOpaAnswerBytesMax = 1 << 20;
/// Things of a kind that are remembered as it was asked about them; one more and all are forgotten,
/// and asked about again by whoever uses them.
inline constexpr size_t kOpaThingsMax = 4'096;
/// Things that others have asked about, of one question; the rest is left out, and asked about
/// again by whoever uses it.
inline constexpr size_t kOpaJoinedMax = 256;
/// Bytes kept of what it says of one thing; the rest is cut.
inline constexpr size_t kOpaReasonBytesMax = 500;
/// An external authoriser that gave no answer is not asked the same again sooner, and whoever was
/// refused for it is told to come back then.
inline constexpr Duration kUnaskedRetry = 1s;

}  // namespace drover::limits
