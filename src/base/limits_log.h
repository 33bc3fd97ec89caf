#pragma once
// The bounds of the journal's log (store/log), a part of base/limits.h that only the store needs.

#include "base/limits.h"

namespace drover::limits {

/// Bytes of one file of the journal's log; then the next is begun. And how far ahead its space is
/// reserved.
inline constexpr size_t kLogSegmentBytes = 64u << 20;
inline constexpr size_t kLogReserveBytes = 4u << 20;
/// Bytes of one commit; larger is refused with invalid_argument.
inline constexpr size_t kLogCommitBytesMax = 256u << 20;
/// While no more than so many sessions made the last eight appends, and no sync took longer than this,
/// an append is written and synced on the loop itself: two changes of threads cost more than the sync.
/// A longer one ends that for the pause.
inline constexpr size_t kLogDirectSessionsMax = 2;
inline constexpr Duration kLogDirectSyncMax = 300us;
inline constexpr Duration kLogDirectPause = 10s;
/// Rows of sessions changed since the journal's index was last brought up: that is done after the
/// interval, or at once beyond the target; beyond the maximum, appends to further sessions are
/// refused with unavailable.
inline constexpr Duration kLogIndexInterval = 250ms;
inline constexpr size_t kLogIndexRowsTarget = 8'192;
inline constexpr size_t kLogIndexRowsMax = 131'072;
/// Rows of sessions kept in memory though the index has them; those longest untouched go first.
inline constexpr size_t kLogCleanRowsMax = 8'192;
/// Bytes of newest commits kept in memory for those who follow a session.
inline constexpr size_t kLogTailBytesMax = 8u << 20;
/// Ids of new sessions remembered, so that a fresh id needs no look into the index.
inline constexpr size_t kLogRecentIdsMax = 1u << 20;
/// Sessions of which it is remembered where in the log all their commits are, and how many commits.
inline constexpr size_t kLogChainsMax = 64;
inline constexpr size_t kLogChainCommitsMax = 1u << 20;

}  // namespace drover::limits
