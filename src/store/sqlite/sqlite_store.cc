#include "store/sqlite/sqlite_store.h"

#include "async/worker_pool.h"
#include "store/files.h"
#include "store/sqlite/checkpointer.h"
#include "store/sqlite/journal_move.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_documents.h"
#include "store/sqlite/sqlite_journal.h"
#include "store/sqlite/sqlite_records.h"
#include "store/sqlite/sqlite_spans.h"
#include "store/sqlite/word_counts.h"

namespace drover::store {
namespace sqlite {
namespace {

constexpr int64_t kWriterCacheBytes = 8 << 20;
constexpr int64_t kReaderCacheBytes = 2 << 20;

struct Connections {
  std::unique_ptr<Db> writer;
  std::unique_ptr<Db> reader;
  std::unique_ptr<Db> upkeep;
};

Result<void> prepare_writer(Db& db, const SqliteOptions& options) {
  {
    TRY(Statement mode, db.use("PRAGMA journal_mode = WAL"));
    TRY(bool row, mode.step());
    if (!row || mode.bytes(0) != "wal") {
      return fail(Code::kFailedPrecondition,
                  "the data folder's file system cannot hold a write-ahead log (no shared memory "
                  "or locks); use a local one");
    }
  }
  TRY_VOID(db.exec("PRAGMA synchronous = FULL"));
  // After a burst the log's file is cut back to this.
  TRY_VOID(db.exec("PRAGMA journal_size_limit = 67108864"));
  if (options.pages_max > 0) {
    TRY_VOID(db.exec("PRAGMA max_page_count = " + std::to_string(options.pages_max)));
  }
  return migrate(db);
}

Result<Connections> connect(const SqliteOptions& options) {
  OpenOptions open;
  open.path = options.folder + "/" + std::string(kDatabaseName);
  open.vfs_name = options.vfs_name;
  open.create = true;
  open.cache_bytes = kWriterCacheBytes;
  Connections out;
  TRY(out.writer, Db::open(open));
  TRY_VOID(prepare_writer(*out.writer, options));
  (void)empty_wal(*out.writer);  // a process that ended before it could has left that
  TRY(bool in_log, journal_is_in_log(*out.writer));
  if (in_log && !options.journal_in_log) {
    return fail(Code::kFailedPrecondition, "the journal of " + options.folder +
                                               " stands in its log folder, not in the database");
  }
  open.create = false;
  open.cache_bytes = kReaderCacheBytes;
  TRY(out.reader, Db::open(open));
  TRY_VOID(out.reader->exec("PRAGMA query_only = ON"));
  TRY(out.upkeep, Db::open(open));
  TRY_VOID(add_word_counts(*out.upkeep));
  return out;
}

/// The members are in the order of their dependence, so that the threads end, after the work that
/// waits, before what they work on goes.
class Embedded final : public SqliteStore {
 public:
  Embedded(const SqliteOptions& options, Connections connections, Clock& clock, Random& random)
      : connections_(std::move(connections)),
        files_(options.folder + "/" + std::string(kBlobsName)),
        writer_executor_(async::given_or_own(options.writer, writer_thread_, "sqlite-writer")),
        reader_executor_(async::given_or_own(options.reader, reader_thread_, "sqlite-reader")),
        upkeep_executor_(async::given_or_own(options.upkeep, upkeep_thread_, "sqlite-upkeep")),
        blob_executor_(async::given_or_own(options.blobs, blob_thread_, "blobs")),
        checkpointer_(*connections_.writer, *connections_.upkeep, upkeep_executor_),
        writer_(*connections_.writer, writer_executor_, clock, &checkpointer_),
        reader_(*connections_.reader, reader_executor_),
        upkeep_(*connections_.upkeep, upkeep_executor_),
        blobs_(files_, blob_executor_, random),
        journal_(writer_, reader_, files_, blobs_),
        records_(writer_, reader_, upkeep_),
        documents_(writer_, reader_),
        spans_(writer_, upkeep_, options.spans) {}

  ~Embedded() override {
    // In this order: what a thread may still hand to the next one is taken by it.
    blob_thread_.reset();
    reader_thread_.reset();
    writer_thread_.reset();
    upkeep_thread_.reset();
  }

  Journal& journal() override { return journal_; }
  Records& records() override { return records_; }
  Documents& documents() override { return documents_; }
  Spans& spans() override { return spans_; }
  Blobs& blobs() override { return blobs_; }
  SqliteStats stats() const override {
    const WriterStats s = writer_.stats();
    return SqliteStats{s.writes, s.commits, s.syncs, s.single_retries, s.commit_time};
  }

 private:
  Connections connections_;
  BlobFiles files_;
  std::unique_ptr<async::WorkerPool> writer_thread_;
  std::unique_ptr<async::WorkerPool> reader_thread_;
  std::unique_ptr<async::WorkerPool> upkeep_thread_;
  std::unique_ptr<async::WorkerPool> blob_thread_;
  async::Executor& writer_executor_;
  async::Executor& reader_executor_;
  async::Executor& upkeep_executor_;
  async::Executor& blob_executor_;
  Checkpointer checkpointer_;
  Writer writer_;
  Reader reader_;
  Reader upkeep_;
  FileBlobs blobs_;
  SqliteJournal journal_;
  SqliteRecords records_;
  SqliteDocuments documents_;
  SqliteSpans spans_;
};

}  // namespace
}  // namespace sqlite

Result<std::unique_ptr<SqliteStore>> open_sqlite(const SqliteOptions& options, Clock& clock,
                                                 Random& random) {
  TRY(sqlite::Connections connections, sqlite::connect(options));
  TRY_VOID(make_folder(options.folder + "/" + std::string(kBlobsName)));
  std::unique_ptr<SqliteStore> store =
      std::make_unique<sqlite::Embedded>(options, std::move(connections), clock, random);
  return store;
}

}  // namespace drover::store
