#pragma once
// The embedded store: one SQLite database file (write-ahead log; a commit is on the disk, but that
// of spans alone, which follow with the next) and a folder of blob files. One writer thread with
// group commit, one thread for short reads, one for searches and upkeep, one for blobs.
//
//   SqliteOptions options;
//   options.folder = "/var/lib/drover";            // made by store/data_folder.h, which locks it
//   TRY(auto store, open_sqlite(options, clock, random));
//
// The seam for a simulated disk is options.vfs_name (a file layer registered with SQLite); with
// inline executors everything runs on the caller's thread and a seed repeats.
// Failure at opening: kDataLoss (not a database), kFailedPrecondition (newer format version),
// kPermissionDenied. Loop thread only; must go before the loop and after all tasks that use it.

#include <memory>

#include "async/sync.h"
#include "base/random.h"
#include "base/time.h"
#include "store/store.h"

namespace drover::store {

struct SqliteOptions {
  /// Holds drover.db and blobs/. Must exist.
  std::string folder;
  std::string vfs_name;
  /// Where blocking work runs; null: threads of the store's own. One handed in must not run two
  /// jobs at once.
  async::Executor* writer = nullptr;
  async::Executor* reader = nullptr;
  async::Executor* upkeep = nullptr;
  async::Executor* blobs = nullptr;
  SpanLimits spans;
  /// The journal stands in log/ (log/log_store.h): this store's own is not used. Without it a
  /// folder of that kind is refused.
  bool journal_in_log = false;
  /// Largest size of the database in pages of 4 KiB; 0: no bound but the disk.
  int64_t pages_max = 0;
};

/// What the embedded store has done since it was opened, for metrics and benchmarks.
struct SqliteStats {
  uint64_t writes = 0;
  uint64_t commits = 0;
  uint64_t syncs = 0;  // commits that synced the write-ahead log
  uint64_t single_retries = 0;
  Duration commit_time{};
};

class SqliteStore : public Store {
 public:
  virtual SqliteStats stats() const = 0;
};

inline constexpr std::string_view kDatabaseName = "drover.db";
inline constexpr std::string_view kBlobsName = "blobs";

/// `clock` is asked on the writer's thread; `random` on the loop. Both must outlive the store.
Result<std::unique_ptr<SqliteStore>> open_sqlite(const SqliteOptions& options, Clock& clock,
                                                 Random& random);

}  // namespace drover::store
