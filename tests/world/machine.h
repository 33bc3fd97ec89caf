#pragma once
// The machine under the process: a disk that outlives it, loses power and misbehaves as told, and
// the store that the process of the day has open on it. Owned by the world; loop thread only.

#include <memory>

#include "base/random.h"
#include "store/journal.h"
#include "world/options.h"

namespace drover::world {

class Machine {
 public:
  explicit Machine(Plant plant) : plant_(plant) {}
  virtual ~Machine() = default;
  /// A process opens the store that it finds; the store works on the process's loop. While another
  /// process lives, however still it stands, the lock of the data folder refuses it
  /// (kFailedPrecondition; store/data_folder.h).
  Result<void> open(async::Loop& loop);
  /// The store, while it is open.
  virtual store::Journal& journal() = 0;
  /// The process was killed: what it had written stays, synced or not; nothing more is written.
  void end_process();
  /// The power goes: what was not synced is lost, or torn.
  void cut_power();
  /// After either, when the process has wound down: what was open goes.
  virtual void close() = 0;

  virtual void set_sync_time(Duration d) = 0;
  /// While full, nothing can be written.
  virtual void set_full(bool full) = 0;
  /// The next write happens, and its caller hears of an error.
  virtual void lose_next_answer() = 0;
  /// The disk stops within the next few operations, so that the last write is there in part. The
  /// power must be cut soon after.
  virtual void strike(uint64_t operations) = 0;
  virtual bool full() const = 0;
  virtual Duration sync_time() const = 0;

 private:
  virtual Result<void> open_store(async::Loop& loop) = 0;
  virtual void process_ended() = 0;
  virtual void power_gone() = 0;

  Plant plant_;
  bool locked_ = false;
};

/// A store in memory (store/memory): the reference form.
std::unique_ptr<Machine> make_memory_machine(Random& random, Plant plant);
/// The segmented log (store/log) on a disk that tears writes: what runs in production.
std::unique_ptr<Machine> make_log_machine(Random& random, Plant plant);

}  // namespace drover::world
