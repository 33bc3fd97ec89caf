#pragma once
// What became of requests for more than a step's budget, read from the journals of the key's
// tenant.
//
//   GET /v1/budget/report[?agent=&session=&limit=]    {"sessions", "has_more", "summary": […],
//                                                      "requests": […]}
//
// Reads whole journals: limits::kReportSessionsMax sessions at most, newest first; has_more says
// that there are older ones.

#include "api/router.h"
#include "base/limits/session.h"
#include "session/manager.h"

namespace drover::api {

struct BudgetReportServices {
  session::SessionManager* sessions = nullptr;
};

void add_budget_report_routes(Router& router, BudgetReportServices services);

}  // namespace drover::api
