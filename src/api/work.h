#pragma once
// Work for programs outside Drover ("bring your own loop"): lease by long poll, keep by heartbeat,
// hand back the result (session/work_queue.h).
//
//   POST /v1/work/lease             {"queues": […], "worker", "wait_ms", "max", "lease_ms"}
//   POST /v1/work/{lease}/heartbeat {"lease_ms"}
//   POST /v1/work/{lease}/result    {"plan"} | {"content", "is_error", "plan"} | {"error"}, "next"
//                                   with content also "data_class": of what the result says,
//                                   beside what the configuration states of the queue
//
// A lost lease is 410 (reason lease_lost), a result of an attempt that is not the current one 409
// (reason superseded).

#include <functional>
#include <optional>
#include <string>

#include "api/router.h"
#include "session/manager.h"

namespace drover::api {

struct WorkServices {
  session::SessionManager* sessions = nullptr;
  /// As in sessions.h.
  std::function<Task<Result<std::string>>(Context ctx, TenantId tenant, std::string data_class)>
      check_data;
};

void add_work_routes(Router& router, WorkServices services);

/// Appends an item as a worker is told of it: JSON; null if there is none.
void append_work_item(std::string& text, const session::Leased& leased);
void append_work_item(std::string& text, const std::optional<session::Leased>& leased);

}  // namespace drover::api
