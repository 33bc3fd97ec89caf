#include <algorithm>

#include "base/limits/session.h"
#include "session/builtins.h"
#include "session/state.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;
using Drafts = std::vector<Draft>;

Draft started_wait(Json payload, uint64_t causation = 0) {
  return system_draft(kind::kWaitStarted, std::move(payload), causation);
}

Draft resolved_wait(const Wait& wait, std::string_view outcome) {
  Json payload = Json::object();
  payload.set("wait_id", wait_id(wait.sequence)).set("for", wait.what).set("outcome", outcome);
  return system_draft(kind::kWaitResolved, std::move(payload), wait.sequence);
}

std::string too_many_waits() {
  return "this session waits for " + std::to_string(limits::kWaitsMax) +
         " things already, the most that it may: let some of them come first";
}

// --- Waits that the state itself resolves ---

/// Signals that came, each for the first wait of its name.
void take_signals(const State& state, Drafts& out) {
  std::vector<uint64_t> taken;
  for (const Wait& wait : state.waits) {
    if (wait.what != "signal") continue;
    for (const Signal& signal : state.signals) {
      bool used = std::find(taken.begin(), taken.end(), signal.sequence) != taken.end();
      if (used || signal.name != wait.name) continue;
      taken.push_back(signal.sequence);
      Draft d = resolved_wait(wait, "signalled");
      if (!signal.payload.is_null()) d.payload.set("payload", signal.payload);
      out.push_back(std::move(d));
      // One at a time: the fold takes the first of the name.
      return;
    }
  }
}

bool undecided(const State& state, const std::string& request_id) {
  return std::any_of(state.extensions.begin(), state.extensions.end(),
                     [&](const Extension& e) { return e.request_id == request_id; });
}

/// Waits for a budget that was lifted meanwhile.
void lift_waits(const State& state, Drafts& out) {
  for (const Wait& wait : state.waits) {
    if (wait.what == "limit" && state.steps < state.agent.steps_max) {
      out.push_back(resolved_wait(wait, "granted"));
    } else if (wait.what == "budget") {
      bool asked = !wait.request_id.empty();
      if (asked ? !undecided(state, wait.request_id) : !state.over_budget) {
        bool granted = asked ? state.last_extension_granted : true;
        out.push_back(resolved_wait(wait, granted ? "granted" : "refused"));
      }
    }
  }
}

// --- Requests for more than the step budget ---

bool rule_grants(const State& state, const Extension& e) {
  const ExtensionRules& rules = state.agent.extensions;
  return state.extensions_granted < rules.auto_requests &&
         state.extension_tokens_granted + e.tokens <= rules.auto_tokens &&
         state.extension_time_granted + e.time <= rules.auto_time;
}

Draft decided(const Extension& e, bool granted, std::string explanation) {
  Json payload = Json::object();
  payload.set("request_id", e.request_id).set("granted", granted).set("budget", "step");
  if (granted) {
    payload.set("tokens", e.tokens)
        .set("time_ms", static_cast<int64_t>(e.time.count() / 1'000'000));
  }
  payload.set("by", "rule:extensions").set("explanation", std::move(explanation));
  return system_draft(kind::kBudgetExtensionDecided, std::move(payload), e.sequence);
}

void decide_extensions(const State& state, Drafts& out) {
  for (const Extension& e : state.extensions) {
    if (e.asked) continue;
    if (rule_grants(state, e)) {
      out.push_back(decided(e, true, "within what the agent's rule allows"));
    } else if (!state.agent.extensions.ask) {
      out.push_back(decided(e, false, "beyond what the agent's rule allows"));
    } else if (state.waits_left() == 0) {
      out.push_back(decided(e, false, too_many_waits()));
    } else {
      Json payload = Json::object();
      payload.set("for", "budget").set("request_id", e.request_id);
      if (e.call_index) payload.set("call_index", *e.call_index);
      out.push_back(started_wait(std::move(payload), e.sequence));
    }
    return;  // a grant changes what the rule allows for the next
  }
}

// --- Children ---

