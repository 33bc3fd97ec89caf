#pragma once
// Brings the index of sessions up to the log's end: from where it covers the log, or from the
// beginning when it knows nothing of this one. Blocking; at start-up.

#include "store/log/log.h"
#include "store/log/session_index.h"

namespace drover::store::log {

/// Damaged parts of the log are logged and left out. kFailedPrecondition: frames of a newer
/// program.
Result<void> catch_up(const Log& log, SessionIndex& index);

}  // namespace drover::store::log
