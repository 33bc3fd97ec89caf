#include "base/money.h"
#include "crypto/sha256.h"
#include "session/state.h"

namespace drover::session {
namespace {

using contract::Event;
using contract::Message;
namespace kind = contract::kind;

tl::unexpected<Error> broken(const Event& event, std::string why) {
  return fail(Code::kDataLoss, "event " + std::to_string(event.sequence) + " (" + event.kind +
                                   "): " + std::move(why));
}

// Each message extends the prompt's hash, so that its cost is linear in the session.
void push(State& state, Message m) {
  state.prompt_hash =
      crypto::Sha256().update(state.prompt_hash).update(contract::to_json(m).dump()).finish().hex();
  state.messages.push_back(std::move(m));
}

/// Messages that came during the turn; true if there were any.
bool push_queued(State& state) {
  bool any = !state.queued.empty();
  for (Message& m : state.queued) push(state, std::move(m));
  state.queued.clear();
  return any;
}

Result<void> on_started(State& state, const Event& event, const Json& payload) {
  if (state.status != Status::kNew) return broken(event, "the session has already started");
  const Json* agent = payload.find("agent");
  if (agent == nullptr) return broken(event, "no agent in the payload");
  TRY(state.agent, AgentSpec::from_json(*agent));
  state.id = event.session;
  state.tenant = TenantId(std::string(payload.get_string("tenant").value_or("")));
  state.trace_id = std::string(payload.get_string("trace_id").value_or(""));
  if (const Json* labels = payload.find("labels")) state.labels = *labels;
  if (!state.agent.instructions.empty()) {
    push(state, Message::of_text(contract::Role::kSystem, state.agent.instructions));
  }
  state.status = Status::kWaiting;
  state.reason = "message";
  return {};
}

Result<void> on_observation(State& state, const Event& event, const Json& payload) {
  const Json* message = payload.find("message");
  if (message == nullptr) return broken(event, "no message in the payload");
  TRY(Message m, contract::message_from_json(*message));
  bool model_failed = state.model_call && state.status == Status::kWaiting;
  if (!state.tool_calls.empty() || (state.model_call && !model_failed)) {
    // A turn is under way: the message waits behind its answer and its tool results.
    state.queued.push_back(std::move(m));
    return {};
  }
  push(state, std::move(m));
  state.model_due = !state.model_call.has_value();
  state.status = Status::kRunning;
  state.reason.clear();
  return {};
}

Result<void> on_model_call(State& state, const Event& event, const Json& payload) {
  if (event.attempt > 1) {
    if (!state.model_call || state.model_call->sequence != event.causation) {
      return broken(event, "a further attempt without a first");
    }
    state.model_call->attempt = event.attempt;
    state.status = Status::kRunning;
    return {};
  }
  if (state.model_call) return broken(event, "a model call is already pending");
  PendingModelCall pending;
  pending.sequence = event.sequence;
  state.model_call = pending;
  state.model_due = false;
  state.status = Status::kRunning;
  ++state.steps;
  return {};
}

void add(std::optional<int64_t>& sum, const std::optional<int64_t>& more) {
  if (more) sum = sum.value_or(0) + *more;
}

Result<void> on_model_result(State& state, const Event& event, const Json& payload) {
  if (!state.model_call || state.model_call->sequence != event.causation) {
    return broken(event, "a result for a call that is not pending");
  }
  if (payload.find("error") != nullptr) {
    // No answer was had: the call stays pending, for another attempt when something wakes it.
    state.status = Status::kWaiting;
    state.reason = "model";
    return {};
  }
  const Json* message = payload.find("message");
  if (message == nullptr) return broken(event, "no message in the payload");
  TRY(Message m, contract::message_from_json(*message));
  if (const Json* usage = payload.find("usage")) {
    contract::Usage u = contract::usage_from_json(*usage);
    add(state.usage.input_tokens, u.input_tokens);
    add(state.usage.output_tokens, u.output_tokens);
    add(state.usage.cache_read_tokens, u.cache_read_tokens);
    add(state.usage.cache_write_tokens, u.cache_write_tokens);
    add(state.usage.reasoning_tokens, u.reasoning_tokens);
  }
  if (auto cost = payload.get_string("cost_usd")) {
    if (auto money = Money::parse_usd(*cost)) state.cost += *money;
  }
  state.model_call.reset();
  state.tool_calls.clear();
  for (const contract::ToolCall& call : m.tool_calls) {
    PendingToolCall pending;
    pending.call = call;
    pending.call_index = state.tool_calls_total++;
    state.tool_calls.push_back(std::move(pending));
  }
  bool answered = m.tool_calls.empty();
  push(state, std::move(m));
  state.status = Status::kRunning;
  if (answered) {
    state.model_due = push_queued(state);
    state.status = state.model_due ? Status::kRunning : Status::kWaiting;
    state.reason = state.model_due ? "" : "message";
  }
  return {};
}

Result<void> on_tool_call(State& state, const Event& event, const Json& payload) {
  auto index = payload.get_int("index");
  if (!index || *index < 0 || static_cast<size_t>(*index) >= state.tool_calls.size()) {
    return broken(event, "no such tool call in the last turn");
  }
  PendingToolCall& pending = state.tool_calls[static_cast<size_t>(*index)];
  if (event.attempt > 1) {
    if (pending.sequence != event.causation)
      return broken(event, "a further attempt without a first");
    pending.attempt = event.attempt;
    return {};
  }
  if (pending.sequence != 0) return broken(event, "the tool call was already decided");
  pending.sequence = event.sequence;
  return {};
}

Result<void> on_tool_result(State& state, const Event& event, const Json& payload) {
  PendingToolCall* mine = nullptr;
  bool all_done = true;
  for (PendingToolCall& pending : state.tool_calls) {
    if (pending.sequence != 0 && pending.sequence == event.causation) {
      mine = &pending;
    } else if (!pending.done) {
      all_done = false;
    }
  }
  if (mine == nullptr) return broken(event, "a result for a call that is not pending");
  if (mine->done) return broken(event, "a second accepted result");
  mine->done = true;
  mine->content = std::string(payload.get_string("content").value_or(""));
  mine->is_error = payload.get_bool("is_error").value_or(false);
  if (!all_done) return {};
  // Results follow in the order of the calls, whatever order they came in.
  for (PendingToolCall& pending : state.tool_calls) {
    Message m = Message::of_text(contract::Role::kTool, std::move(pending.content));
    m.tool_call_id = pending.call.id;
    m.name = pending.call.name;
    m.tool_error = pending.is_error;
    push(state, std::move(m));
  }
  state.tool_calls.clear();
  push_queued(state);
  state.model_due = true;
  return {};
}

void on_ended(State& state, const Json& payload) {
  state.status = Status::kEnded;
  state.reason = std::string(payload.get_string("reason").value_or("completed"));
  state.model_call.reset();
  state.model_due = false;
}

void on_wait(State& state, const Json& payload) {
  state.status = Status::kWaiting;
  state.reason = std::string(payload.get_string("for").value_or("message"));
}

}  // namespace

Result<void> fold(State& state, const Event& event) {
  if (event.sequence != state.last_sequence + 1) {
    return broken(event, "expected sequence " + std::to_string(state.last_sequence + 1));
  }
  if (state.status == Status::kEnded && event.kind != kind::kReward && event.kind != kind::kPurge) {
    return broken(event, "the session has ended");
  }
  Json payload;
  if (!event.payload.empty()) {
    TRY(payload, Json::parse(event.payload));
  }
  if (event.kind == kind::kSessionStarted) {
    TRY_VOID(on_started(state, event, payload));
  } else if (event.kind == kind::kObservation) {
    TRY_VOID(on_observation(state, event, payload));
  } else if (event.kind == kind::kModelCall) {
    TRY_VOID(on_model_call(state, event, payload));
  } else if (event.kind == kind::kModelResult) {
    TRY_VOID(on_model_result(state, event, payload));
  } else if (event.kind == kind::kToolCall) {
    TRY_VOID(on_tool_call(state, event, payload));
  } else if (event.kind == kind::kToolResult) {
    TRY_VOID(on_tool_result(state, event, payload));
  } else if (event.kind == kind::kWaitStarted) {
    on_wait(state, payload);
  } else if (event.kind == kind::kSessionEnded) {
    on_ended(state, payload);
  }
  state.last_sequence = event.sequence;
  state.last_hash = event.hash;
  return {};
}

}  // namespace drover::session
