#pragma once
// What no journal that Drover wrote can say of times and attempts, though its chain is whole: who
// makes one up may write what he likes, and times decide how long data is kept and when waits are
// due. What a wrong clock may have written is taken: one that begins in 1970, for want of a
// battery, and one that is ahead by at most a day. An event is never earlier than the one before
// it, for a clock that jumps back stands still (Batch).
//
// Pure. Errors are kInvalidArgument with reason "invalid_event" and name the event.

#include <vector>

#include "contract/event.h"

namespace drover::session {

Result<void> check_plausible(const std::vector<contract::Event>& events, WallTime now);

}  // namespace drover::session
