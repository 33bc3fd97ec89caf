#pragma once
// Internal to src/session: the handlers of fold() by kind of event, one file for each subject.

#include "session/state.h"

namespace drover::session::folding {

using contract::Event;

Failure broken(const Event& event, std::string why);
/// Messages that came during the turn; true if there were any.
bool push_queued(State& state);
std::optional<WallTime> time(const Json& payload, std::string_view key);
std::optional<uint64_t> index(const Json& payload, std::string_view key);

// fold_turn.cc: model and tool calls.
Result<void> on_model_call(State& state, const Event& event, const Json& payload);
Result<void> on_model_result(State& state, const Event& event, const Json& payload);
Result<void> on_tool_call(State& state, const Event& event, const Json& payload);
Result<void> on_tool_result(State& state, const Event& event, const Json& payload);
/// Takes the tool calls of an assistant's message as pending.
void take_tool_calls(State& state, const contract::Message& message);
/// A built-in tool call has its answer.
void answer(State& state, std::optional<uint64_t> call_index, std::string content, bool is_error);

// fold_waits.cc: waits and signals.
Result<void> on_wait_started(State& state, const Event& event, const Json& payload);
Result<void> on_wait_resolved(State& state, const Event& event, const Json& payload);
Result<void> on_signal(State& state, const Event& event, const Json& payload);

// fold_tree.cc: children.
void add_group(State& state, ChildGroup group);
Result<void> on_child_spawned(State& state, const Event& event, const Json& payload);
Result<void> on_child_ended(State& state, const Event& event, const Json& payload);

// fold_budget.cc: reservations, step budgets, extensions.
/// A new step begins: what the last one used is behind it.
void begin_step(State& state, const Event& event);
Result<void> on_reserved(State& state, const Event& event, const Json& payload);
Result<void> on_settled(State& state, const Event& event, const Json& payload);
Result<void> on_exceeded(State& state, const Event& event, const Json& payload);
Result<void> on_extension_requested(State& state, const Event& event, const Json& payload);
Result<void> on_extension_decided(State& state, const Event& event, const Json& payload);

// fold_plan.cc: planners.
/// An event that begins a planned effect takes it from the list.
void begun(State& state, const Json& payload);
Result<void> on_plan_requested(State& state, const Event& event, const Json& payload);
Result<void> on_plan(State& state, const Event& event, const Json& payload);

// fold_work.cc: what workers did.
/// An attempt at an effect that workers do.
void work_begun(State& state, const Event& event, bool plan);
/// A result that a worker brought, whether it counts or not.
void work_told(State& state, const Event& event);

}  // namespace drover::session::folding