void spawn_children(const State& state, Drafts& out) {
  auto open = static_cast<int64_t>(state.open_children());
  for (const ChildGroup& group : state.groups) {
    if (group.resolved) continue;
    for (const ChildTask& task : group.tasks) {
      if (task.sequence != 0) continue;
      if (open++ >= state.width()) return;  // the rest waits for a place
      Json payload = Json::object();
      payload.set("index", task.index);
      if (group.call_index) payload.set("call_index", *group.call_index);
      payload.set("agent", task.agent.empty() ? state.agent.name : task.agent);
      payload.set("task", task.message);
      if (task.budget.set()) payload.set("budget", task.budget.to_json());
      out.push_back(system_draft(kind::kChildSpawned, std::move(payload)));
    }
  }
}

// --- Tool calls ---

Json call_payload(const PendingToolCall& call, size_t position) {
  Json payload = Json::object(7);  // with its executor and its idempotency key
  payload.set("index", static_cast<int64_t>(position));
  payload.set("call_index", call.call_index);
  payload.set("call_id", call.call.id);
  payload.set("name", call.call.name);
  payload.set("arguments", call.call.arguments);
  return payload;
}

Draft known_result(const PendingToolCall& call) {
  Json payload = Json::object();
  payload.set("call_id", call.call.id).set("name", call.call.name).set("content", call.content);
  if (call.is_error) payload.set("is_error", true);
  return system_draft(kind::kToolResult, std::move(payload), call.sequence, call.attempt);
}

/// What a built-in call that was begun waits for. `waits_left` counts down.
void step_builtin(const State& state, const PendingToolCall& call, size_t& waits_left,
                  Drafts& out) {
  auto step = builtin_step(call, state.last_time);
  if (step && step->kind == kind::kWaitStarted && waits_left == 0) {
    step = fail(Code::kResourceExhausted, too_many_waits());
  }
  if (step) {
    if (step->kind == kind::kWaitStarted) --waits_left;
    out.push_back(system_draft(step->kind, std::move(step->payload), call.sequence));
    return;
  }
  PendingToolCall refused = call;
  refused.content = "Error: " + step.error().message;
  refused.is_error = true;
  out.push_back(known_result(refused));
}

void begin_call(const State& state, const PendingToolCall& call, size_t position,
                size_t& waits_left, Drafts& out) {
  if (state.agent.needs_approval(call.call.name) && !call.approved) {
    if (waits_left == 0) return;
    --waits_left;
    Json payload = Json::object();
    payload.set("for", "approval").set("call_index", call.call_index);
    payload.set("tool", call.call.name).set("arguments", call.call.arguments);
    out.push_back(started_wait(std::move(payload)));
    return;
  }
  Json payload = call_payload(call, position);
  if (is_builtin_tool(state.agent, call.call.name)) {
    payload.set("executor", kBuiltinExecutor);
    if (call.call.name == kSpawnTool) {
      auto checked = check_spawn(call.call.arguments);
      if (!checked) payload.set("refused", checked.error().message);
    }
    bool deep = call.call.name == kSpawnTool && state.depth >= state.tree.depth;
    if (deep) {
      Json over = Json::object();
      over.set("budget", "depth").set("scope", "tree").set("effect", "refused");
      over.set("limit", std::to_string(state.tree.depth));
      over.set("used", std::to_string(state.depth + 1));
      out.push_back(system_draft(kind::kBudgetExceeded, std::move(over)));
    }
  } else if (state.agent.runs_on_worker(call.call.name)) {
    payload.set("executor", state.agent.planner.name());
  }
  out.push_back(system_draft(kind::kToolCall, std::move(payload), 0, 1));
}

void decide_tools(const State& state, Drafts& out) {
  size_t waits_left = state.waits_left();
  for (size_t i = 0; i < state.tool_calls.size(); ++i) {
    const PendingToolCall& call = state.tool_calls[i];
    if (call.done || call.waiting) continue;
    if (call.ready) {
      out.push_back(known_result(call));
    } else if (call.sequence == 0) {
      if (!state.over_budget) begin_call(state, call, i, waits_left, out);
    } else if (call.executor == kBuiltinExecutor) {
      step_builtin(state, call, waits_left, out);
    }
  }
}

// --- Plans ---

Draft end_draft(std::string reason, std::string result) {
  Json payload = Json::object();
  payload.set("reason", std::move(reason));
  if (!result.empty()) payload.set("result", std::move(result));
  return system_draft(kind::kSessionEnded, std::move(payload));
}

