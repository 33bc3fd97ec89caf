#pragma once
// Copies the write-ahead log back into the database file, off the writer's thread, so that a commit
// waits for its own sync only. When the log grows past limits::kWalPagesMax all the same, the
// writer does it between two transactions, which lets the log start anew.
//
// What is erased (overwriting.h) still stands in the log as it was before. The writer therefore
// copies the whole log back and cuts its file to nothing, after the commit and before the answer.
// When a reader is in the way it is tried again, a second later at the earliest, after the next
// write: the sweep of expired records makes one every minute, also where nothing is due. That sweep
// also has it emptied of what records said before they were written over.
//
// committed() and erase_copies() are for the writer's thread; the background work runs on the
// executor over a connection of its own.

#include <atomic>

#include "async/sync.h"
#include "base/limits/store.h"
#include "base/time.h"
#include "store/sqlite/db.h"

namespace drover::store::sqlite {

/// Copies all of the write-ahead log back into the database and cuts its file to nothing, waiting
/// for readers a moment. False: it was in use, or failed (which is logged); nothing is lost.
bool empty_wal(Db& db);

class Checkpointer {
 public:
  /// Both connections and the executor must outlive it, and its work be done before it goes.
  Checkpointer(Db& writer, Db& own, async::Executor& executor);
  /// After a commit: starts the copying if the log is long.
  void committed();
  /// After a commit: empties the log if something was erased since it was last empty.
  void erase_copies(MonoTime now);
  /// Pages in the log after the last commit.
  int wal_pages() const { return wal_pages_; }

 private:
  Db& writer_;
  Db& own_;
  async::Executor& executor_;
  // Of the writer's thread.
  int wal_pages_ = 0;
  bool owed_ = false;  // the log holds what was erased
  MonoTime next_try_{};
  std::atomic<bool> running_{false};
};

}  // namespace drover::store::sqlite
