#pragma once
// Checks events against the contract: the same rules as /contract/schemas, in code, so that what
// comes from outside (an import, a planner, a worker) is refused with a message that names the
// field before anything is stored. Unknown kinds, members and payload fields pass.
//
// Pure functions. Errors are kInvalidArgument with reason "invalid_event". Hash chains are checked
// elsewhere (session/draft.h: this layer knows no cryptography).

#include <string_view>

#include "contract/event.h"

namespace drover::contract {

/// Checks the payload of a known kind; `attempt` because some fields are required on the first
/// attempt only (0 counts as the first).
Result<void> validate_payload(std::string_view kind, uint32_t attempt, const Json& payload);

/// Checks an event that was decoded: forms of the hex members, and the payload if it is here.
Result<void> validate_event(const Event& event);

struct ExportCheck {
  SessionId session;
  uint64_t events = 0;
};
/// Checks JSON Lines as a whole: each line valid, one session, sequence from 1 without a gap, and
/// causation pointing backwards. The message names the line.
Result<ExportCheck> check_export(std::string_view lines);

}  // namespace drover::contract
