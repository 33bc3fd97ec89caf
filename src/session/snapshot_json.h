#pragma once
// Internal to src/session: a State as JSON and back, every member of it. Change it with State; the
// test folds journals with and without snapshots and compares.

#include "session/state.h"

namespace drover::session::snapshots {

Json state_to_json(const State& state);
Result<State> state_from_json(const Json& json);

}  // namespace drover::session::snapshots
