#include "session/state.h"

#include <algorithm>
#include <charconv>

#include "base/limits/session.h"
#include "contract/retention.h"
#include "session/amounts.h"
#include "session/builtins.h"

namespace drover::session {

bool PendingToolCall::on_worker() const {
  return !executor.empty() && executor != kBuiltinExecutor;
}

const Wait* State::find_wait(std::string_view what) const {
  for (const Wait& w : waits) {
    if (w.what == what) return &w;
  }
  return nullptr;
}

const Wait* State::find_wait(uint64_t sequence) const {
  for (const Wait& w : waits) {
    if (w.sequence == sequence) return &w;
  }
  return nullptr;
}

PendingToolCall* State::find_call(uint64_t call_index) {
  for (PendingToolCall& call : tool_calls) {
    if (call.call_index == call_index) return &call;
  }
  return nullptr;
}

const LeasedWork* State::find_leased(uint64_t sequence) const {
  for (const LeasedWork& w : leased) {
    if (w.sequence == sequence) return &w;
  }
  return nullptr;
}

size_t State::waits_left() const {
  return limits::kWaitsMax - std::min(limits::kWaitsMax, waits.size());
}

bool State::held_up(const PendingToolCall& call) const {
  if (call.sequence != 0 || call.ready || call.approved || call.waiting) return false;
  return waits_left() == 0 && agent.needs_approval(call.call.name);
}

bool State::plan_held_up() const {
  return !planned.empty() && planned.front().kind == "wait" && waits_left() == 0;
}

std::optional<WallTime> State::due() const {
  std::optional<WallTime> earliest;
  for (const Wait& w : waits) {
    if (w.until && (!earliest || *w.until < *earliest)) earliest = w.until;
  }
  return earliest;
}

std::optional<WallTime> State::kept_until() const {
  auto until = contract::kept_until(data_class, last_time);
  // Its end is no use of it: nothing begins anew.
  if (until && status == Status::kEnded && reason == contract::kRetentionOver) return last_time;
  if (!until || *until > last_time) return until;
  const auto most = contract::kept_at_most(data_class, last_time);
  auto at_most = [&most](WallTime end) { return most ? std::min(*most, end) : end; };
  if (status == Status::kEnded) return at_most(last_time + limits::kPurgeGrace);
  // A batch is work, by the provider, for as long as the agent said that it may take.
  const bool batched = find_wait("batch") != nullptr;
  const bool rests = status == Status::kWaiting && open_children() == 0 && !batched;
  if (!rests || !contract::kept_while_worked_on_only(data_class)) return most;
  return at_most(last_time + limits::kRestWithNoneMax);
}

std::optional<WallTime> State::look_at() const {
  std::optional<WallTime> waits_until = due();
  std::optional<WallTime> until = kept_until();
  if (!waits_until || !until) return waits_until ? waits_until : until;
  return std::min(*waits_until, *until);
}

size_t State::open_children() const {
  size_t open = 0;
  for (const ChildGroup& group : groups) {
    for (const ChildTask& task : group.tasks) open += task.sequence != 0 && !task.ended ? 1 : 0;
  }
  return open;
}

const std::string& State::prompt_hash() const {
  prompt.count(messages);
  return prompt.hash();
}

int64_t State::prompt_bytes() const {
  prompt.count(messages);
  return prompt.bytes();
}

int64_t State::input_tokens_estimate() const {
  // Three bytes a token leans to too many; tools and framing of a first call are the constant.
  constexpr int64_t kBytesPerToken = 3;
  constexpr int64_t kFirstCall = 256;
  int64_t known = counted_tokens > 0 ? counted_tokens : kFirstCall;
  return known + (prompt_bytes() - counted_bytes) / kBytesPerToken;
}

policy::Needs State::step_needs() const { return policy::Needs::join(agent.needs, planned_needs); }

std::optional<int64_t> State::step_tokens_max() const {
  if (!agent.step_budget.tokens) return std::nullopt;
  return raised(*agent.step_budget.tokens, step.tokens_granted);
}

std::optional<Duration> State::step_time_max() const {
  if (!agent.step_budget.time) return std::nullopt;
  return *agent.step_budget.time + step.time_granted;
}

std::string wait_id(uint64_t sequence) { return "w" + std::to_string(sequence); }

uint64_t parse_wait_id(std::string_view id) {
  uint64_t sequence = 0;
  if (id.size() < 2 || id.front() != 'w') return 0;
  auto [end, ec] = std::from_chars(id.data() + 1, id.data() + id.size(), sequence);
  return ec == std::errc() && end == id.data() + id.size() ? sequence : 0;
}

std::string idempotency_key(const SessionId& session, uint64_t sequence) {
  constexpr size_t kNumberBytesMost = 21;  // with the slash
  std::string out;
  out.reserve(session.str().size() + kNumberBytesMost);
  out += session.str();
  out += '/';
  return out += std::to_string(sequence);
}

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

}  // namespace drover::session
