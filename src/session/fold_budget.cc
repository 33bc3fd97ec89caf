// Reservations, step budgets, and requests for more.

#include <algorithm>

#include "session/amounts.h"
#include "session/folding.h"

namespace drover::session::folding {
namespace {

/// The tool call whose intent has that sequence.
std::optional<uint64_t> budgeted_call(const State& state, uint64_t sequence) {
  for (const PendingToolCall& call : state.tool_calls) {
    if (sequence != 0 && call.sequence == sequence) return call.call_index;
  }
  return std::nullopt;
}

std::string decision_text(bool granted, const Json& payload) {
  std::string out;
  if (granted) {
    out = "Granted: " + std::to_string(payload.get_int("tokens").value_or(0)) + " tokens and " +
          std::to_string(payload.get_int("time_ms").value_or(0) / 1000) +
          " s more for the next step.";
  } else {
    out = "Refused.";
  }
  std::string why = payload.get_text("explanation");
  return why.empty() ? out : out + " " + why;
}

void raise(State& state, const Json& payload, bool tree) {
  if (!tree) {
    state.agent.steps_max = raised(state.agent.steps_max, amount_of(payload, "steps"));
    return;
  }
  TreeLimits& now = state.tree;
  now.tokens = raised(now.tokens, amount_of(payload, "tokens"));
  now.cost += cost_of(payload, "cost_usd");
  now.time = raised(now.time, time_of(payload, "time_ms"));
  now.steps = raised(now.steps, amount_of(payload, "steps"));
  now.spawns = raised(now.spawns, amount_of(payload, "spawns"));
}

void grant(State& state, const Json& payload) {
  std::string_view budget = payload.get_string("budget").value_or("step");
  if (budget == "tree" || budget == "session") return raise(state, payload, budget == "tree");
  const int64_t tokens = amount_of(payload, "tokens");
  const Duration time = time_of(payload, "time_ms");
  if (budget == "subtask") {
    SubtaskBudget& own = state.subtask;
    if (own.tokens) own.tokens = raised(*own.tokens, tokens);
    if (own.time) own.time = raised(*own.time, time);
    return;
  }
  if (budget == "account") return;  // it is kept elsewhere: the session tries again
  state.step.time_granted = raised(state.step.time_granted, time);
  if (state.model_call) {
    state.step.tokens_granted += tokens;
  } else {
    state.step.next_tokens += tokens;
    state.step.next_time = raised(state.step.next_time, time);
  }
  if (payload.get_text("by").starts_with("rule:")) {
    ++state.extensions_granted;
    state.extension_tokens_granted += tokens;
    state.extension_time_granted = raised(state.extension_time_granted, time);
  }
}

}  // namespace

void begin_step(State& state, const Event& event) {
  StepUse next;
  next.tokens_granted = state.step.next_tokens;
  next.time_granted = state.step.next_time;
  next.started = event.time;
  state.step = next;
}

Result<void> on_reserved(State& state, const Event& event, const Json& payload) {
  if (!state.model_call || state.model_call->sequence != event.causation) {
    return broken(event, "a reservation for a call that is not pending");
  }
  state.reservation.tokens = amount_of(payload, "tokens");
  state.reservation.cost = cost_of(payload, "cost_usd");
  state.reservation.output_tokens.reset();
  state.reservation.clamp.reset();
  if (auto output = payload.get_int("output_tokens")) {
    state.reservation.output_tokens = amount_of(*output);
    // Earlier programs did not say whose limit it was: their answers were cut by the step's.
    OverBudget clamp{"tokens", "step", ""};
    if (auto budget = payload.get_string("budget")) clamp.budget = *budget;
    if (auto scope = payload.get_string("scope")) clamp.scope = *scope;
    if (auto limit = payload.get_string("limit")) clamp.limit = *limit;
    clamp.limit_of = payload.get_text("limit_of");
    state.reservation.clamp = std::move(clamp);
  }
  state.reservation.open = true;
  return {};
}

Result<void> on_settled(State& state, const Event& event, const Json& payload) {
  // A settlement stands by itself: the session may have ended while the call was under way.
  const int64_t tokens = amount_of(payload, "tokens");
  state.tokens += tokens;
  state.step.tokens += amount_of(payload.get_int("step_tokens").value_or(tokens));
  state.cost += cost_of(payload, "cost_usd");
  state.reservation = Reservation();
  return {};
}

Result<void> on_exceeded(State& state, const Event& event, const Json& payload) {
  // What was used beyond a reservation is a fact; only a refusal or a cut stops the session.
  std::string effect = payload.get_text("effect");
  if (effect != "refused" && effect != "cut") return {};
  OverBudget over;
  over.budget = payload.get_text("budget");
  over.scope = payload.get_text("scope");
  over.limit = payload.get_text("limit");
  over.limit_of = payload.get_text("limit_of");
  if (over.budget == "spawns" || over.budget == "depth" || over.budget == "width") return {};
  state.over_budget = std::move(over);
  for (auto* effect : {&state.model_call, &state.plan}) {
    if (*effect && (*effect)->sequence == event.causation) (*effect)->failed = true;
  }
  for (PendingToolCall& call : state.tool_calls) {
    if (call.sequence != 0 && call.sequence == event.causation) call.failed = true;
  }
  return {};
}

Result<void> on_extension_requested(State& state, const Event& event, const Json& payload) {
  Extension e;
  e.sequence = event.sequence;
  e.request_id = payload.get_text("request_id");
  e.tokens = amount_of(payload, "tokens");
  e.time = time_of(payload, "time_ms");
  e.call_index = budgeted_call(state, event.causation);
  if (PendingToolCall* call = e.call_index ? state.find_call(*e.call_index) : nullptr) {
    call->waiting = true;
  }
  state.extensions.push_back(std::move(e));
  begun(state, payload);
  return {};
}

Result<void> on_extension_decided(State& state, const Event& event, const Json& payload) {
  std::string request = payload.get_text("request_id");
  bool granted = payload.get_bool("granted").value_or(false);
  state.last_extension_granted = granted;
  if (granted) {
    grant(state, payload);
    state.over_budget.reset();
  }
  auto it = std::find_if(state.extensions.begin(), state.extensions.end(),
                         [&](const Extension& e) { return e.request_id == request; });
  if (it == state.extensions.end()) return {};  // a person raised it unasked
  answer(state, it->call_index, decision_text(granted, payload), !granted);
  state.extensions.erase(it);
  return {};
}

}  // namespace drover::session::folding
