#pragma once
// Limits of live output (store/stream_log.h, session/live_streams.h): what each limits, its unit,
// and what happens when it is reached.

#include <cstddef>

#include "base/time.h"

namespace drover::limits {

/// Bytes of the stream log in all, of one of its files, how many files, and how old the text in one
/// may be; beyond, the oldest file goes and its readers wait for the journal.
inline constexpr size_t kStreamLogBytesMax = 128u << 20;
inline constexpr size_t kStreamFileBytesMax = 4u << 20;
inline constexpr size_t kStreamFilesMax = 64;
inline constexpr Duration kStreamAgeMax = 24h;
/// Text is written after this time for those who follow it, and after that where nobody does.
inline constexpr Duration kLiveFlushInterval = 5ms;
inline constexpr Duration kLiveUnwatchedInterval = 250ms;
/// The newest text of a call that is kept in memory; readers further behind read the log.
inline constexpr size_t kLiveTailBytesMax = 64u << 10;
/// Text of a call that waits to be written; beyond, its provider is read no further until it is.
inline constexpr size_t kLivePendingBytesMax = 1u << 20;
/// Text of one event to a follower.
inline constexpr size_t kLiveEventBytesMax = 32u << 10;
/// Sessions whose live output is followed at once; further ones are refused with
/// resource_exhausted.
inline constexpr size_t kLiveFollowedMax = 10'000;

}  // namespace drover::limits
