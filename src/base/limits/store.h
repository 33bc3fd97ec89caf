#pragma once
// Limits of the store: what each limits, its unit, and what happens when it is reached.

#include <cstddef>

#include "base/time.h"

namespace drover::limits {

/// Writes (and their bytes) that wait for the store's writer; more: unavailable, nothing written.
inline constexpr size_t kStoreQueueJobsMax = 65'536;
inline constexpr size_t kStoreQueueBytesMax = 256u << 20;
/// Writes that share one transaction and its sync; further ones go into the next.
inline constexpr size_t kGroupCommitJobsMax = 1'024;
/// Bytes of a journal payload kept in the database; larger ones go to the blob store.
inline constexpr size_t kInlinePayloadBytesMax = 64u << 10;
/// Bytes of one blob; larger is refused.
inline constexpr size_t kBlobBytesMax = 256u << 20;
/// Bytes of one file of the journal's log; then the next is begun. How far ahead its space is
/// reserved, and how far ahead it is filled with zeros.
inline constexpr size_t kLogSegmentBytes = 64u << 20;
inline constexpr size_t kLogReserveBytes = 4u << 20;
inline constexpr size_t kLogZeroBytes = 256u << 10;
/// Bytes of one commit; larger is refused with invalid_argument.
inline constexpr size_t kLogCommitBytesMax = 256u << 20;
/// So few appends at once, while a sync usually takes no longer than this, are written and synced
/// on the loop itself: two changes of threads cost more than the sync.
inline constexpr size_t kLogDirectJobsMax = 2;
inline constexpr Duration kLogDirectSyncMax = 300us;
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
/// Bytes of one snapshot of a session's state; larger is refused (the session is folded instead).
inline constexpr size_t kSnapshotBytesMax = 64u << 20;
/// Bytes of one document of Drover's own; larger is refused.
inline constexpr size_t kDocumentBytesMax = 4u << 20;
/// Rows of one answer of the store (sessions, records).
inline constexpr size_t kStoreRowsMax = 10'000;
/// Spans kept, and for how long; the oldest go first, at most a slice with each write.
inline constexpr size_t kSpansMax = 1'000'000;
inline constexpr Duration kSpanAgeMax = 7 * 24h;
inline constexpr size_t kSpanPruneSlice = 512;
/// Spans of one answer; the earliest are kept.
inline constexpr size_t kSpansPerAnswerMax = 20'000;
/// Pages of the write-ahead log after which it is copied back into the database file in the
/// background, and after which the writer itself waits for that.
inline constexpr int kWalPagesTarget = 2'000;
inline constexpr int kWalPagesMax = 32'000;

/// Bytes of a file of signed batches after which the next one is begun.
inline constexpr uint64_t kSignatureFileBytesMax = 16u << 20;
/// How long heads of journals gather for one signature, and how many at most: at half of them they
/// are signed at once, and what is more waits for its session's next commit, or until it is asked
/// for.
inline constexpr Duration kSignaturePause = 100ms;
inline constexpr size_t kHeadsWaitingMax = 65'536;

}  // namespace drover::limits
