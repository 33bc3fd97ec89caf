#include <algorithm>

#include "contract/data_class.h"
#include "session/folding.h"

namespace drover::session {
namespace folding {

using contract::Message;

Failure broken(const Event& event, std::string why) {
  return fail(Code::kDataLoss, "event " + std::to_string(event.sequence) + " (" + event.kind +
                                   "): " + std::move(why));
}

bool push_queued(State& state) {
  bool any = !state.queued.empty();
  for (Message& m : state.queued) state.messages.push_back(std::move(m));
  state.queued.clear();
  return any;
}

std::optional<WallTime> time(const Json& payload, std::string_view key) {
  auto written = payload.get_string(key);
  if (!written) return std::nullopt;
  auto parsed = parse_rfc3339(*written);
  return parsed ? std::optional<WallTime>(*parsed) : std::nullopt;
}

std::optional<uint64_t> index(const Json& payload, std::string_view key) {
  auto n = payload.get_int(key);
  return n && *n >= 0 ? std::optional<uint64_t>(static_cast<uint64_t>(*n)) : std::nullopt;
}

}  // namespace folding

namespace {

using namespace folding;
using contract::Message;
namespace kind = contract::kind;

/// What came in makes the session's class stricter, and never less strict again.
void inherit(State& state, const std::string& data_class) {
  if (data_class.empty()) return;
  state.data_class = contract::join_texts(state.data_class, data_class);
}

Result<void> on_started(State& state, const Event& event, const Json& payload) {
  if (state.status != Status::kNew) return broken(event, "the session has already started");
  const Json* agent = payload.find("agent");
  if (agent == nullptr) return broken(event, "no agent in the payload");
  TRY(state.agent, AgentSpec::from_json(*agent));
  inherit(state, state.agent.data_class);
  state.id = event.session;
  state.tenant = TenantId(payload.get_text("tenant"));
  state.trace_id = payload.get_text("trace_id");
  state.key = payload.get_text("key");
  state.root = SessionId(payload.get_text("root"));
  if (state.root.empty()) state.root = state.id;
  state.parent = SessionId(payload.get_text("parent"));
  state.parent_sequence = index(payload, "parent_sequence").value_or(0);
  state.depth = payload.get_int("depth").value_or(0);
  state.tree = state.agent.tree;
  if (const Json* tree = payload.find("tree")) {
    TRY(state.tree, TreeLimits::from_json(*tree, "tree"));
  }
  state.subtask = SubtaskBudget::of(payload);
  if (const Json* labels = payload.find("labels")) state.labels = *labels;
  if (!state.agent.instructions.empty()) {
    state.messages.push_back(Message::of_text(contract::Role::kSystem, state.agent.instructions));
  }
  state.started = event.time;
  state.status = Status::kWaiting;
  state.waiting_since = event.time;
  return {};
}

bool effect_under_way(const State& state) {
  return !state.tool_calls.empty() || state.find_wait("batch") != nullptr ||
         (state.model_call && !state.model_call->failed) || (state.plan && !state.plan->failed);
}

Result<void> on_observation(State& state, const Event& event, const Json& payload) {
  const Json* message = payload.find("message");
  if (message == nullptr) return broken(event, "no message in the payload");
  TRY(Message m, contract::message_from_json(*message));
  for (auto* effect : {&state.model_call, &state.plan}) {
    if (*effect && (*effect)->failed) (*effect)->attempts_before = (*effect)->attempt;
  }
  if (effect_under_way(state)) {
    // A turn is under way: the message waits behind its answer and its tool results.
    state.queued.push_back(std::move(m));
    return {};
  }
  state.messages.push_back(std::move(m));
  if (state.agent.planner.set()) {
    state.plan_due = !state.plan.has_value();
  } else {
    state.model_due = !state.model_call.has_value();
  }
  return {};
}

Result<void> on_ended(State& state, const Json& payload) {
  state.status = Status::kEnded;
  state.reason = payload.get_text("reason");
  if (state.reason.empty()) state.reason = "completed";
  state.result = payload.get_text("result");
  state.model_call.reset();
  state.plan.reset();
  state.tool_calls.clear();
  state.leased.clear();
  state.waits.clear();
  state.planned.clear();
  state.model_due = state.plan_due = false;
  return {};
}

Result<void> on_agent_changed(State& state, const Event& event, const Json& payload) {
  const Json* agent = payload.find("agent");
  if (agent == nullptr) return broken(event, "no agent in the payload");
  TRY(state.agent, AgentSpec::from_json(*agent));
  inherit(state, state.agent.data_class);
  // The instructions are the head of the prompt: all of its name changes.
  std::vector<Message> messages = std::move(state.messages);
  state.messages.clear();
  state.prompt = PromptTally();
  state.counted_bytes = state.counted_tokens = 0;
  bool had = !messages.empty() && messages.front().role == contract::Role::kSystem;
  if (!state.agent.instructions.empty()) {
    state.messages.push_back(Message::of_text(contract::Role::kSystem, state.agent.instructions));
  }
  for (size_t i = had ? 1 : 0; i < messages.size(); ++i)
    state.messages.push_back(std::move(messages[i]));
  return {};
}

/// Without a level it is of another program's making, and only told.
Result<void> on_downgrade(State& state, const Event& event, const Json& payload) {
  auto level = payload.get_int("level");
  if (!level) return {};
  state.standing = Standing();
  state.standing.level = *level;
  if (*level == 0) return {};
  state.standing.what = payload.get_text("to");
  state.standing.why = payload.get_text("reason");
  state.standing.serial = payload.get_bool("parallel_tool_calls") == false;
  return {};
}

/// Where its scratch data lies from now on.
Result<void> on_placement(State& state, const Event& event, const Json& payload) {
  const Json* scratch = payload.find("scratch");
  if (scratch != nullptr) state.scratch_store = scratch->get_text("store");
  return {};
}

using Handler = Result<void> (*)(State&, const Event&, const Json&);
struct KindHandler {
  std::string_view kind;
  Handler handler;
};

// In the order of how often they come.
constexpr KindHandler kHandlers[] = {
    {kind::kToolCall, on_tool_call},
    {kind::kToolResult, on_tool_result},
    {kind::kPlan, on_plan},
    {kind::kPlanRequested, on_plan_requested},
    {kind::kModelCall, on_model_call},
    {kind::kModelResult, on_model_result},
    {kind::kPlacementDecided, on_placement},
    {kind::kBudgetReserved, on_reserved},
    {kind::kBudgetSettled, on_settled},
    {kind::kObservation, on_observation},
    {kind::kWaitStarted, on_wait_started},
    {kind::kWaitResolved, on_wait_resolved},
    {kind::kSignal, on_signal},
    {kind::kChildSpawned, on_child_spawned},
    {kind::kChildEnded, on_child_ended},
    {kind::kBudgetExceeded, on_exceeded},
    {kind::kBudgetExtensionRequested, on_extension_requested},
    {kind::kBudgetExtensionDecided, on_extension_decided},
    {kind::kSessionStarted, on_started},
    {kind::kAgentChanged, on_agent_changed},
    {kind::kDowngrade, on_downgrade},
};

/// A task has a place: its child is about to be spawned.
bool can_spawn(const State& state) {
  if (state.over_budget || static_cast<int64_t>(state.open_children()) >= state.width()) {
    return false;
  }
  for (const ChildGroup& group : state.groups) {
    if (group.resolved) continue;
    for (const ChildTask& task : group.tasks) {
      if (task.sequence == 0) return true;
    }
  }
  return false;
}

/// True while an effect is being done or is to be begun, and nobody outside is waited for.
bool busy(const State& state) {
  if (state.over_budget || state.find_wait("limit") != nullptr) {
    // What is under way is finished; nothing new is begun.
    if (state.model_call && !state.model_call->failed) return true;
  } else {
    // While one of them is given up the other is not begun.
    if (state.model_call ? !state.model_call->failed : state.model_due && !state.plan) return true;
    if (state.plan ? !state.plan->failed : state.plan_due && !state.model_call) return true;
    if (!state.planned.empty() && !state.plan_held_up()) return true;
  }
  for (const PendingToolCall& call : state.tool_calls) {
    if (call.done || call.waiting || call.failed || state.held_up(call)) continue;
    // What was not begun when a budget ran out waits for it too.
    if (call.sequence != 0 || call.ready || !state.over_budget) return true;
  }
  return can_spawn(state);
}

std::string waiting_for(const State& state) {
  // First what somebody has to answer: `drover approvals` and a raised budget look for these.
  for (std::string_view what : {"budget", "approval"}) {
    if (state.find_wait(what) != nullptr) return std::string(what);
  }
  if (!state.waits.empty()) return state.waits.front().what;
  for (const ChildGroup& group : state.groups) {
    if (!group.resolved) return "children";
  }
  if (state.model_call) return "model";
  if (state.plan) return "planner";
  return "message";
}

void settle_status(State& state, const Event& event) {
  if (state.status == Status::kEnded || state.status == Status::kNew) return;
  bool waited = state.status == Status::kWaiting;
  state.status = busy(state) ? Status::kRunning : Status::kWaiting;
  if (state.status == Status::kRunning) {
    state.reason.clear();
    if (waited) state.step.paused += event.time - state.waiting_since;
  } else {
    state.reason = waiting_for(state);
    if (!waited) state.waiting_since = event.time;
  }
}

/// How long budgets have stopped it.
void settle_stopped(State& state, const Event& event) {
  if (state.over_budget.has_value() == state.stopped_since.has_value()) return;
  if (state.over_budget) {
    state.stopped_since = event.time;
  } else {
    state.stopped += event.time - *state.stopped_since;
    state.stopped_since.reset();
  }
}

/// A plan whose effects are all done is followed by the next question to the planner.
void settle_plan(State& state) {
  if (!state.plan_running) return;
  bool open = state.model_call || state.model_due || !state.tool_calls.empty() ||
              !state.planned.empty() || !state.extensions.empty() || !state.waits.empty();
  for (const ChildGroup& group : state.groups) open = open || !group.resolved;
  if (open) return;
  state.plan_running = false;
  push_queued(state);
  state.plan_due = true;
}

}  // namespace

Result<void> fold(State& state, const Event& event) {
  if (event.payload.empty()) return fold(state, event, Json());
  TRY(Json payload, Json::parse(event.payload));
  return fold(state, event, payload);
}

Result<void> fold(State& state, const Event& event, const Json& payload) {
  if (event.sequence != state.last_sequence + 1) {
    return broken(event, "expected sequence " + std::to_string(state.last_sequence + 1));
  }
  if (state.status == Status::kEnded && event.kind != kind::kReward && event.kind != kind::kPurge &&
      event.kind != kind::kBudgetSettled) {
    return broken(event, "the session has ended");
  }
  state.last_time = event.time;
  inherit(state, event.data_class);
  if (event.kind == kind::kSessionEnded) {
    TRY_VOID(on_ended(state, payload));
  } else if (payload.find("ignored") == nullptr) {
    for (const KindHandler& known : kHandlers) {
      if (known.kind != event.kind) continue;
      TRY_VOID(known.handler(state, event, payload));
      break;
    }
  }
  work_told(state, event);
  settle_stopped(state, event);
  settle_plan(state);
  settle_status(state, event);
  state.last_sequence = event.sequence;
  state.last_hash = event.hash;
  return {};
}

}  // namespace drover::session
