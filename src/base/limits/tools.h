#pragma once
// Limits of tool servers and their calls: what each limits, its unit, and what happens when it is
// reached.

#include <cstddef>

#include "base/time.h"

namespace drover::limits {

/// Calls of one stdio tool server under way; further ones queue, up to kMcpWaitingMax.
inline constexpr size_t kMcpPendingMax = 1'024;
/// Bytes waiting to be read by one stdio tool server; beyond, calls wait until it has read.
inline constexpr size_t kMcpOutboxBytesMax = 64u << 20;
/// Tools of one server, and pages of its list; more: the list is refused.
inline constexpr size_t kMcpToolsMax = 10'000;
inline constexpr int kMcpPagesMax = 200;
/// A server that does not answer the probe for the newer era within this time is taken as older.
inline constexpr Duration kMcpProbeTimeout = 3s;
/// From the start of a server to its first list.
inline constexpr Duration kMcpConnectTimeout = 30s;
/// A list is asked for again after the time that its server names, within these bounds; over HTTP
/// without such a time after the default.
inline constexpr Duration kMcpListAgeMin = 30s;
inline constexpr Duration kMcpListAgeDefault = 5min;
inline constexpr Duration kMcpListAgeMax = 1h;
/// Pause after a failed start, doubled with each further one up to the maximum; calls that would
/// have to wait longer than kMcpPauseWaitMax are refused with retry "after".
inline constexpr Duration kMcpPause = 250ms;
inline constexpr Duration kMcpPauseMax = 30s;
inline constexpr Duration kMcpPauseWaitMax = 1s;
/// Tries of one tool call by the tool set: after a server's end, or when it asked for a pause.
inline constexpr int kMcpCallTriesMax = 2;
/// How often an answer's broken stream is taken up again where it broke.
inline constexpr int kMcpResumesMax = 5;

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
