#pragma once
// The store that `drover serve` uses: the journal as a segmented log (log_journal.h) with its index
// in index.db, and records, documents, spans and blobs as in sqlite/sqlite_store.h. A folder whose
// journal still stands in the database is brought over when it is opened.
//
//   LogStoreOptions options;
//   options.rest.folder = "/var/lib/drover";       // locked by store/data_folder.h
//   TRY(auto store, open_log_store(options, clock, random));
//
// Threads of its own: one that writes and syncs, one that reads, one that keeps the index.
// Loop thread only; must go before the loop and after all tasks that use it.

#include <memory>

#include "base/limits/store.h"
#include "store/log/log_writer.h"
#include "store/sqlite/sqlite_store.h"

namespace drover::store {

inline constexpr std::string_view kLogName = "log";

struct LogStoreOptions {
  /// Folder, spans and executors of everything but the journal.
  SqliteOptions rest;
  /// Where the journal's files are; null: the machine's disk.
  Disk* disk = nullptr;
  uint64_t segment_bytes = limits::kLogSegmentBytes;
  /// As in log_journal.h.
  Duration direct_sync_max = limits::kLogDirectSyncMax;
  std::function<void()> after_direct;
  /// Where the journal's work runs; null: threads of its own. One handed in must not run two jobs
  /// at once.
  async::Executor* writer = nullptr;
  async::Executor* reader = nullptr;
  async::Executor* upkeep = nullptr;
};

class LogStore : public Store {
 public:
  virtual log::LogWriterStats stats() const = 0;
  virtual uint64_t log_syncs() const = 0;
};

/// `clock` is asked on the writers' threads; `random` on the loop. Both must outlive the store.
Result<std::unique_ptr<LogStore>> open_log_store(const LogStoreOptions& options, Clock& clock,
                                                 Random& random);

}  // namespace drover::store
