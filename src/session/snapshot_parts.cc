#include "session/snapshot_parts.h"

#include "session/snapshot_members.h"

namespace drover::session::snapshots {

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

}  // namespace drover::session::snapshots
