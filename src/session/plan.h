#pragma once
// What a planner answers: the effects it asks for (contract/README.md, "plan"). Parsed here once
// for all of them: HTTP planners, workers, the first plan of a new session. Pure.
//
// Limits: kPlanEffectsMax effects, kChildTasksMax tasks of one spawn. Errors are kInvalidArgument,
// name the effect by its position, and are meant for whoever wrote the planner.

#include <vector>

#include "session/state.h"

namespace drover::session {

/// Reads {"effects": […]}; each effect checked so far that folding it cannot fail.
Result<std::vector<PlannedEffect>> parse_plan(const Json& plan);
/// Whether the session may open the waits that the plan asks for, beside those that are open:
/// limits::kWaitsMax in all.
Result<void> check_waits(const State& state, const std::vector<PlannedEffect>& plan);
/// The children of a "spawn" effect or of a drover_spawn call: {"tasks": […], "wait": …}.
Result<ChildGroup> plan_group(const Json& body);

}  // namespace drover::session
