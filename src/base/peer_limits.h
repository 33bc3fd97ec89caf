#pragma once
// Bounds of what only few files have to do with, beside limits.h, which nearly everything includes.

#include "base/limits.h"

namespace drover::limits {

// --- HTTP ---
/// After an answer that ends a connection, what the client still sends is read and thrown away, so
/// that the answer is not lost to a reset: until the client ends, is silent for this time, or one
/// of the two totals is reached. Many clients read the answer only once they have sent all.
inline constexpr Duration kHttpLingerSilence = 2s;
inline constexpr Duration kHttpLingerTotal = 30s;
inline constexpr size_t kHttpLingerTotalBytesMax = size_t{1} << 30;

// --- Tool servers ---
/// Calls of one tool server under way over HTTP, where each has a connection of its own; over
/// standard streams it is kMcpPendingMax. Further ones queue, in order, up to kMcpWaitingMax;
/// beyond that they are refused with retry "after".
inline constexpr size_t kMcpHttpPendingMax = 128;
inline constexpr size_t kMcpWaitingMax = 16'384;
/// A stream on which a server tells of changes is opened again after this pause, doubled up to the
/// maximum while it does not last longer than the maximum.
inline constexpr Duration kMcpListenPause = 1s;
inline constexpr Duration kMcpListenPauseMax = 60s;

}  // namespace drover::limits
