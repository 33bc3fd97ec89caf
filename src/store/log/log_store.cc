#include "store/log/log_store.h"

#include "async/worker_pool.h"
#include "base/limits/store.h"
#include "base/log.h"
#include "store/log/log_journal.h"
#include "store/posix_disk.h"
#include "store/sqlite/journal_move.h"
#include "store/sqlite/sqlite_index.h"

namespace drover::store {
namespace {

using log::LogJournal;
using log::LogParts;
using log::SessionIndex;

class Segmented final : public LogStore {
 public:
  Segmented(const LogStoreOptions& options, std::unique_ptr<SqliteStore> rest,
            std::unique_ptr<SessionIndex> index)
      : options_(options),
        rest_(std::move(rest)),
        index_(std::move(index)),
        writer_(async::given_or_own(options.writer, writer_thread_, "log-writer")),
        reader_(async::given_or_own(options.reader, reader_thread_, "log-reader")),
        upkeep_(async::given_or_own(options.upkeep, upkeep_thread_, "log-upkeep")) {}

  ~Segmented() override {
    // What a thread may still hand to the next one is taken by it.
    writer_thread_.reset();
    reader_thread_.reset();
    upkeep_thread_.reset();
    if (journal_ == nullptr) return;
    Result<void> closed = journal_->close();
    if (!closed) LOG_WARN("the journal was not closed: {}", closed.error().to_string());
  }

  Result<void> open(Clock& clock, Random& random) {
    LogParts parts;
    parts.disk = options_.disk == nullptr ? &own_disk_ : options_.disk;
    parts.log.folder = options_.rest.folder + "/" + std::string(kLogName);
    parts.log.segment_bytes = options_.segment_bytes;
    parts.log.reserve_bytes = std::min<uint64_t>(limits::kLogReserveBytes, options_.segment_bytes);
    parts.log.zero_bytes = limits::kLogZeroBytes;
    parts.index = index_.get();
    parts.blobs = &rest_->blobs();
    parts.writer = &writer_;
    parts.reader = &reader_;
    parts.upkeep = &upkeep_;
    parts.clock = &clock;
    parts.random = &random;
    parts.direct_sync_max = options_.direct_sync_max;
    parts.after_direct = options_.after_direct;
    TRY(journal_, LogJournal::open(std::move(parts)));
    return {};
  }

  Journal& journal() override { return *journal_; }
  Records& records() override { return rest_->records(); }
  Documents& documents() override { return rest_->documents(); }
  Spans& spans() override { return rest_->spans(); }
  Blobs& blobs() override { return rest_->blobs(); }
  log::LogWriterStats stats() const override { return journal_->stats(); }
  uint64_t log_syncs() const override { return journal_->log().syncs(); }

 private:
  LogStoreOptions options_;
  PosixDisk own_disk_;
  std::unique_ptr<SqliteStore> rest_;
  std::unique_ptr<SessionIndex> index_;
  std::unique_ptr<async::WorkerPool> writer_thread_;
  std::unique_ptr<async::WorkerPool> reader_thread_;
  std::unique_ptr<async::WorkerPool> upkeep_thread_;
  async::Executor& writer_;
  async::Executor& reader_;
  async::Executor& upkeep_;
  std::unique_ptr<LogJournal> journal_;
};

}  // namespace

Result<std::unique_ptr<LogStore>> open_log_store(const LogStoreOptions& options, Clock& clock,
                                                 Random& random) {
  LogStoreOptions own = options;
  own.rest.journal_in_log = true;
  const std::string& folder = own.rest.folder;
  PosixDisk disk;
  TRY(int64_t moved, sqlite::move_journal(folder + "/" + std::string(kDatabaseName),
                                          own.rest.vfs_name, own.disk == nullptr ? disk : *own.disk,
                                          folder + "/" + std::string(kLogName), random));
  if (moved > 0) LOG_INFO("moved the journal of {} sessions into {}/{}", moved, folder, kLogName);
  TRY(auto rest, open_sqlite(own.rest, clock, random));
  TRY(auto index, open_sqlite_index(folder + "/" + std::string(kIndexName), own.rest.vfs_name));
  auto store = std::make_unique<Segmented>(own, std::move(rest), std::move(index));
  TRY_VOID(store->open(clock, random));
  return std::unique_ptr<LogStore>(std::move(store));
}

}  // namespace drover::store
