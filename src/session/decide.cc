#include "session/state.h"

namespace drover::session {
namespace {

Effect make(Effect::Kind kind, std::string reason) {
  Effect e;
  e.kind = kind;
  e.reason = std::move(reason);
  return e;
}

}  // namespace

std::string_view status_name(Status status) {
  switch (status) {
    case Status::kNew:
      return "new";
    case Status::kRunning:
      return "running";
    case Status::kWaiting:
      return "waiting";
    case Status::kEnded:
      return "ended";
  }
  return "new";
}

std::vector<Effect> decide(const State& state) {
  std::vector<Effect> out;
  if (state.status == Status::kEnded || state.status == Status::kNew) return out;
  if (!state.tool_calls.empty()) {
    for (const PendingToolCall& pending : state.tool_calls) {
      if (pending.sequence != 0) continue;  // decided, perhaps under way
      Effect e = make(Effect::Kind::kToolCall, "");
      e.call = pending.call;
      e.call_index = pending.call_index;
      out.push_back(std::move(e));
    }
    return out;
  }
  if (state.model_call) return out;
  if (state.model_due) {
    if (state.steps < state.agent.steps_max) {
      out.push_back(make(Effect::Kind::kModelCall, ""));
    } else if (state.agent.at_limit == AgentSpec::AtLimit::kEnd) {
      out.push_back(make(Effect::Kind::kEnd, "limit"));
    } else if (state.reason != "limit") {
      out.push_back(make(Effect::Kind::kWait, "limit"));
    }
    return out;
  }
  bool answered =
      !state.messages.empty() && state.messages.back().role == contract::Role::kAssistant;
  if (answered && state.agent.end_after_answer) {
    out.push_back(make(Effect::Kind::kEnd, "completed"));
  }
  return out;
}

}  // namespace drover::session