std::string last_answer(const State& state) {
  for (auto it = state.messages.rbegin(); it != state.messages.rend(); ++it) {
    if (it->role == contract::Role::kAssistant) return it->text();
  }
  return "";
}

/// Waits and requests of a plan begin at once, beside its tool calls; an end when all else is done.
bool may_begin_planned(const State& state) {
  if (state.planned.empty() || state.plan_held_up()) return false;
  if (state.planned.front().kind != "end") return true;
  return state.tool_calls.empty() && !state.model_due && !state.model_call && state.waits.empty() &&
         state.extensions.empty() && state.groups.empty();
}

void begin_planned(const State& state, Drafts& out) {
  const PlannedEffect& effect = state.planned.front();
  const Json& body = effect.body;
  Json payload = Json::object();
  payload.set("effect", true);
  if (effect.kind == "wait") {
    payload.set("for", body.get_text("for"));
    if (auto name = body.get_string("name")) payload.set("name", *name);
    if (auto question = body.get_string("question")) payload.set("question", *question);
    if (auto until = due_of(body, "seconds", state.last_time)) {
      payload.set("until", format_rfc3339(*until));
    }
    out.push_back(started_wait(std::move(payload)));
  } else if (effect.kind == "request_extension") {
    Json request = extension_payload(body, "x" + std::to_string(state.last_sequence + 1));
    request.set("effect", true);
    out.push_back(system_draft(kind::kBudgetExtensionRequested, std::move(request)));
  } else {
    std::string result(body.get_string("result").value_or(""));
    std::string reason(body.get_string("reason").value_or(""));
    if (reason.empty()) reason = "completed";
    out.push_back(end_draft(std::move(reason), result.empty() ? last_answer(state) : result));
  }
}

// --- Steps ---

void decide_step(const State& state, Drafts& out) {
  if (state.steps >= state.agent.steps_max) {
    if (state.agent.at_limit == AgentSpec::AtLimit::kEnd) {
      out.push_back(end_draft("limit", last_answer(state)));
    } else if (state.find_wait("limit") == nullptr) {
      out.push_back(started_wait(Json::object().set("for", "limit")));
    }
    return;
  }
  Json payload = Json::object();
  payload.set("step", state.steps + 1);
  // What a plan asked for comes before the next question, whatever was said meanwhile.
  if (state.plan_due && !state.model_due) {
    payload.set("planner", state.agent.planner.name());
    out.push_back(system_draft(kind::kPlanRequested, std::move(payload), 0, 1));
    return;
  }
  Json ladder = Json::array();
  const auto& models = state.planned_models.empty() ? state.agent.models : state.planned_models;
  for (const std::string& m : models) ladder.push(m);
  payload.set("models", std::move(ladder));
  payload.set("messages", static_cast<int64_t>(state.messages.size()));
  payload.set("prompt_hash", state.prompt_hash());
  policy::Needs needs = state.step_needs();
  if (!needs.empty()) payload.set("needs", needs.to_json());
  out.push_back(system_draft(kind::kModelCall, std::move(payload), 0, 1));
}

bool answered(const State& state) {
  return !state.messages.empty() && state.messages.back().role == contract::Role::kAssistant &&
         !state.agent.planner.set();
}

}  // namespace

std::vector<Draft> decide(const State& state) {
  Drafts out;
  if (state.status == Status::kEnded || state.status == Status::kNew) return out;
  lift_waits(state, out);
  if (out.empty()) take_signals(state, out);
  if (out.empty()) decide_extensions(state, out);
  if (!out.empty()) return out;
  if (state.over_budget && state.find_wait("budget") == nullptr) {
    Json payload = Json::object();
    payload.set("for", "budget").set("name", state.over_budget->budget);
    out.push_back(started_wait(std::move(payload)));
    return out;
  }
  if (may_begin_planned(state)) {
    begin_planned(state, out);
    return out;
  }
  if (!state.over_budget) spawn_children(state, out);
  decide_tools(state, out);
  if (!state.tool_calls.empty() || !out.empty()) return out;
  if (state.model_call || state.plan || state.over_budget) return out;
  if (state.model_due || state.plan_due) {
    decide_step(state, out);
  } else if (answered(state) && state.agent.end_after_answer && state.open_children() == 0) {
    out.push_back(end_draft("completed", last_answer(state)));
  }
  return out;
}

}  // namespace drover::session
