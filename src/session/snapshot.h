#pragma once
// A folded state as bytes, kept beside the journal so that a long session is taken up without
// reading all of it. Derived data: whatever does not read is thrown away and folded anew, and a
// snapshot of another version counts as none. Pure.

#include "session/state.h"
#include "store/journal.h"

namespace drover::session {

store::Snapshot make_snapshot(const State& state);
/// kDataLoss when it is of another version or damaged.
Result<State> read_snapshot(const store::Snapshot& snapshot);

/// Whether so much came since the last one that a new one pays: its cost stays in proportion to
/// what is written anyway.
bool snapshot_due(uint64_t events_since, int64_t bytes_since, size_t last_bytes);

}  // namespace drover::session
