#pragma once
// The machine under the process: a store on a simulated disk that outlives the process, loses power
// and misbehaves as told. Owned by the world; loop thread only.

#include <memory>

#include "base/random.h"
#include "store/journal.h"
#include "world/options.h"

namespace drover::world {

class Machine {
 public:
  virtual ~Machine() = default;
  /// The store, while it is open.
  virtual store::Journal& journal() = 0;
  /// The process was killed: what it had written stays, synced or not.
  virtual void end_process() = 0;
  /// The power goes: what was not synced is lost, or torn.
  virtual void cut_power() = 0;
  /// A process opens the store that it finds.
  virtual async::Task<Result<void>> open(async::Context ctx) = 0;

  virtual void set_sync_time(Duration d) = 0;
  /// While full, nothing can be written.
  virtual void set_full(bool full) = 0;
  /// The next write happens, and its caller hears of an error.
  virtual void lose_next_answer() = 0;
  virtual bool full() const = 0;
  virtual Duration sync_time() const = 0;
};

/// A store in memory (store/memory): the reference form.
std::unique_ptr<Machine> make_memory_machine(Random& random, Plant plant);

}  // namespace drover::world
