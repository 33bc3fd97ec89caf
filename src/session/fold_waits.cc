// Waits and signals.

#include <algorithm>

#include "session/folding.h"

namespace drover::session::folding {
namespace {

std::string explained(const Json& payload, std::string text_before) {
  std::string why = payload.get_text("explanation");
  return why.empty() ? text_before + "." : text_before + ": " + why;
}

/// A signal's payload as a model reads it: text as it is, anything else as JSON.
std::string signal_text(const Json& payload) {
  const Json* body = payload.find("payload");
  if (body == nullptr || body->is_null()) return "The signal came.";
  if (const std::string* s = body->string()) return *s;
  return body->dump();
}

void resolve_approval(State& state, const Wait& wait, const Json& payload) {
  PendingToolCall* call = wait.call_index ? state.find_call(*wait.call_index) : nullptr;
  if (call == nullptr) return;  // a question of a planner: it reads the event
  std::string outcome = payload.get_text("outcome");
  if (outcome == "approved" || outcome == "edited") {
    call->approved = true;
    call->waiting = false;
    if (auto arguments = payload.get_string("arguments")) call->call.arguments = *arguments;
    return;
  }
  // Refused: the call never ran, so the wait stands for its intent.
  call->sequence = wait.sequence;
  std::string what =
      outcome == "expired" ? "Nobody approved this call in time" : "A person refused this call";
  answer(state, wait.call_index, explained(payload, what), true);
}

}  // namespace

Result<void> on_wait_started(State& state, const Event& event, const Json& payload) {
  Wait wait;
  wait.sequence = event.sequence;
  wait.what = payload.get_text("for");
  wait.until = time(payload, "until");
  wait.name = payload.get_text("name");
  wait.call_index = index(payload, "call_index");
  wait.request_id = payload.get_text("request_id");
  if (PendingToolCall* call = wait.call_index ? state.find_call(*wait.call_index) : nullptr) {
    call->waiting = true;
  }
  for (Extension& e : state.extensions) {
    if (!wait.request_id.empty() && e.request_id == wait.request_id) e.asked = true;
  }
  // Nobody is doing it now: another attempt follows when the batch has ended.
  if (wait.what == "batch" && state.model_call) {
    state.model_call->failed = state.model_call->batched = true;
  }
  state.waits.push_back(std::move(wait));
  begun(state, payload);
  return {};
}

Result<void> on_wait_resolved(State& state, const Event& event, const Json& payload) {
  auto it = std::find_if(state.waits.begin(), state.waits.end(),
                         [&](const Wait& w) { return w.sequence == event.causation; });
  if (it == state.waits.end()) return broken(event, "no such wait is open");
  Wait wait = std::move(*it);
  state.waits.erase(it);
  std::string outcome = payload.get_text("outcome");
  if (wait.what == "approval") {
    resolve_approval(state, wait, payload);
  } else if (wait.what == "timer") {
    answer(state, wait.call_index, "It is " + format_rfc3339(event.time) + ".", false);
  } else if (wait.what == "signal" && outcome == "signalled") {
    auto taken = std::find_if(state.signals.begin(), state.signals.end(),
                              [&](const Signal& s) { return s.name == wait.name; });
    if (taken != state.signals.end()) state.signals.erase(taken);
    answer(state, wait.call_index, signal_text(payload), false);
  } else if (wait.what == "signal") {
    answer(state, wait.call_index, "The signal '" + wait.name + "' did not come in time.", true);
  } else if (wait.what == "budget" && outcome == "granted") {
    state.over_budget.reset();
  }
  return {};
}

Result<void> on_signal(State& state, const Event& event, const Json& payload) {
  Signal signal;
  signal.sequence = event.sequence;
  signal.name = payload.get_text("name");
  if (const Json* body = payload.find("payload")) signal.payload = *body;
  state.signals.push_back(std::move(signal));
  return {};
}

}  // namespace drover::session::folding
