#pragma once
// Internal to src/road: who may call now, who waits, and who is refused. A call needs a place in
// this process and one at an endpoint of its placement (room.h). Calls stated to be fast come
// first, all others after them; within that, tenants share fairly (fair_queue.h).
//
//   fast   never waits behind slow work: it has places of its own, and is always served first.
//   slow   waits while others need the places.
//   auto   is fast while the load is light and slow while it is heavy (room.h); it never takes the
//          places kept for fast.
//
// Refused at once (429 or 503, with the time after which a place is likely, from how fast calls
// were served): a call whose deadline, or whose class's longest wait, would pass while it waits;
// and what does not fit into the queue, the newest call of whoever has most waiting, slow work
// first. A call that is alone to blame is told 429, one that others crowd out 503.
//
// While nobody waits, coming and going is a handful of comparisons: no allocation, no search. Pure;
// the time is handed in. Loop thread only. Bounded: ClassSettings::waiting calls wait or rest;
// rooms are those of the catalog, and those of catalogs before that calls are in.

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "road/fair_queue.h"
#include "road/road.h"

namespace drover::road {

/// A call's places, while it has them.
struct Seat {
  /// What is served: kFast or kSlow.
  ServiceClass path = ServiceClass::kFast;
  /// Stated to be fast.
  bool fast = false;
  Room* room = nullptr;
  const catalog::Endpoint* endpoint = nullptr;
  MonoTime taken{};
};

class Admission {
 public:
  explicit Admission(ClassSettings settings);
  void configure(ClassSettings settings, MonoTime now);
  const ClassSettings& settings() const { return settings_; }

  /// Which way a call goes: auto by the load of the process and of where it may run.
  ServiceClass path_of(ServiceClass service_class, const Placement& placement, MonoTime now);
  /// Takes a place in the process and at the first endpoint that has one; false: it must wait.
  bool enter(Seat& seat, const Placement& placement, MonoTime now);
  /// Puts it into the queue, or refuses it. Filled in: whose it is, its cost and until when.
  Result<void> wait(Ticket& ticket, const Seat& seat, const Placement& placement, MonoTime now);
  /// Takes what was granted: `ticket` was woken.
  void take(Ticket& ticket, Seat& seat, const Placement& placement, MonoTime now);
  /// It no longer waits: its caller left, or its time is over. What it was granted is given back.
  void give_up(Ticket& ticket, MonoTime now);
  Error refusal(const Ticket& ticket, std::string why, MonoTime now) const;
  /// Nobody is served any more: all who wait are woken.
  void close();
  /// Gives the places back, and to whom waits for them.
  void leave(Seat& seat, MonoTime now);

  /// Moves on to another endpoint; false: it has no place.
  bool move(Seat& seat, const catalog::Catalog& catalog, const catalog::Endpoint& endpoint,
            MonoTime now);
  /// A place at another endpoint beside it; null: it has none. put_beside() gives it back.
  Room* take_beside(const Seat& seat, const catalog::Catalog& catalog,
                    const catalog::Endpoint& endpoint, MonoTime now);
  void put_beside(Room* room, const Seat& seat, Duration took, MonoTime now);

  /// A slow call that rests between two rounds counts as waiting; false: too many do.
  bool rest();
  void rested() { --resting_; }

  /// Hands `look` each endpoint's room whose wait may have changed since the last time.
  template <typename Look>
  void take_changes(Look&& look) {
    for (Room* room : changed_) {
      room->seen();
      look(*room);
    }
    changed_.clear();
  }

  size_t waiting(bool fast) const { return (fast ? fast_ : others_).size(); }
  size_t resting() const { return resting_; }
  const Room& process() const { return process_; }
  Room& room(const catalog::Catalog& catalog, const catalog::Endpoint& endpoint);
  /// All rooms, for reports.
  size_t rooms() const { return by_name_.size(); }

 private:
  void load(const catalog::Catalog& catalog);
  void configure(Room& room, const catalog::Endpoint& endpoint);
  /// Serves whoever can be served.
  void serve(MonoTime now);
  Result<void> make_room_for(Ticket& ticket, MonoTime now);
  FairQueue& queue(bool fast) { return fast ? fast_ : others_; }
  const FairQueue& queue(bool fast) const { return fast ? fast_ : others_; }
  size_t all_waiting() const { return fast_.size() + others_.size() + resting_; }

  ClassSettings settings_;
  std::vector<Room*> changed_;  // each once
  Room process_{"process"};
  FairQueue fast_;
  FairQueue others_;
  size_t resting_ = 0;
  // Of the catalog that `epoch_` is of, by an endpoint's index; and all by name.
  const catalog::Catalog* catalog_ = nullptr;
  uint64_t epoch_ = 0;
  std::vector<Room*> by_index_;
  std::unordered_map<std::string, std::unique_ptr<Room>> by_name_;
};

}  // namespace drover::road
