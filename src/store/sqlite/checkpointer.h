#pragma once
// Copies the write-ahead log back into the database file, off the writer's thread, so that a commit
// waits for its own sync only. When the log grows past limits::kWalPagesMax all the same, the
// writer does it between two transactions, which lets the log start anew.
//
// committed() is for the writer's thread; the work runs on the executor over a connection of its
// own.

#include <atomic>

#include "async/sync.h"
#include "base/limits/store.h"
#include "store/sqlite/db.h"

namespace drover::store::sqlite {

class Checkpointer {
 public:
  /// Both connections and the executor must outlive it, and its work be done before it goes.
  Checkpointer(Db& writer, Db& own, async::Executor& executor);
  /// After a commit: starts the copying if the log is long.
  void committed();
  /// Pages in the log after the last commit.
  int wal_pages() const { return wal_pages_; }

 private:
  Db& writer_;
  Db& own_;
  async::Executor& executor_;
  int wal_pages_ = 0;  // writer's thread
  std::atomic<bool> running_{false};
};

}  // namespace drover::store::sqlite
