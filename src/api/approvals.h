#pragma once
// What waits for a person: tool calls that need an approval, and requests for more budget.
//
//   GET  /v1/approvals[?session=&limit=]            newest session first
//   POST /v1/sessions/{id}/approvals/{wait_id}      {"decision": "approve" | "deny" | "edit",
//                                                    "arguments": {…}, "explanation": "…"}
//   POST /v1/sessions/{id}/extensions/{request_id}  {"granted": true, "tokens", "time_s",
//                                                    "explanation"}; without amounts as asked
//
// One that was answered already is 409.

#include "api/router.h"
#include "session/manager.h"

namespace drover::api {

struct ApprovalServices {
  session::SessionManager* sessions = nullptr;
};

void add_approval_routes(Router& router, ApprovalServices services);

}  // namespace drover::api
