#pragma once
// Where data may go, and why not elsewhere. Computed when asked, with the facts, rules and health
// of now; what a session's steps were placed with stands in its journal (placement.decided), and
// the epochs beside both say whether it would be the same today.
//
//   POST /v1/placement                 {"agent": "name" | {…}} or {"models": […]},
//                                      "data_class": "…" | {…}, "prefer": "cheapest"
//   GET  /v1/sessions/{id}/placement   the session's next call, and its last placement
//   GET  /v1/sessions/{id}/placement?sequence=17   the placement in that event, as it was written
//                                      down ("last") and with every reason made again, for what the
//                                      step asked for then; "facts_changed" says whether from other
//                                      facts and rules. Health and evidence are those of now.

#include <functional>

#include "api/router.h"
#include "contract/data_class.h"
#include "session/agents.h"
#include "session/manager.h"

namespace drover::api {

struct PlacementServices {
  road::Road* road = nullptr;
  session::SessionManager* sessions = nullptr;
  const session::AgentRegistry* agents = nullptr;
  memory::Scratch* scratch = nullptr;  // may be null: scratch data never moves
  /// Whether all names in a class, and its zones, are known here. May be absent.
  std::function<Result<void>(const contract::DataClass& data)> check_class;
};

void add_placement_routes(Router& router, PlacementServices services);

}  // namespace drover::api
