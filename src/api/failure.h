#pragma once
// Why a session goes no further: the last attempt of the model call or of the question to its
// planner that it waits with brought no answer. As the API tells it:
//
//   {"of": "planner", "sequence": 5, "error": {"code", "reason", "message", "retry"}}
//
// The sequence is that of the event with the error, which is read from the journal. Where `retry`
// is "never" the same attempt would fail again; otherwise another one follows by itself. Loop
// thread.

#include "api/router.h"
#include "identity/principal.h"
#include "session/manager.h"
#include "session/state.h"

namespace drover::api {

/// Null: it waits for something else, or for nothing.
Task<Result<Json>> failure_of(Context ctx, const identity::Principal& who,
                              session::SessionManager& sessions, const session::State& state);

}  // namespace drover::api
