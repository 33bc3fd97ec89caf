#include "session/snapshot_json.h"

#include "session/snapshot_members.h"
#include "session/snapshot_parts.h"

namespace drover::session::snapshots {
namespace {

Json message_json(const contract::Message& m) { return contract::to_json(m); }

Result<std::vector<contract::Message>> messages_of(const Json& in, const char* key) {
  std::vector<contract::Message> out;
  for (const Json& item : items(in, key)) {
    TRY(contract::Message m, contract::message_from_json(item));
    out.push_back(std::move(m));
  }
  return out;
}

/// What workers are at, for a snapshot of an earlier build, which did not say so.
void add_leased(State& s, uint64_t sequence, uint32_t attempt, bool plan) {
  if (s.find_leased(sequence) != nullptr) return;
  LeasedWork work;
  work.sequence = sequence;
  work.attempt = attempt;
  work.plan = plan;
  s.leased.push_back(work);
}

void put_conversation(Json& out, const State& s) {
  put_list(out, "messages", s.messages, message_json);
  put_list(out, "queued", s.queued, message_json);
  put(out, "prompt_hash", s.prompt_hash());
  put(out, "prompt_bytes", s.prompt_bytes());
  put(out, "counted_bytes", s.counted_bytes);
  put(out, "counted_tokens", s.counted_tokens);
  if (s.model_call) out.set("model_call", effect_json(*s.model_call));
  if (s.reservation.open) {
    Json r = Json::object();
    put(r, "tokens", s.reservation.tokens);
    put(r, "cost", s.reservation.cost);
    put(r, "output_tokens", s.reservation.output_tokens);
    if (s.reservation.clamp) r.set("clamp", over_json(*s.reservation.clamp));
    out.set("reservation", std::move(r));
  }
  put_list(out, "tool_calls", s.tool_calls, call_json);
  put(out, "model_due", s.model_due);
  put_list(out, "planned_models", s.planned_models, [](const std::string& m) { return Json(m); });
  put(out, "planned_output_tokens", s.planned_output_tokens);
  if (!s.planned_needs.empty()) out.set("planned_needs", s.planned_needs.to_json());
  if (s.plan) out.set("plan", effect_json(*s.plan));
  put(out, "plan_due", s.plan_due);
  put_list(out, "planned", s.planned, [](const PlannedEffect& e) { return e.body; });
  put(out, "plan_running", s.plan_running);
  put(out, "planned_at", s.planned_at);
}

Result<void> take_conversation(const Json& in, State& s) {
  TRY(s.messages, messages_of(in, "messages"));
  TRY(s.queued, messages_of(in, "queued"));
  s.prompt = PromptTally(s.messages.size(), in.get_text("prompt_hash"), number(in, "prompt_bytes"));
  s.counted_bytes = number(in, "counted_bytes");
  s.counted_tokens = number(in, "counted_tokens");
  s.model_call = effect_of(in, "model_call");
  if (const Json* r = in.find("reservation")) {
    s.reservation.open = true;
    s.reservation.tokens = number(*r, "tokens");
    s.reservation.cost = money(*r, "cost");
    s.reservation.output_tokens = r->get_int("output_tokens");
    s.reservation.clamp = over_of(*r, "clamp");
  }
  for (const Json& item : items(in, "tool_calls")) {
    TRY(PendingToolCall call, call_of(item));
    s.tool_calls.push_back(std::move(call));
  }
  s.model_due = flag(in, "model_due");
  for (const Json& item : items(in, "planned_models")) {
    if (const std::string* m = item.string()) s.planned_models.push_back(*m);
  }
  s.planned_output_tokens = in.get_int("planned_output_tokens");
  if (const Json* needs = in.find("planned_needs")) {
    s.planned_needs = policy::Needs::from_json(*needs).value_or(policy::Needs());
  }
  s.plan = effect_of(in, "plan");
  s.plan_due = flag(in, "plan_due");
  for (const Json& item : items(in, "planned")) {
    PlannedEffect effect;
    effect.kind = item.get_text("kind");
    effect.body = item;
    s.planned.push_back(std::move(effect));
  }
  s.plan_running = flag(in, "plan_running");
  s.planned_at = count(in, "planned_at");
  return {};
}

void put_rest(Json& out, const State& s) {
  put_list(out, "leased", s.leased, leased_json);
  put_list(out, "waits", s.waits, wait_json);
  put_list(out, "signals", s.signals, signal_json);
  put_list(out, "groups", s.groups, group_json);
  put_list(out, "extensions", s.extensions, extension_json);
  out.set("step", step_json(s.step));
  if (s.over_budget) out.set("over_budget", over_json(*s.over_budget));
  put(out, "stopped_since", s.stopped_since);
  put(out, "stopped", s.stopped);
  if (s.standing.level > 0) {
    Json standing = Json::object();
    put(standing, "level", s.standing.level);
    put(standing, "what", s.standing.what);
    put(standing, "why", s.standing.why);
    put(standing, "serial", s.standing.serial);
    out.set("standing", std::move(standing));
  }
  put(out, "last_extension_granted", s.last_extension_granted);
  put(out, "extensions_granted", s.extensions_granted);
  put(out, "extension_tokens_granted", s.extension_tokens_granted);
  put(out, "extension_time_granted", s.extension_time_granted);
  put(out, "steps", s.steps);
  put(out, "spawns", s.spawns);
  put(out, "tool_calls_total", s.tool_calls_total);
  put(out, "tasks_total", s.tasks_total);
  out.set("usage", contract::to_json(s.usage));
  put(out, "tokens", s.tokens);
  put(out, "cost", s.cost);
  put(out, "started", s.started);
  put(out, "waiting_since", s.waiting_since);
  put(out, "last_time", s.last_time);
  put(out, "last_sequence", s.last_sequence);
  put(out, "last_hash", s.last_hash);
}

void take_rest(const Json& in, State& s) {
  for (const Json& item : items(in, "leased")) s.leased.push_back(leased_of(item));
  if (s.leased.empty()) {
    if (s.plan && !s.agent.planner.queue.empty()) {
      add_leased(s, s.plan->sequence, s.plan->attempt, true);
    }
    for (const PendingToolCall& c : s.tool_calls) {
      if (c.sequence != 0 && c.on_worker()) add_leased(s, c.sequence, c.attempt, false);
    }
  }
  for (const Json& item : items(in, "waits")) s.waits.push_back(wait_of(item));
  for (const Json& item : items(in, "signals")) s.signals.push_back(signal_of(item));
  for (const Json& item : items(in, "groups")) s.groups.push_back(group_of(item));
  for (const Json& item : items(in, "extensions")) s.extensions.push_back(extension_of(item));
  s.step = step_of(any(in, "step"));
  s.over_budget = over_of(in, "over_budget");
  if (in.find("stopped_since") != nullptr) s.stopped_since = when(in, "stopped_since");
  s.stopped = duration(in, "stopped");
  if (const Json* standing = in.find("standing")) {
    s.standing.level = number(*standing, "level");
    s.standing.what = standing->get_text("what");
    s.standing.why = standing->get_text("why");
    s.standing.serial = flag(*standing, "serial");
  }
  s.last_extension_granted = flag(in, "last_extension_granted");
  s.extensions_granted = number(in, "extensions_granted");
  s.extension_tokens_granted = number(in, "extension_tokens_granted");
  s.extension_time_granted = duration(in, "extension_time_granted");
  s.steps = number(in, "steps");
  s.spawns = number(in, "spawns");
  s.tool_calls_total = count(in, "tool_calls_total");
  s.tasks_total = count(in, "tasks_total");
  s.usage = contract::usage_from_json(any(in, "usage"));
  s.tokens = number(in, "tokens");
  s.cost = money(in, "cost");
  s.started = when(in, "started");
  s.waiting_since = when(in, "waiting_since");
  s.last_time = when(in, "last_time");
  s.last_sequence = count(in, "last_sequence");
  s.last_hash = in.get_text("last_hash");
}

}  // namespace

Json state_to_json(const State& s) {
  Json out = Json::object();
  out.set("id", s.id.str()).set("tenant", s.tenant.str()).set("agent", s.agent.to_json());
  put(out, "labels", s.labels);
  put(out, "trace_id", s.trace_id);
  put(out, "key", s.key);
  put(out, "data_class", s.data_class);
  put(out, "scratch_store", s.scratch_store);
  put(out, "root", s.root.str());
  put(out, "parent", s.parent.str());
  put(out, "parent_sequence", s.parent_sequence);
  put(out, "depth", s.depth);
  out.set("tree", s.tree.to_json());
  put(out, "subtask_tokens", s.subtask.tokens);
  if (s.subtask.time) put(out, "subtask_time", *s.subtask.time);
  out.set("status", static_cast<int64_t>(s.status));
  put(out, "reason", s.reason);
  put(out, "result", s.result);
  put_conversation(out, s);
  put_rest(out, s);
  return out;
}

Result<State> state_from_json(const Json& in) {
  State s;
  s.id = SessionId(in.get_text("id"));
  s.tenant = TenantId(in.get_text("tenant"));
  TRY(s.agent, AgentSpec::from_json(any(in, "agent")));
  s.labels = any(in, "labels");
  s.trace_id = in.get_text("trace_id");
  s.key = in.get_text("key");
  s.data_class = in.get_text("data_class");
  s.scratch_store = in.get_text("scratch_store");
  s.root = SessionId(in.get_text("root"));
  s.parent = SessionId(in.get_text("parent"));
  s.parent_sequence = count(in, "parent_sequence");
  s.depth = number(in, "depth");
  TRY(s.tree, TreeLimits::from_json(any(in, "tree"), "tree"));
  s.subtask.tokens = in.get_int("subtask_tokens");
  if (auto time = in.get_int("subtask_time")) s.subtask.time = Duration(*time);
  int64_t status = number(in, "status");
  if (status < 0 || status > static_cast<int64_t>(Status::kEnded)) {
    return fail(Code::kDataLoss, "a snapshot with an unknown status");
  }
  s.status = static_cast<Status>(status);
  s.reason = in.get_text("reason");
  s.result = in.get_text("result");
  TRY_VOID(take_conversation(in, s));
  take_rest(in, s);
  return s;
}

}  // namespace drover::session::snapshots
