#include "session/work_queue.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "base/limits/session.h"

namespace drover::session {
namespace {

/// A later end than this is none: times stay sums.
constexpr Duration kEndMost = 100 * 366 * 24h;
/// Of a key beside its session: two numbers and their dots.
constexpr size_t kNumbersBytesMost = 32;

template <typename T>
bool read_number(std::string_view text, T& out) {
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string WorkKey::str() const {
  std::string out;
  out.reserve(session.str().size() + kNumbersBytesMost);
  out += session.str();
  out += '.';
  out += std::to_string(sequence);
  out += '.';
  return out += std::to_string(attempt);
}

Result<WorkKey> WorkKey::parse(std::string_view text) {
  size_t last = text.rfind('.');
  size_t first = last == std::string_view::npos || last == 0 ? std::string_view::npos
                                                             : text.rfind('.', last - 1);
  WorkKey key;
  if (first == std::string_view::npos ||
      !read_number(text.substr(first + 1, last - first - 1), key.sequence) ||
      !read_number(text.substr(last + 1), key.attempt)) {
    return fail(Code::kInvalidArgument, "not a lease: '" + std::string(text.substr(0, 80)) + "'");
  }
  TRY(key.session, SessionId::parse(text.substr(0, first)));
  return key;
}

WorkQueue::~WorkQueue() {
  if (timer_ != 0) loop_->cancel_timer(timer_);
}

void WorkQueue::offer(WorkItem&& item) {
  DROVER_ASSERT(!full());
  WorkKey key = item.key;
  const bool held = item.held;
  std::list<WorkItem>& queue = queues_[item.queue];
  waiting_[std::move(key)] = queue.insert(queue.end(), std::move(item));
  if (!held) news_.wake_all();
}

void WorkQueue::show(const SessionId& session) {
  WorkKey from;
  from.session = session;
  bool shown = false;
  for (auto it = waiting_.lower_bound(from); it != waiting_.end() && it->first.session == session;
       ++it) {
    shown = std::exchange(it->second->held, false) || shown;
  }
  if (shown) news_.wake_all();
}

void WorkQueue::end_after(const WorkKey& key, const TimeLeft& time) {
  forget_end(key);
  if (waiting_.count(key) == 0 && leases_.count(key) == 0) return;
  const MonoTime at = loop_->mono() + std::min<Duration>(time.left, kEndMost);
  auto end = ends_.emplace(key, End{at, time}).first;
  by_end_.emplace(at, &end->first);
  watch(at);
}

void WorkQueue::forget_end(const WorkKey& key) {
  auto it = ends_.find(key);
  if (it == ends_.end()) return;
  by_end_.erase({it->second.at, &it->first});
  ends_.erase(it);
}

void WorkQueue::withdraw(const WorkKey& key) {
  forget_end(key);
  leases_.erase(key);
  auto it = waiting_.find(key);
  if (it == waiting_.end()) return;
  remove(it->second);
}

std::vector<WorkKey> WorkQueue::keys_of(const SessionId& session) const {
  WorkKey from;
  from.session = session;
  std::vector<WorkKey> out;
  auto take_from = [&](const auto& keyed) {
    for (auto it = keyed.lower_bound(from); it != keyed.end() && it->first.session == session;
         ++it) {
      out.push_back(it->first);
    }
  };
  take_from(waiting_);
  take_from(leases_);
  return out;
}

void WorkQueue::lighten(const SessionId& session) {
  WorkKey from;
  from.session = session;
  for (auto it = waiting_.lower_bound(from); it != waiting_.end() && it->first.session == session;
       ++it) {
    it->second->body = Json();
  }
}

std::set<std::string> WorkQueue::classes(const TenantId& tenant, const std::string& queue) const {
  std::set<std::string> out;
  auto items = queues_.find(queue);
  if (items == queues_.end()) return out;
  for (const WorkItem& item : items->second) {
    if (item.tenant == tenant) out.insert(item.data_class);
  }
  return out;
}

std::list<WorkItem> WorkQueue::remove(Place place) {
  waiting_.erase(place->key);
  auto queue = queues_.find(place->queue);
  std::list<WorkItem> out;
  out.splice(out.end(), queue->second, place);
  if (queue->second.empty()) queues_.erase(queue);
  return out;
}

Leased WorkQueue::take(Place place, Duration lease_time) {
  lease_time = std::clamp<Duration>(lease_time, 1ms, limits::kLeaseTimeMax);
  Lease lease;
  lease.tenant = place->tenant;
  lease.until = loop_->mono() + lease_time;
  MonoTime until = lease.until;
  leases_[place->key] = std::move(lease);
  watch(until);
  return Leased{std::move(remove(place).front()), loop_->wall() + lease_time};
}

Task<Result<std::vector<Leased>>> WorkQueue::lease(Context ctx, TenantId tenant,
                                                   std::vector<std::string> queues, Duration wait,
                                                   size_t most, Duration lease_time,
                                                   MayHave may_have) {
  if (polls_ >= limits::kWorkPollsMax) {
    co_return fail(Code::kResourceExhausted, "too many workers wait", Retry::kAfter);
  }
  most = std::clamp<size_t>(most, 1, limits::kWorkItemsPerPollMax);
  Context poll = ctx.with_timeout(std::clamp<Duration>(wait, Duration{}, limits::kWorkPollMax));
  std::vector<Leased> out;
  ++polls_;
  for (;;) {
    for (const std::string& name : queues) {
      auto queue = queues_.find(name);
      if (queue == queues_.end()) continue;
      std::vector<Place> mine;
      for (Place place = queue->second.begin(); place != queue->second.end(); ++place) {
        if (mine.size() + out.size() >= most) break;
        if (place->held || place->tenant != tenant) continue;
        if (may_have(*place)) mine.push_back(place);
      }
      for (Place place : mine) out.push_back(take(place, lease_time));
    }
    if (!out.empty()) break;
    async::Wake wake = co_await news_.wait(poll);
    if (wake != async::Wake::kWoken) break;
  }
  --polls_;
  if (ctx.cancelled() && out.empty()) co_return fail(Code::kCancelled, "the worker left");
  co_return out;
}

std::optional<Leased> WorkQueue::lease_of(const SessionId& session, Duration lease_time,
                                          const MayHave& may_have, bool ahead) {
  WorkKey from;
  from.session = session;
  auto it = waiting_.lower_bound(from);
  if (it == waiting_.end() || it->first.session != session) return std::nullopt;
  // Ahead of the commit no question to a planner, which is asked with what the journal holds, and
  // nothing whose body only the journal has.
  const WorkItem& item = *it->second;
  if (ahead ? item.plan || item.body.is_null() : item.held) return std::nullopt;
  if (!may_have(item)) return std::nullopt;
  return take(it->second, lease_time);
}

Result<WallTime> WorkQueue::heartbeat(const TenantId& tenant, const WorkKey& key,
                                      Duration lease_time) {
  auto it = leases_.find(key);
  if (it == leases_.end() || it->second.tenant != tenant) {
    return Failure(Error(Code::kNotFound, "this lease is over: somebody else may be at it")
                       .with_reason("lease_lost"));
  }
  lease_time = std::clamp<Duration>(lease_time, 1ms, limits::kLeaseTimeMax);
  it->second.until = loop_->mono() + lease_time;
  watch(it->second.until);
  return loop_->wall() + lease_time;
}

Result<void> WorkQueue::give_back(const TenantId& tenant, const WorkKey& key, std::string why) {
  auto it = leases_.find(key);
  if (it == leases_.end() || it->second.tenant != tenant) {
    return fail(Code::kNotFound, "this lease is over");
  }
  leases_.erase(it);
  forget_end(key);
  lost_(key, tenant, std::move(why));
  return {};
}

void WorkQueue::watch(MonoTime at) {
  if (timer_ != 0 && timer_at_ <= at) return;
  if (timer_ != 0) loop_->cancel_timer(timer_);
  timer_at_ = at;
  timer_ = loop_->call_at(at, [this] { expire(); });
}

MonoTime WorkQueue::ring() {
  while (!by_end_.empty() && by_end_.begin()->first <= loop_->mono()) {
    const WorkKey key = *by_end_.begin()->second;
    const TimeLeft time = ends_[key].time;
    forget_end(key);
    auto leased = leases_.find(key);
    auto place = waiting_.find(key);
    if (leased == leases_.end() && place == waiting_.end()) continue;
    const TenantId tenant = leased != leases_.end() ? leased->second.tenant : place->second->tenant;
    time_over_(key, tenant, time.budget());
  }
  return by_end_.empty() ? MonoTime::max() : by_end_.begin()->first;
}

void WorkQueue::expire() {
  timer_ = 0;
  std::vector<std::pair<WorkKey, TenantId>> over;
  MonoTime next = MonoTime::max();
  for (const auto& [key, lease] : leases_) {
    if (lease.until <= loop_->mono()) {
      over.emplace_back(key, lease.tenant);
    } else {
      next = std::min(next, lease.until);
    }
  }
  for (const auto& [key, tenant] : over) {
    leases_.erase(key);
    forget_end(key);
    lost_(key, tenant, "");
  }
  next = std::min(next, ring());
  if (next != MonoTime::max()) watch(next);
}

}  // namespace drover::session
