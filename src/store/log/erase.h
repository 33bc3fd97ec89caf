#pragma once
// Erases what a purged session said: overwrites its commits in the log, in place, each by a frame
// of the same size that says only where it stood (FORMAT.md, "Erased frames"). The log stays whole:
// all positions, all other sessions and the chain itself can be read as before.
//
// Blocking; any thread, beside whoever writes and reads the log: only frames behind the last one of
// a session that nobody appends to any more are touched. Durable on return. Done again it does
// nothing; interrupted at any byte, the next time it goes on: a frame that was half overwritten is
// found by its neighbours and its head, which the overwriting leaves as it was.

#include "store/log/log.h"

namespace drover::store::log {

/// Erases the session's events before `keep`, going back from its last frame, at `last`. kDataLoss
/// names a place that is too damaged to tell what to erase there; all else is erased then.
Result<void> erase_before(Disk& disk, const Log& log, const SessionId& session, Position last,
                          uint64_t keep);

}  // namespace drover::store::log
