#include "session/snapshot_json.h"

namespace drover::session {
namespace {

// Members with their default are left out: most states are small.

void put(Json& out, const char* key, const std::string& value) {
  if (!value.empty()) out.set(key, value);
}
void put(Json& out, const char* key, int64_t value) {
  if (value != 0) out.set(key, value);
}
void put(Json& out, const char* key, uint64_t value) {
  if (value != 0) out.set(key, value);
}
void put(Json& out, const char* key, bool value) {
  if (value) out.set(key, true);
}
void put(Json& out, const char* key, Duration value) { put(out, key, int64_t{value.count()}); }
void put(Json& out, const char* key, WallTime value) { put(out, key, unix_nanos(value)); }
void put(Json& out, const char* key, Money value) {
  if (!value.is_zero()) out.set(key, value.usd());
}
void put(Json& out, const char* key, const Json& value) {
  if (!value.is_null()) out.set(key, value);
}
template <typename T>
void put(Json& out, const char* key, const std::optional<T>& value) {
  if (!value) return;
  if constexpr (std::is_same_v<T, WallTime>) {
    out.set(key, unix_nanos(*value));
  } else {
    out.set(key, *value);
  }
}
template <typename T, typename F>
void put_list(Json& out, const char* key, const std::vector<T>& items, F one) {
  if (items.empty()) return;
  Json list = Json::array();
  for (const T& item : items) list.push(one(item));
  out.set(key, std::move(list));
}

int64_t number(const Json& in, const char* key) { return in.get_int(key).value_or(0); }
uint64_t count(const Json& in, const char* key) { return static_cast<uint64_t>(number(in, key)); }
bool flag(const Json& in, const char* key) { return in.get_bool(key).value_or(false); }
Duration duration(const Json& in, const char* key) { return Duration(number(in, key)); }
WallTime when(const Json& in, const char* key) { return wall_from_unix_nanos(number(in, key)); }
std::optional<uint64_t> maybe_count(const Json& in, const char* key) {
  auto n = in.get_int(key);
  return n ? std::optional<uint64_t>(static_cast<uint64_t>(*n)) : std::nullopt;
}
Money money(const Json& in, const char* key) {
  return Money::parse_usd(in.get_string(key).value_or("0")).value_or(Money());
}
Json any(const Json& in, const char* key) {
  const Json* found = in.find(key);
  return found == nullptr ? Json() : *found;
}
const Json::Array& items(const Json& in, const char* key) {
  static const Json::Array kNone;
  const Json* found = in.find(key);
  const Json::Array* list = found == nullptr ? nullptr : found->array_items();
  return list == nullptr ? kNone : *list;
}

Json message_json(const contract::Message& m) { return contract::to_json(m); }

Result<std::vector<contract::Message>> messages_of(const Json& in, const char* key) {
  std::vector<contract::Message> out;
  for (const Json& item : items(in, key)) {
    TRY(contract::Message m, contract::message_from_json(item));
    out.push_back(std::move(m));
  }
  return out;
}

Json effect_json(const PendingEffect& e) {
  Json out = Json::object();
  put(out, "sequence", e.sequence);
  out.set("attempt", static_cast<int64_t>(e.attempt));
  put(out, "failed", e.failed);
  put(out, "attempts_before", static_cast<uint64_t>(e.attempts_before));
  put(out, "batched", e.batched);
  return out;
}

std::optional<PendingEffect> effect_of(const Json& in, const char* key) {
  const Json* found = in.find(key);
  if (found == nullptr) return std::nullopt;
  PendingEffect out;
  out.sequence = count(*found, "sequence");
  out.attempt = static_cast<uint32_t>(number(*found, "attempt"));
  out.failed = flag(*found, "failed");
  out.attempts_before = static_cast<uint32_t>(count(*found, "attempts_before"));
  out.batched = flag(*found, "batched");
  return out;
}

Json over_json(const OverBudget& over) {
  Json out = Json::object();
  out.set("budget", over.budget).set("scope", over.scope).set("limit", over.limit);
  put(out, "limit_of", over.limit_of);
  return out;
}

std::optional<OverBudget> over_of(const Json& in, const char* key) {
  const Json* found = in.find(key);
  if (found == nullptr) return std::nullopt;
  OverBudget out;
  out.budget = found->get_text("budget");
  out.scope = found->get_text("scope");
  out.limit_of = found->get_text("limit_of");
  out.limit = found->get_text("limit");
  return out;
}

Json call_json(const PendingToolCall& c) {
  Json out = Json::object();
  out.set("call", contract::to_json(c.call));
  put(out, "sequence", c.sequence);
  out.set("attempt", static_cast<int64_t>(c.attempt));
  put(out, "call_index", c.call_index);
  put(out, "executor", c.executor);
  put(out, "approved", c.approved);
  put(out, "waiting", c.waiting);
  put(out, "ready", c.ready);
  put(out, "done", c.done);
  put(out, "failed", c.failed);
  put(out, "content", c.content);
  put(out, "is_error", c.is_error);
  return out;
}

Result<PendingToolCall> call_of(const Json& in) {
  PendingToolCall out;
  TRY(out.call, contract::tool_call_from_json(any(in, "call")));
  out.sequence = count(in, "sequence");
  out.attempt = static_cast<uint32_t>(number(in, "attempt"));
  out.call_index = count(in, "call_index");
  out.executor = in.get_text("executor");
  out.approved = flag(in, "approved");
  out.waiting = flag(in, "waiting");
  out.ready = flag(in, "ready");
  out.done = flag(in, "done");
  out.failed = flag(in, "failed");
  out.content = in.get_text("content");
  out.is_error = flag(in, "is_error");
  return out;
}

Json leased_json(const LeasedWork& w) {
  Json out = Json::object();
  put(out, "sequence", w.sequence);
  put(out, "attempt", static_cast<uint64_t>(w.attempt));
  put(out, "plan", w.plan);
  put(out, "told", static_cast<uint64_t>(w.told));
  return out;
}

LeasedWork leased_of(const Json& in) {
  LeasedWork out;
  out.sequence = count(in, "sequence");
  out.attempt = static_cast<uint32_t>(count(in, "attempt"));
  out.plan = flag(in, "plan");
  out.told = static_cast<uint32_t>(count(in, "told"));
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

Json wait_json(const Wait& w) {
  Json out = Json::object();
  put(out, "sequence", w.sequence);
  put(out, "what", w.what);
  put(out, "until", w.until);
  put(out, "name", w.name);
  put(out, "call_index", w.call_index);
  put(out, "request_id", w.request_id);
  return out;
}

Wait wait_of(const Json& in) {
  Wait out;
  out.sequence = count(in, "sequence");
  out.what = in.get_text("what");
  if (in.find("until") != nullptr) out.until = when(in, "until");
  out.name = in.get_text("name");
  out.call_index = maybe_count(in, "call_index");
  out.request_id = in.get_text("request_id");
  return out;
}

Json signal_json(const Signal& s) {
  Json out = Json::object();
  put(out, "sequence", s.sequence);
  put(out, "name", s.name);
  put(out, "payload", s.payload);
  return out;
}

Signal signal_of(const Json& in) {
  Signal out;
  out.sequence = count(in, "sequence");
  out.name = in.get_text("name");
  out.payload = any(in, "payload");
  return out;
}

Json task_json(const ChildTask& t) {
  Json out = Json::object();
  put(out, "index", t.index);
  put(out, "agent", t.agent);
  put(out, "message", t.message);
  if (t.budget.set()) out.set("budget", t.budget.to_json());
  put(out, "child", t.child.str());
  put(out, "sequence", t.sequence);
  put(out, "ended", t.ended);
  put(out, "reason", t.reason);
  put(out, "result", t.result);
  put(out, "spec", t.spec);
  return out;
}

ChildTask task_of(const Json& in) {
  ChildTask out;
  out.index = count(in, "index");
  out.agent = in.get_text("agent");
  out.message = in.get_text("message");
  out.budget = SubtaskBudget::of(in);
  out.child = SessionId(in.get_text("child"));
  out.sequence = count(in, "sequence");
  out.ended = flag(in, "ended");
  out.reason = in.get_text("reason");
  out.result = in.get_text("result");
  out.spec = any(in, "spec");
  return out;
}

Json group_json(const ChildGroup& g) {
  Json out = Json::object();
  put(out, "call_index", g.call_index);
  put(out, "needed", static_cast<uint64_t>(g.needed));
  put(out, "resolved", g.resolved);
  put_list(out, "tasks", g.tasks, task_json);
  return out;
}

ChildGroup group_of(const Json& in) {
  ChildGroup out;
  out.call_index = maybe_count(in, "call_index");
  out.needed = count(in, "needed");
  out.resolved = flag(in, "resolved");
  for (const Json& item : items(in, "tasks")) out.tasks.push_back(task_of(item));
  return out;
}

Json extension_json(const Extension& e) {
  Json out = Json::object();
  put(out, "sequence", e.sequence);
  put(out, "request_id", e.request_id);
  put(out, "tokens", e.tokens);
  put(out, "time", e.time);
  put(out, "call_index", e.call_index);
  put(out, "asked", e.asked);
  return out;
}

Extension extension_of(const Json& in) {
  Extension out;
  out.sequence = count(in, "sequence");
  out.request_id = in.get_text("request_id");
  out.tokens = number(in, "tokens");
  out.time = duration(in, "time");
  out.call_index = maybe_count(in, "call_index");
  out.asked = flag(in, "asked");
  return out;
}

Json step_json(const StepUse& s) {
  Json out = Json::object();
  put(out, "tokens", s.tokens);
  put(out, "tokens_granted", s.tokens_granted);
  put(out, "time_granted", s.time_granted);
  put(out, "started", s.started);
  put(out, "paused", s.paused);
  put(out, "next_tokens", s.next_tokens);
  put(out, "next_time", s.next_time);
  return out;
}

StepUse step_of(const Json& in) {
  StepUse out;
  out.tokens = number(in, "tokens");
  out.tokens_granted = number(in, "tokens_granted");
  out.time_granted = duration(in, "time_granted");
  out.started = when(in, "started");
  out.paused = duration(in, "paused");
  out.next_tokens = number(in, "next_tokens");
  out.next_time = duration(in, "next_time");
  return out;
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

}  // namespace drover::session
