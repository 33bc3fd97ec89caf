#pragma once
// A session's journal over HTTP.
//
//   GET /v1/sessions/{id}/events    JSON; with Accept: text/event-stream live, resumed from
//                                   Last-Event-ID (an event's id is its sequence)
//   GET /v1/sessions/{id}/export    JSON Lines, byte-identical after import
//
// A journal that is damaged says so: an error that names the sequences and, if the store knows, the
// file and the byte; a live stream that has begun gives what is readable before it and ends with an
// `error` event. With `?skip_damaged=true` all that is readable comes, and each gap says what it
// was. The session manager must outlive the router.

#include "api/router.h"
#include "session/manager.h"

namespace drover::api {

void add_session_event_routes(Router& router, session::SessionManager* sessions);

}  // namespace drover::api
