#pragma once
// Work that programs outside do: the questions and tool calls of agents whose planner is a queue.
// An actor offers an item once its intent is durable; a worker leases it by long poll, keeps the
// lease by heartbeats, and posts the result. While the intent is on its way to the disk the item is
// held: only an answer that is told with that same commit may name it. A lease that is lost
// (expired, given back) makes the actor write a further attempt and offer that. What is on offer or
// leased when its budget's time is over is rung for, and its actor withdraws it. The fence is
// (sequence, attempt): a result of any other attempt than the current one is refused, whoever
// brings it, also after a restart; so leases themselves need not be durable.
//
// A session whose work waits here, or is leased, need not be awake: its actor leaves its items
// without what they tell workers (lighten), which whoever leases one reads from the journal.
//
// Owned by the manager. Loop thread only. Limits: kWorkItemsMax, kWorkPollsMax, kLeaseTimeMax.

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "async/scope.h"
#include "async/sync.h"
#include "session/time_left.h"

namespace drover::session {

using async::Context;
using async::Task;

/// Names one attempt at one effect; its text form is the lease's id.
struct WorkKey {
  SessionId session;
  uint64_t sequence = 0;
  uint32_t attempt = 0;

  auto operator<=>(const WorkKey&) const = default;
  /// "ses_….12.1"
  std::string str() const;
  static Result<WorkKey> parse(std::string_view text);
};

struct WorkItem {
  WorkKey key;
  TenantId tenant;
  std::string queue;
  std::string agent;
  std::string data_class;  // of its session, as text
  bool plan = false;       // a question to the planner; otherwise a tool call
  bool held = false;       // its intent is not durable yet
  Json body;               // what a worker is told beside the key; null: the journal says it
  uint64_t since = 0;      // plan: events from here on belong to the question
};

struct Leased {
  WorkItem item;
  WallTime expires;
};

class WorkQueue {
 public:
  /// Called when a lease has run out, or was given back: then with why, as far as that was said.
  using Lost = std::function<void(const WorkKey& key, const TenantId& tenant, std::string why)>;
  /// Called when the time is over that end_after() gave. The item stays as it is.
  using TimeOver =
      std::function<void(const WorkKey& key, const TenantId& tenant, const OverBudget& budget)>;
  WorkQueue(async::Loop* loop, size_t items_max, Lost lost, TimeOver time_over)
      : loop_(loop),
        items_max_(items_max),
        lost_(std::move(lost)),
        time_over_(std::move(time_over)) {}
  ~WorkQueue();

  /// As many items wait as may: none is offered.
  bool full() const { return waiting_.size() >= items_max_; }
  /// Precondition: not full.
  void offer(WorkItem&& item);
  /// The session's intents are durable: what was held is there for all.
  void show(const SessionId& session);
  /// Rings once, when so much time is over, unless it was withdrawn or lost by then; whatever was
  /// said before. Nothing for an item that neither waits nor is leased.
  void end_after(const WorkKey& key, const TimeLeft& time);
  /// Takes back what waits or is leased (the session ended, a newer attempt).
  void withdraw(const WorkKey& key);
  /// What waits of that session or is leased.
  std::vector<WorkKey> keys_of(const SessionId& session) const;
  /// Forgets what the session's items tell workers.
  void lighten(const SessionId& session);

  /// The class of what waits in that queue for workers of the tenant, each once.
  std::set<std::string> classes(const TenantId& tenant, const std::string& queue) const;

  /// Whether a worker may have that item.
  using MayHave = std::function<bool(const WorkItem& item)>;
  /// Up to `most` items of these queues, of that tenant, that the worker may have; waits up to
  /// `wait` for the first.
  Task<Result<std::vector<Leased>>> lease(Context ctx, TenantId tenant,
                                          std::vector<std::string> queues, Duration wait,
                                          size_t most, Duration lease_time, MayHave may_have);
  /// The next item of that session, if one waits that the worker may have; a held one only for
  /// `ahead`: an answer that is told once the commit is durable, or never.
  std::optional<Leased> lease_of(const SessionId& session, Duration lease_time,
                                 const MayHave& may_have, bool ahead = false);
  /// kNotFound when it is not leased any more.
  Result<WallTime> heartbeat(const TenantId& tenant, const WorkKey& key, Duration lease_time);
  /// Ends a lease without a result: the actor makes another attempt.
  Result<void> give_back(const TenantId& tenant, const WorkKey& key, std::string why);
  bool leased(const WorkKey& key) const { return leases_.count(key) != 0; }
  size_t waiting() const { return waiting_.size(); }

 private:
  struct Lease {
    TenantId tenant;
    MonoTime until;
  };
  using Place = std::list<WorkItem>::iterator;

  struct End {
    MonoTime at;
    TimeLeft time;
  };

  Leased take(Place place, Duration lease_time);
  /// Takes it out of its queue: a list of that one.
  std::list<WorkItem> remove(Place place);
  /// Makes sure that expire() runs at `at` or before.
  void watch(MonoTime at);
  void expire();
  /// When the next one ends; rings for those that have.
  MonoTime ring();
  void forget_end(const WorkKey& key);

  async::Loop* loop_;
  size_t items_max_;
  Lost lost_;
  TimeOver time_over_;
  std::map<std::string, std::list<WorkItem>> queues_;  // oldest first; none is empty
  std::map<WorkKey, Place> waiting_;
  std::map<WorkKey, Lease> leases_;
  std::map<WorkKey, End> ends_;  // of what waits or is leased
  /// By its time and its key, which stands in ends_.
  struct Sooner {
    bool operator()(const std::pair<MonoTime, const WorkKey*>& a,
                    const std::pair<MonoTime, const WorkKey*>& b) const {
      return a.first != b.first ? a.first < b.first : *a.second < *b.second;
    }
  };
  std::set<std::pair<MonoTime, const WorkKey*>, Sooner> by_end_;
  async::WaitQueue news_;
  size_t polls_ = 0;
  async::Loop::TimerId timer_ = 0;
  MonoTime timer_at_{};
};

}  // namespace drover::session
