#pragma once
// Internal to src/road: the calls of one priority that wait for a place, in fair order between
// tenants: start-time fair queueing (Goyal, Vin and Cheng, 1996). Each call gets a tag, the time at
// which it would begin if every tenant were served its share at once; the smallest tag comes first.
// A call counts by its tokens, as quotas do. So over any time in which two tenants wait, what each
// was served divided by its weight differs by at most one call of each; nobody starves; a tenant
// who comes new stands beside the others' next calls, not behind all their waiting ones.
//
// Calls wait for any of their own endpoints. Those that wait for the same ones are a group, so that
// a full endpoint holds up nobody who waits for another.
//
// Pure; the time is handed in. Loop thread only. A ticket lives with whoever waits, and leaves the
// queue before it goes.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "async/wait.h"
#include "road/room.h"

namespace drover::road {

class FairQueue;

/// One call that waits.
struct Ticket {
  std::string tenant;
  double weight = 1;
  double cost = 1;
  std::vector<Room*> wants;  // in order
  /// Its owner leaves then.
  MonoTime until = MonoTime::max();
  bool fast = false;

  enum class State : uint8_t { kNew, kWaiting, kGranted, kPushedOut };
  State state = State::kNew;
  /// Granted: it is taken.
  Room* room = nullptr;
  /// Woken when it is no longer waiting.
  async::WaitQueue changed;

 private:
  friend class FairQueue;
  struct Flow;
  struct Group;
  double tag_ = 0;
  uint64_t number_ = 0;
  Flow* flow_ = nullptr;
  Group* group_ = nullptr;
  Ticket* older_ = nullptr;  // of its tenant
  Ticket* newer_ = nullptr;
};

class FairQueue {
 public:
  struct ByTag {
    bool operator()(const Ticket* a, const Ticket* b) const {
      return a->tag_ != b->tag_ ? a->tag_ < b->tag_ : a->number_ < b->number_;
    }
  };
  FairQueue();
  ~FairQueue();
  void add(Ticket& ticket, MonoTime now);
  /// It left, or was pushed out.
  void remove(Ticket& ticket);
  /// The first one that one of its rooms has a place for, with that room; it is out of the queue.
  Ticket* take_first(bool fast, MonoTime now);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// How long it (waiting, or about to) will wait, by how fast its group was served lately; nullopt
  /// where that is not known.
  std::optional<Duration> wait_of(const Ticket& ticket, MonoTime now) const;
  /// The newest call of the tenant that has the most waiting for its weight.
  Ticket* newest_of_largest() const;
  /// Calls of the tenant that wait, over its weight.
  double backlog(const Ticket& ticket) const;

 private:
  using Flow = Ticket::Flow;
  using Group = Ticket::Group;
  void unlink(Ticket& ticket);
  void forget_idle_flows();

  /// By tenant. One without calls is kept until its share has caught up.
  std::unordered_map<std::string, std::unique_ptr<Flow>> flows_;
  std::map<std::vector<Room*>, std::unique_ptr<Group>> groups_;
  double virtual_time_ = 0;
  double weight_ = 0;  // of the tenants that wait
  uint64_t next_ = 0;
  size_t size_ = 0;
};

}  // namespace drover::road
