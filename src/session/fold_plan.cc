// Planners: the question, and what they answered.

#include "session/folding.h"
#include "session/plan.h"

namespace drover::session::folding {
namespace {

using contract::Message;

contract::ToolCall tool_call_of(const State& state, const Json& body, size_t position) {
  contract::ToolCall call;
  call.id = body.get_text("id");
  if (call.id.empty()) {
    call.id = "call_" + std::to_string(state.tool_calls_total + position);
  }
  call.name = body.get_text("name");
  const Json* arguments = body.find("arguments");
  if (arguments == nullptr || arguments->is_null()) {
    call.arguments = "{}";
  } else {
    const std::string* written = arguments->string();
    call.arguments = written != nullptr ? *written : arguments->dump();
  }
  return call;
}

void take_model_call(State& state, const Json& body) {
  state.model_due = true;
  state.planned_models.clear();
  if (const Json* models = body.find("models"); models != nullptr && models->array_items()) {
    for (const Json& m : *models->array_items()) {
      if (const std::string* name = m.string()) state.planned_models.push_back(*name);
    }
  }
  state.planned_output_tokens = body.get_int("output_tokens");
  const Json* needs = body.find("needs");
  bool states = needs != nullptr && !needs->is_null();
  state.planned_needs =
      states ? policy::Needs::from_json(*needs).value_or(policy::Needs()) : policy::Needs();
}

/// True for an effect that has to be done before the planner is asked again.
bool take_effect(State& state, const Json& effect, Message& turn) {
  const std::string_view kind = effect.get_string("kind").value_or("");
  if (kind == "tool_call") {
    turn.tool_calls.push_back(tool_call_of(state, effect, turn.tool_calls.size()));
  } else if (kind == "model_call") {
    take_model_call(state, effect);
  } else if (kind == "say") {
    state.messages.push_back(Message::of_text(contract::Role::kAssistant, effect.get_text("text")));
    return false;
  } else if (kind == "spawn") {
    if (auto group = plan_group(effect)) add_group(state, std::move(*group));
  } else if (kind == "wait" && effect.get_text("for") == "message") {
    return false;
  } else {
    PlannedEffect later;
    later.kind = std::string(kind);
    later.body = effect;
    state.planned.push_back(std::move(later));
  }
  return true;
}

}  // namespace

void begun(State& state, const Json& payload) {
  if (!payload.get_bool("effect").value_or(false) || state.planned.empty()) return;
  state.planned.erase(state.planned.begin());
}

Result<void> on_plan_requested(State& state, const Event& event, const Json& payload) {
  if (event.attempt > 1) {
    if (!state.plan || state.plan->sequence != event.causation) {
      return broken(event, "a further attempt without a first");
    }
    state.plan->attempt = event.attempt;
    state.plan->failed = false;
    if (!state.agent.planner.queue.empty()) work_begun(state, event, true);
    return {};
  }
  if (state.plan) return broken(event, "the planner is already asked");
  PendingEffect pending;
  pending.sequence = event.sequence;
  state.plan = pending;
  state.plan_due = false;
  if (!state.agent.planner.queue.empty()) work_begun(state, event, true);
  state.model_due = false;  // journals of before may have passed over a planned call
  begin_step(state, event);
  ++state.steps;
  return {};
}

Result<void> on_plan(State& state, const Event& event, const Json& payload) {
  bool asked = state.plan && state.plan->sequence == event.causation;
  if (!asked && (state.plan || event.causation != 0)) {
    return broken(event, "a plan that nobody asked for");
  }
  if (payload.find("error") != nullptr) {
    if (asked) state.plan->failed = true;
    return {};
  }
  TRY_VOID(check_plan(payload));
  if (!asked) {  // it came with a result, unasked: a step like any other
    begin_step(state, event);
    ++state.steps;
  }
  state.plan.reset();
  state.plan_due = state.model_due = false;
  state.planned_at = event.sequence;
  state.plan_running = false;
  Message turn;
  turn.role = contract::Role::kAssistant;
  for (const Json& effect : *payload.find("effects")->array_items()) {
    state.plan_running = take_effect(state, effect, turn) || state.plan_running;
  }
  if (!turn.tool_calls.empty()) {
    take_tool_calls(state, turn);
    state.messages.push_back(std::move(turn));
  }
  if (!state.plan_running && push_queued(state)) state.plan_due = true;
  return {};
}

}  // namespace drover::session::folding
