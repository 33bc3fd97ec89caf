#pragma once
// Wakes parked sessions when a wait is due, and says which ended ones are to be purged. The times
// stand in the index of sessions; only those of the near future are in memory, read ahead a slice
// at a time, so that a million parked sessions cost nothing here. The wall clock may jump: it is
// looked at every second at least.
//
// Owned by the manager. Loop thread only.

#include <functional>
#include <map>
#include <set>

#include "async/scope.h"
#include "async/sync.h"
#include "store/journal.h"

namespace drover::session {

class Timekeeper {
 public:
  /// Called for each session whose time has come. False: there is no place for it now; it is asked
  /// again in a moment, and those behind it wait.
  using Wake = std::function<bool(const SessionId&, const TenantId&, bool ended)>;
  Timekeeper(async::Loop* loop, store::Journal* journal, Wake wake)
      : loop_(loop), journal_(journal), wake_(std::move(wake)) {}

  /// Runs until its context ends.
  async::Task<void> run(async::Context ctx);
  /// A session went to sleep, or ended, and is to be looked at then.
  void add(const SessionId& id, const TenantId& tenant, WallTime due, bool ended);

 private:
  async::Task<Result<void>> read_ahead(async::Context ctx);
  /// Wakes what is due; returns how long nothing will be.
  Duration ring();

  async::Loop* loop_;
  store::Journal* journal_;
  Wake wake_;
  struct Alarm {
    WallTime due;
    SessionId id;
    TenantId tenant;
    bool ended = false;
    auto operator<=>(const Alarm&) const = default;
  };
  std::set<Alarm> alarms_;  // soonest first
  WallTime read_until_{};   // everything due before is in alarms_
  MonoTime read_at_{};
  bool held_up_ = false;  // what is due waits for places
  async::WaitQueue changed_;
};

}  // namespace drover::session
