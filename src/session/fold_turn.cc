// Model and tool calls of a turn.

#include "session/amounts.h"
#include "session/builtins.h"
#include "session/folding.h"

namespace drover::session::folding {
namespace {

using contract::Message;

void add(std::optional<int64_t>& sum, const std::optional<int64_t>& more) {
  if (more) sum = sum.value_or(0) + amount_of(*more);
}

void count_usage(State& state, const Json& payload) {
  const Json* usage = payload.find("usage");
  if (usage == nullptr) return;
  contract::Usage u = contract::usage_from_json(*usage);
  add(state.usage.input_tokens, u.input_tokens);
  add(state.usage.output_tokens, u.output_tokens);
  add(state.usage.cache_read_tokens, u.cache_read_tokens);
  add(state.usage.cache_write_tokens, u.cache_write_tokens);
  add(state.usage.reasoning_tokens, u.reasoning_tokens);
  if (u.input_tokens) {
    state.counted_tokens = amount_of(*u.input_tokens);
    state.counted_bytes = state.prompt_bytes();
  }
  if (state.reservation.open) return;  // its settlement counts
  state.tokens += amount_of(u.input_tokens.value_or(0)) + amount_of(u.output_tokens.value_or(0));
  state.cost += cost_of(payload, "cost_usd");
}

/// A call of a built-in tool begins: what it waits for follows from its arguments.
void begin_builtin(State& state, PendingToolCall& call, const Json& payload) {
  if (call.call.name != kSpawnTool) return;  // the others wait by an event of their own
  if (auto refused = payload.get_string("refused")) {
    call.ready = call.is_error = true;
    call.content = "Error: " + std::string(*refused);
    return;
  }
  auto group = spawn_group(call.call.arguments);
  if (!group || state.depth >= state.tree.depth) {
    call.ready = true;
    call.is_error = true;
    call.content =
        group ? "Error: children of this session would be deeper than the tree's limit of " +
                    std::to_string(state.tree.depth)
              : "Error: " + group.error().message;
    return;
  }
  call.waiting = true;
  group->call_index = call.call_index;
  add_group(state, std::move(*group));
}

}  // namespace

void take_tool_calls(State& state, const Message& message) {
  state.tool_calls.clear();
  for (const contract::ToolCall& call : message.tool_calls) {
    PendingToolCall pending;
    pending.call = call;
    pending.call_index = state.tool_calls_total++;
    state.tool_calls.push_back(std::move(pending));
  }
}

void answer(State& state, std::optional<uint64_t> call_index, std::string content, bool is_error) {
  PendingToolCall* call = call_index ? state.find_call(*call_index) : nullptr;
  if (call == nullptr || call->done) return;
  call->waiting = false;
  call->ready = true;
  call->content = std::move(content);
  call->is_error = is_error;
}

Result<void> on_model_call(State& state, const Event& event, const Json& payload) {
  if (event.attempt > 1) {
    if (!state.model_call || state.model_call->sequence != event.causation) {
      return broken(event, "a further attempt without a first");
    }
    state.model_call->attempt = event.attempt;
    state.model_call->failed = false;
    return {};
  }
  if (state.model_call) return broken(event, "a model call is already pending");
  PendingEffect pending;
  pending.sequence = event.sequence;
  state.model_call = pending;
  state.reservation = Reservation();
  state.model_due = false;
  if (!state.agent.planner.set()) begin_step(state, event);
  ++state.steps;
  return {};
}

Result<void> on_model_result(State& state, const Event& event, const Json& payload) {
  if (!state.model_call || state.model_call->sequence != event.causation) {
    return broken(event, "a result for a call that is not pending");
  }
  if (payload.find("error") != nullptr) {
    // No answer was had: the call stays pending, for another attempt when something wakes it.
    state.model_call->failed = true;
    return {};
  }
  const Json* message = payload.find("message");
  if (message == nullptr) return broken(event, "no message in the payload");
  TRY(Message m, contract::message_from_json(*message));
  count_usage(state, payload);
  state.model_call.reset();
  state.planned_models.clear();
  state.planned_output_tokens.reset();
  state.planned_needs = policy::Needs();
  take_tool_calls(state, m);
  bool answered = m.tool_calls.empty();
  state.messages.push_back(std::move(m));
  if (answered && !state.agent.planner.set()) state.model_due = push_queued(state);
  return {};
}

Result<void> on_tool_call(State& state, const Event& event, const Json& payload) {
  auto position = index(payload, "index");
  if (!position || *position >= state.tool_calls.size()) {
    return broken(event, "no such tool call in the last turn");
  }
  PendingToolCall& pending = state.tool_calls[*position];
  if (event.attempt > 1) {
    if (pending.sequence != event.causation) {
      return broken(event, "a further attempt without a first");
    }
    pending.attempt = event.attempt;
    pending.failed = false;
    if (pending.on_worker()) work_begun(state, event, false);
    return {};
  }
  if (pending.sequence != 0) return broken(event, "the tool call was already decided");
  pending.sequence = event.sequence;
  pending.executor = payload.get_text("executor");
  if (auto arguments = payload.get_string("arguments")) pending.call.arguments = *arguments;
  if (pending.executor == kBuiltinExecutor) begin_builtin(state, pending, payload);
  if (pending.on_worker()) work_begun(state, event, false);
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
  mine->ready = mine->waiting = false;
  mine->content = payload.get_text("content");
  mine->is_error = payload.get_bool("is_error").value_or(false);
  if (!all_done) return {};
  // Results follow in the order of the calls, whatever order they came in.
  for (PendingToolCall& pending : state.tool_calls) {
    Message m = Message::of_text(contract::Role::kTool, std::move(pending.content));
    m.tool_call_id = pending.call.id;
    m.name = pending.call.name;
    m.tool_error = pending.is_error;
    state.messages.push_back(std::move(m));
  }
  state.tool_calls.clear();
  push_queued(state);
  // A planner says itself when the model is called, perhaps beside these very tools.
  if (!state.agent.planner.set()) state.model_due = true;
  return {};
}

}  // namespace drover::session::folding
