#pragma once
// Limits of model calls: attempts, waits, drains: what each limits, its unit, and what happens when
// it is reached.

#include <cstddef>

#include "base/time.h"

namespace drover::limits {

inline constexpr Duration kConnectTimeout = 5s;
inline constexpr Duration kHeadersTimeout = 60s;
inline constexpr Duration kFirstTokenTimeout = 60s;
inline constexpr Duration kBetweenTokensTimeout = 30s;
inline constexpr Duration kCallTimeout = 600s;
/// Attempts of one model call over all endpoints; then the last error is the answer.
inline constexpr int kAttemptsMax = 6;
/// After a client left, the provider is still read this long, to its usage.
inline constexpr Duration kDrainTimeout = 20s;

/// From a request sent to the head of an answer that is not streamed: the whole generation.
inline constexpr Duration kAnswerTimeout = 300s;
/// Calls read on to their usage after the client left; further ones are cut and estimated.
inline constexpr size_t kDrainsMax = 256;
/// A provider's Retry-After counts up to this; what is longer is cut to it.
inline constexpr Duration kRetryAfterMax = 300s;
/// A call waits for an endpoint that asked for a pause only this long, and only with no other left.
inline constexpr Duration kRetryWaitMax = 5s;
/// A call without a Retry-After comes back to an endpoint that is out of quota after this pause.
inline constexpr Duration kRetryPause = 250ms;
/// Places whose retries are counted at once; beyond it the one longest unused is forgotten.
inline constexpr size_t kRetryPlacesMax = 10'000;
/// Bytes of visible text of which an answer that broke off can be continued elsewhere; more: not.
inline constexpr size_t kContinuedBytesMax = 1u << 20;
/// Bytes of an error answer that are read; the rest is left unread.
inline constexpr size_t kErrorAnswerBytesMax = 64u << 10;
/// Bytes of a stream held back before its first visible delta; more: the attempt fails.
inline constexpr size_t kHeldBackBytesMax = 1u << 20;

}  // namespace drover::limits
