#pragma once
// Batches of model calls (road/batches.h): what is beyond a limit goes the ordinary way.

#include <cstddef>

#include "base/time.h"

namespace drover::limits {

/// Calls that come within this time of the first share a batch.
inline constexpr Duration kBatchCollect = 5s;
inline constexpr size_t kBatchLinesMax = 200;
inline constexpr size_t kBatchBytesMax = 16u << 20;
/// Batches at once, collecting ones among them; bytes of requests not handed over yet.
inline constexpr size_t kBatchesMax = 200;
inline constexpr size_t kBatchesBytesMax = 64u << 20;
/// How long an agent may let its calls wait; the most is what providers promise.
inline constexpr Duration kBatchWithinMin = 10min;
inline constexpr Duration kBatchWithinMax = 24h;
/// One that is cancelled at the end of that time ends within this.
inline constexpr Duration kBatchGrace = 1h;
/// Between two looks: at first, and at most.
inline constexpr Duration kBatchLookFirst = 5s;
inline constexpr Duration kBatchLookMost = 10min;
/// Tries of each request that hands a batch over, and of reading its answers late.
inline constexpr int kBatchTriesMax = 4;
inline constexpr Duration kBatchTryPause = 2s;
/// Tries to remove a file at the provider, over about an hour.
inline constexpr int kBatchRemovesMax = 12;
/// An answer that was handed over is kept this long: its session may end before it is durable.
inline constexpr Duration kBatchHandedKept = 5min;
/// Answers that nobody asks for; their sessions are told again, at first after kBatchToldAgain.
inline constexpr Duration kBatchAnswersKept = 24h;
inline constexpr Duration kBatchToldAgain = 1min;

}  // namespace drover::limits
