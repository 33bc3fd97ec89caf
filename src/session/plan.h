#pragma once
// What a planner answers: the effects it asks for (contract/README.md, "plan"). Checked here once
// for all of them: HTTP planners, workers, the first plan of a new session. Pure.
//
// Limits: kPlanEffectsMax effects, kChildTasksMax tasks of one spawn. Errors are kInvalidArgument,
// name the effect by its position, and are meant for whoever wrote the planner.

#include <vector>

#include "session/state.h"

namespace drover::session {

/// Lets {"effects": […]} pass if folding it cannot fail.
Result<void> check_plan(const Json& plan);
/// The same for one that comes from outside, where more is asked for. A member of a model call or
/// of a task's budget that nobody reads is refused: a misspelt need would be none, and the call
/// would go where it must not. A request for more budget says what it is expected to bring. The ids
/// of tool calls are each there once; no other turn is open when a plan comes. A journal's plans
/// were taken once, whatever is known by now.
Result<void> check_new_plan(const Json& plan);
/// Whether the session may open the waits that such a plan asks for, beside those that are open:
/// limits::kWaitsMax in all.
Result<void> check_waits(const State& state, const Json& plan);
/// The children of a "spawn" effect or of a drover_spawn call: {"tasks": […], "wait": …}.
Result<ChildGroup> plan_group(const Json& body);

}  // namespace drover::session
