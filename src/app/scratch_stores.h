#pragma once
// The stores for sessions' scratch data (`stores:` in drover.yaml), opened: for each a folder with
// an embedded store and one thread. Owned by the runtime; outlives all who use them, and goes
// before the loop. Loop thread only. Errors of opening name the store.

#include <map>
#include <memory>
#include <string>

#include "async/worker_pool.h"
#include "memory/memory.h"
#include "store/data_folder.h"
#include "store/store.h"

namespace drover::app {

class ScratchStores {
 public:
  /// `folders`: by the stores' names. In memory: nothing is opened, and nothing survives.
  Result<void> open(const std::map<std::string, std::string>& folders, bool in_memory, Clock& clock,
                    Random& random);
  bool any() const { return !stores_.empty(); }
  void add_to(memory::Memory& memory);

 private:
  struct One {
    std::unique_ptr<store::DataFolder> folder;
    std::unique_ptr<async::WorkerPool> thread;
    std::unique_ptr<store::Store> store;
  };
  std::map<std::string, One> stores_;
};

}  // namespace drover::app
