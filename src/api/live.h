#pragma once
// Live output of a session as server-sent events: what its model says while it says it.
//
//   GET /v1/sessions/{id}/stream[?from=<sequence>]
//
// Events: delta, reset, message, tool_call, waiting, ended (session/live_follower.h says what is in
// them); an event's id is its position "sequence.attempt.offset". Begins with the session's first
// event, with `from`, or after Last-Event-ID. When the session has ended and all was told: 204,
// which a browser's EventSource takes as the end. A comment every 15 s keeps the connection alive.

#include "api/router.h"
#include "session/live_follower.h"

namespace drover::api {

struct LiveServices {
  session::SessionManager* sessions = nullptr;
  session::LiveStreams* live = nullptr;
};

void add_live_routes(Router& router, LiveServices services);

}  // namespace drover::api
