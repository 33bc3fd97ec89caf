#pragma once
// The pretended disk under the in-memory store: it decides when a write is durable, and can be told
// to fail, to lose an answer, or to crash, forgetting what was not synced. The fault hook of the
// world simulation and of tests.
//
//   disk.sync_time = 2ms;                      // a write answers after this much virtual time
//   disk.fail_next(Error(Code::kResourceExhausted, "disk full"));
//   disk.crash();                              // what was not answered yet is undone
//
// Owned by the MemoryStore. Loop thread only.

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "async/context.h"
#include "async/task.h"

namespace drover::store {

class MemoryDisk {
 public:
  /// How long a sync takes; zero: a write is durable at once.
  Duration sync_time{};

  /// The next `writes` writes fail with this error and change nothing.
  void fail_next(Error error, size_t writes = 1);
  /// Writes fail once that many more were made, until heal().
  void fail_after(size_t writes, Error error) {
    passes_ = writes;
    broken_ = std::move(error);
  }
  void heal() { broken_.reset(); }
  /// The next write is kept, but its caller gets this error: the outcome that is hardest to handle.
  void lose_next_answer(Error error) { lost_answers_.push_back(std::move(error)); }
  /// Undoes every write that was not durable yet; their callers get kUnavailable.
  void crash();
  /// Writes that became durable since the start.
  uint64_t syncs() const { return syncs_; }

  // For the in-memory stores.
  /// First thing of a write: the planned failure, if there is one.
  Result<void> admit();
  /// Last thing of a write: waits until it is durable. `undo` takes back what was changed.
  async::Task<Result<void>> commit(async::Context ctx, std::function<void()> undo);

 private:
  struct Pending {
    uint64_t number;
    std::function<void()> undo;
  };
  std::deque<Error> failures_;
  size_t passes_ = 0;
  std::optional<Error> broken_;
  std::deque<Error> lost_answers_;
  std::deque<Pending> pending_;  // oldest first
  uint64_t next_ = 1;
  uint64_t syncs_ = 0;
};

}  // namespace drover::store
