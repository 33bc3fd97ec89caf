#pragma once
// The journal as an append-only log (store/journal.h): appends go into one log with group commit,
// each session a chain of frames in it, and an index derived from the log says where each chain
// ends and what its session's row is. FORMAT.md describes the bytes.
//
//   append   on the loop: the fence, the frame. On the writer: one write and one sync for all that
//            wait. On the loop: the row into the overlay. Some time later: the overlay into the
//            index.
//   read     the newest commit from memory, older ones from the log on the reader
//   list …   the index on the reader, with the overlay laid over it
//
// One loop. Everything handed in outlives it. With inline or simulated executors, a SimDisk and a
// MemoryIndex the same code runs on pretended time, and a seed repeats.

#include <memory>
#include <unordered_set>

#include "base/limits/store.h"
#include "store/blobs.h"
#include "store/log/chain_reader.h"
#include "store/log/log_writer.h"
#include "store/log/row_cache.h"

namespace drover::store::log {

struct LogParts {
  Disk* disk = nullptr;
  LogOptions log;
  SessionIndex* index = nullptr;
  /// Payloads above `inline_payload_bytes_max` go there.
  Blobs* blobs = nullptr;
  async::Executor* writer = nullptr;  // writes and syncs
  async::Executor* reader = nullptr;  // reads of log and index
  async::Executor* upkeep = nullptr;  // changes of the index
  Clock* clock = nullptr;             // asked on the writer
  Random* random = nullptr;           // for the id of a new log
  size_t inline_payload_bytes_max = limits::kInlinePayloadBytesMax;
  /// Zero: no write on the loop itself (log_writer.h).
  Duration direct_sync_max = limits::kLogDirectSyncMax;
  /// As in log_writer.h; may be null.
  std::function<void()> after_direct;
};

class LogJournal final : public Journal {
 public:
  /// Finds the log's end and brings the index up to it. Blocking. kDataLoss, kFailedPrecondition
  /// (a newer format), or what the disk says.
  static Result<std::unique_ptr<LogJournal>> open(LogParts parts);
  ~LogJournal() override;

  Task<Result<void>> append(Context ctx, SessionRow row, uint64_t expected_last,
                            std::vector<contract::Event> events) override;
  Task<Result<std::vector<contract::Event>>> read(Context ctx, SessionId session, uint64_t from,
                                                  size_t max_events) override;
  Task<Result<SessionRow>> find(Context ctx, SessionId session) override;
  Task<Result<std::vector<SessionRow>>> list(Context ctx, SessionFilter filter) override;
  Task<Result<std::vector<SessionRow>>> due(Context ctx, WallTime until, size_t limit) override;
  Task<Result<TreeTotals>> tree(Context ctx, SessionId root) override;
  Task<Result<void>> save_snapshot(Context ctx, SessionId session, Snapshot snapshot) override;
  Task<Result<std::optional<Snapshot>>> load_snapshot(Context ctx, SessionId session) override;
  Task<Result<void>> erase(Context ctx, SessionId session) override;
  Duration last_sync() const override { return writer_.last_sync(); }

  /// Brings the index up and marks the log as complete, so that the next start is quick. Blocking;
  /// when nothing is under way any more and the executors are idle. Without it nothing is lost.
  Result<void> close();
  const Log& log() const { return *log_; }
  LogWriterStats stats() const { return writer_.stats(); }

 private:
  using EntryPtr = RowCache::EntryPtr;
  LogJournal(LogParts parts, std::unique_ptr<Log> log, SessionId newest);

  Task<Result<void>> append_held(Context ctx, EntryPtr entry, std::shared_ptr<Commit> commit);
  Task<Result<void>> put_blobs(Context ctx, Commit* commit);
  Task<Result<std::vector<contract::Event>>> events_of(Context ctx, std::vector<Commit> commits,
                                                       uint64_t from, uint64_t to);
  Task<Result<std::optional<IndexedSession>>> locate(Context ctx, SessionId id);
  Task<Result<std::optional<IndexedSession>>> look_up(Context ctx, SessionId id);
  /// Runs a query of the index, again if the overlay went into the index meanwhile.
  template <typename F>
  Task<Result<std::vector<SessionRow>>> query(Context ctx, F fn);
  bool surely_new(const SessionId& id) const;
  void remember_new(const SessionId& id);
  void committed(const EntryPtr& entry, Commit& commit, LogWriter::Job& job);
  void plan_index(async::Loop& loop);
  void start_index(async::Loop& loop);
  void finish_index(uint64_t change, const Result<void>& done);

  LogParts parts_;
  std::unique_ptr<Log> log_;
  LogWriter writer_;
  ChainReader chains_;
  RowCache cache_;

  // Ids above `old_ids_up_to_` that are not in `recent_ids_` (hashes) do not exist.
  SessionId old_ids_up_to_;
  SessionId newest_id_;
  std::unordered_set<size_t> recent_ids_;

  async::Loop* loop_ = nullptr;  // known from the first append
  async::Loop::TimerId index_timer_ = 0;
  bool indexing_ = false;
  bool index_failing_ = false;
  uint64_t indexed_times_ = 0;
  Position committed_ = 0;  // all commits before it are in the overlay or the index
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace drover::store::log
