#pragma once
// Traces over HTTP, as a tree with latency by cause, tokens and money of each step:
//
//   GET /v1/sessions/{id}/trace
//   GET /v1/traces/{trace_id}      32 hex digits
//
// JSON, or the tree as text for people where Accept asks for text/plain. Only spans of the caller's
// tenant; a trace without any is not found. A finished step is there within a second.

#include "api/router.h"
#include "session/manager.h"
#include "store/spans.h"

namespace drover::api {

struct TraceServices {
  store::Spans* spans = nullptr;
  session::SessionManager* sessions = nullptr;
};

void add_trace_routes(Router& router, TraceServices services);

}  // namespace drover::api
