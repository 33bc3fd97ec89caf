#include "tools/limiter.h"

#include <algorithm>
#include <utility>

#include "base/limits/road.h"

namespace drover::tools {

Limiter::~Limiter() {
  if (timer_ != 0) loop_.cancel_timer(timer_);
}

Limiter::Permit& Limiter::Permit::operator=(Permit&& o) noexcept {
  if (this == &o) return *this;
  finish(Answer::kNone);
  owner_ = std::exchange(o.owner_, nullptr);
  tool_ = std::move(o.tool_);
  turn_ = o.turn_;
  return *this;
}

void Limiter::Permit::finish(Answer answer) {
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->leave(tool_, turn_, answer);
}

// --- Waiting for a turn ---

Task<Result<Limiter::Permit>> Limiter::enter(Context ctx, std::string tool, std::string session) {
  CO_TRY_VOID(ctx.check());
  MonoTime now = loop_.mono();
  Tool& wanted = tool_of(tool);
  if (wanted.order.empty() && may_go(tool, wanted, now)) co_return grant(tool, wanted, now);
  MonoTime until = std::min(ctx.deadline(), now + limits::kToolWaitMax);
  MonoTime open = opens(tool, wanted, now);
  if (open > until) co_return fail(limited(open - now));
  if (waiting_ >= limits::kToolWaitingMax) {
    co_return fail(Error(Code::kResourceExhausted, "too many calls wait for " + who_, Retry::kAfter)
                       .with_reason("limited"));
  }
  Entry entry(this);
  entry.tool = std::move(tool);
  entry.session = std::move(session);
  entry.deadline = until;
  enqueue(&entry);
  arm(now);
  Context bounded = ctx.with_deadline(until);
  async::Wake wake = co_await entry.queue.wait(bounded);
  if (entry.permit) co_return std::move(*entry.permit);
  if (entry.hopeless) co_return fail(limited(*entry.hopeless));
  if (wake == async::Wake::kDeadline && ctx.check().has_value()) {
    co_return fail(
        Error(Code::kResourceExhausted,
              "waited " + format_duration(limits::kToolWaitMax) + " for a turn at " + who_,
              Retry::kAfter)
            .with_reason("limited"));
  }
  co_return fail(async::wake_error(wake, ctx));
}

Error Limiter::limited(Duration wait) const {
  Error out(Code::kResourceExhausted,
            who_ + " takes no call for another " + format_duration(wait) +
                ", by its limits: more than this call may wait",
            Retry::kAfter);
  out.reason = "limited";
  out.retry_after = wait;
  return out;
}

void Limiter::enqueue(Entry* entry) {
  Tool& tool = tool_of(entry->tool);
  if (tool.order.empty()) order_.push_back(entry->tool);
  std::deque<Entry*>& line = tool.waiting[entry->session];
  if (line.empty()) tool.order.push_back(entry->session);
  line.push_back(entry);
  entry->queued = true;
  ++waiting_;
}

/// The first of the session whose turn it is; the session goes to the end of the order.
Limiter::Entry* Limiter::take_first(const std::string& name, Tool& tool) {
  std::string session = std::move(tool.order.front());
  tool.order.pop_front();
  auto line = tool.waiting.find(session);
  Entry* entry = line->second.front();
  line->second.pop_front();
  if (line->second.empty()) {
    tool.waiting.erase(line);
  } else {
    tool.order.push_back(std::move(session));
  }
  if (tool.order.empty()) std::erase(order_, name);
  entry->queued = false;
  --waiting_;
  return entry;
}

void Limiter::forget(Entry* entry) {
  Tool& tool = tool_of(entry->tool);
  auto line = tool.waiting.find(entry->session);
  std::erase(line->second, entry);
  if (line->second.empty()) {
    tool.waiting.erase(line);
    std::erase(tool.order, entry->session);
    if (tool.order.empty()) std::erase(order_, entry->tool);
  }
  entry->queued = false;
  --waiting_;
}

Limiter::Tool& Limiter::tool_of(const std::string& name) {
  auto it = tools_.find(name);
  if (it != tools_.end()) return it->second;
  if (tools_.size() >= limits::kToolGatesMax) forget_idle_tools();
  return tools_[name];
}

void Limiter::forget_idle_tools() {
  MonoTime now = loop_.mono();
  std::erase_if(tools_, [now](const auto& named) {
    const Tool& tool = named.second;
    return tool.order.empty() && tool.gate.in_flight == 0 && tool.gate.not_before <= now;
  });
}

// --- Who may go ---

bool Limiter::has_room(const Gate& gate) {
  return static_cast<double>(gate.in_flight + 1) <= std::max(1.0, gate.window);
}

/// A limit whose time is over is whole again; by how much is known where it was told.
void Limiter::renew(Quota& quota, MonoTime now) {
  constexpr int64_t kUnknown = INT64_MAX / 2;
  if (quota.reset > now) return;
  bool known = quota.limit && quota.window && *quota.window > Duration::zero();
  quota.left = known ? *quota.limit : kUnknown;
  quota.reset = known ? now + *quota.window : MonoTime::max();
}

MonoTime Limiter::opens(const std::string& name, const Tool& tool, MonoTime now) {
  MonoTime out = std::max({now, server_.not_before, tool.gate.not_before});
  for (auto& [key, quota] : quotas_) {
    if (!holds_for(quota, name)) continue;
    renew(quota, now);
    if (quota.left <= 0) out = std::max(out, quota.reset);
  }
  return out;
}

bool Limiter::may_go(const std::string& name, const Tool& tool, MonoTime now) {
  return has_room(server_) && has_room(tool.gate) && opens(name, tool, now) <= now;
}

Limiter::Permit Limiter::grant(const std::string& name, Tool& tool, MonoTime now) {
  ++server_.in_flight;
  ++tool.gate.in_flight;
  for (auto& [key, quota] : quotas_) {
    if (holds_for(quota, name)) --quota.left;
  }
  Permit out;
  out.owner_ = this;
  out.tool_ = name;
  out.turn_ = ++granted_;
  recent_.push_back(name);
  if (recent_.size() > limits::kToolGatesMax) recent_.pop_front();
  return out;
}

bool Limiter::let_one_go(MonoTime now) {
  if (!has_room(server_)) return false;
  for (size_t looked = order_.size(); looked > 0; --looked) {
    std::string name = std::move(order_.front());
    order_.pop_front();
    order_.push_back(name);
    Tool& tool = tool_of(name);
    if (!may_go(name, tool, now)) continue;
    Entry* entry = take_first(name, tool);
    entry->permit = grant(name, tool, now);
    entry->queue.wake_all();
    return true;
  }
  return false;
}

void Limiter::pump() {
  MonoTime now = loop_.mono();
  while (waiting_ > 0 && let_one_go(now)) {
  }
  arm(now);
}

/// A timer for the first tool that only time keeps back; the others go when a call has ended.
void Limiter::arm(MonoTime now) {
  MonoTime first = MonoTime::max();
  for (const std::string& name : order_) {
    MonoTime open = opens(name, tool_of(name), now);
    if (open > now) first = std::min(first, open);
  }
  if (timer_ != 0 && armed_for_ == first) return;
  if (timer_ != 0) loop_.cancel_timer(std::exchange(timer_, 0));
  if (first == MonoTime::max()) return;
  armed_for_ = first;
  timer_ = loop_.call_at(first, [this] {
    timer_ = 0;
    pump();
  });
}

void Limiter::refuse_the_hopeless(MonoTime now) {
  std::vector<Entry*> all;
  for (const std::string& name : order_) {
    Tool& tool = tool_of(name);
    MonoTime open = opens(name, tool, now);
    for (auto& [session, line] : tool.waiting) {
      for (Entry* entry : line) {
        if (entry->deadline >= open) continue;
        entry->hopeless = open - now;
        all.push_back(entry);
      }
    }
  }
  for (Entry* entry : all) {
    forget(entry);
    entry->queue.wake_all();
  }
}

// --- What answers teach ---

void Limiter::heard(const std::string& tool, uint64_t turn, const http::ResponseHead& head) {
  MonoTime now = loop_.mono();
  RateWord word = read_rate_word(head.headers, loop_.wall());
  bool busy = head.status == 429 || head.status == 503;
  for (const RateQuota& quota : word.quotas) learn(tool, turn, quota, now);
  if (busy && word.retry_after) {
    bool everyone = one_url_ || tool.empty() || head.status == 503;
    pause(everyone ? server_ : tool_of(tool).gate, spread(*word.retry_after), now);
  }
  if (!busy && word.quotas.empty()) return;
  refuse_the_hopeless(now);
  pump();
}

/// A little more than was told, for not everybody comes back at once.
Duration Limiter::spread(Duration told) {
  told = std::min<Duration>(told, limits::kRetryAfterMax);
  Duration most = std::min<Duration>(told / 10, limits::kToolJitterMax);
  if (random_ == nullptr || most <= Duration::zero()) return told;
  return told + Duration(static_cast<int64_t>(random_->unit() * static_cast<double>(most.count())));
}

void Limiter::pause(Gate& gate, Duration told, MonoTime now) {
  gate.not_before = std::max(gate.not_before, now + told);
}

Limiter::Quota& Limiter::quota_of(const std::string& key) {
  auto it = quotas_.find(key);
  if (it != quotas_.end()) return it->second;
  if (quotas_.size() >= limits::kToolQuotasMax) {
    quotas_.erase(std::min_element(
        quotas_.begin(), quotas_.end(),
        [](const auto& a, const auto& b) { return a.second.reset < b.second.reset; }));
  }
  return quotas_[key];
}

int64_t Limiter::granted_since(const Quota& quota, uint64_t turn) const {
  uint64_t since = granted_ - turn;
  if (quota.all || since > recent_.size()) return static_cast<int64_t>(since);
  int64_t out = 0;
  for (uint64_t i = 0; i < since; ++i) {
    out += holds_for(quota, recent_[recent_.size() - 1 - i]) ? 1 : 0;
  }
  return out;
}

void Limiter::learn(const std::string& tool, uint64_t turn, const RateQuota& said, MonoTime now) {
  bool named = !said.name.empty();
  std::string key = named ? "n" + said.name : one_url_ ? std::string("all") : "t" + tool;
  Quota& quota = quota_of(key);
  if (tool.empty() || (!named && one_url_)) quota.all = true;
  if (!quota.all && quota.tools.size() < limits::kToolGatesMax) quota.tools.insert(tool);
  if (said.limit) quota.limit = said.limit;
  if (said.window) {
    quota.window = said.window;
  } else if (said.reset) {
    // The longest time to a reset comes close to the window, where that is not told.
    quota.window = std::max(quota.window.value_or(Duration::zero()), *said.reset);
  }
  Duration reset =
      said.reset.value_or(said.left > 0 ? quota.window.value_or(limits::kQuotaPauseDefault)
                                        : limits::kQuotaPauseDefault);
  quota.reset = now + spread(reset);
  // What was let go later than the call whose answer this is has come to the server later: it is
  // not counted in what the answer says, whichever answer comes first.
  quota.left = said.left - (turn == 0 ? 0 : granted_since(quota, turn));
}

void Limiter::answered(Gate& gate) {
  gate.refusals = 0;
  // Only a window that is used shows that more would be borne.
  if (static_cast<double>(gate.in_flight) * 2 < gate.window) return;
  constexpr double kCareful = 8;
  bool careful = gate.window + 1 >= gate.borne;
  gate.window += (careful ? 1 / kCareful : 1) / gate.window;
  gate.window = std::min(limits::kToolWindowMax, gate.window);
  gate.borne = std::max(gate.borne, gate.window);
}

void Limiter::refused(Gate& gate, uint64_t turn, MonoTime now) {
  // One burst is one sign, however many of it were refused.
  if (turn <= gate.cut_at) return;
  gate.cut_at = granted_;
  gate.borne = gate.window;
  gate.window = std::max(1.0, gate.window / 2);
  Duration wait = limits::kToolBackoff * (int64_t{1} << std::min(gate.refusals, 10));
  wait = std::min<Duration>(wait, limits::kToolBackoffMax);
  ++gate.refusals;
  if (gate.not_before > now) return;  // it was told how long
  if (random_ != nullptr) {
    wait -= Duration(static_cast<int64_t>(random_->unit() * static_cast<double>(wait.count()) / 2));
  }
  pause(gate, wait, now);
}

void Limiter::leave(const std::string& tool, uint64_t turn, Permit::Answer answer) {
  Tool& left = tool_of(tool);
  MonoTime now = loop_.mono();
  if (answer == Permit::Answer::kGiven) {
    answered(server_);
    answered(left.gate);
  } else if (answer == Permit::Answer::kBusyTool && !one_url_) {
    refused(left.gate, turn, now);
  } else if (answer != Permit::Answer::kNone) {
    refused(server_, turn, now);
  }
  --server_.in_flight;
  --left.gate.in_flight;
  pump();
}

}  // namespace drover::tools
