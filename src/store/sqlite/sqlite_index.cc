#include "store/sqlite/sqlite_index.h"

#include <unistd.h>

#include "base/bytes.h"
#include "base/limits/store.h"
#include "base/log.h"
#include "store/compress.h"
#include "store/sqlite/checkpointer.h"
#include "store/sqlite/db.h"
#include "store/sqlite/session_rows.h"

namespace drover::store {
namespace sqlite {
namespace {

// Another form of the tables is another version; the file is then made anew.
// 2: keys of imported sessions.
constexpr int kIndexVersion = 2;
constexpr int64_t kIndexCacheBytes = 4 << 20;

// The columns are those of session_rows.h, and `position`.
constexpr std::string_view kTables = R"sql(
CREATE TABLE facts (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE sessions (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  position INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  agent TEXT NOT NULL,
  agent_version TEXT NOT NULL,
  status TEXT NOT NULL,
  end_reason TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL,
  last_hash ANY NOT NULL,
  trace_id TEXT NOT NULL,
  root TEXT NOT NULL,
  parent TEXT NOT NULL,
  depth INTEGER NOT NULL,
  waiting_for TEXT NOT NULL,
  due INTEGER,
  steps INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  cost ANY NOT NULL,
  spawns INTEGER NOT NULL,
  reserved_tokens INTEGER NOT NULL,
  reserved_cost ANY NOT NULL,
  pending INTEGER NOT NULL,
  key TEXT
) STRICT;
CREATE INDEX sessions_by_tenant ON sessions (tenant, id);
CREATE INDEX sessions_by_status ON sessions (status, id);
CREATE INDEX sessions_by_root ON sessions (root, id) WHERE root <> '';
CREATE INDEX sessions_by_parent ON sessions (parent, id) WHERE parent <> '';
CREATE INDEX sessions_by_due ON sessions (due, id) WHERE due IS NOT NULL;
CREATE INDEX sessions_by_wait ON sessions (waiting_for, id) WHERE waiting_for <> '';
CREATE INDEX sessions_pending ON sessions (id) WHERE pending <> 0;
CREATE INDEX sessions_open ON sessions (agent, agent_version, id) WHERE status <> 'ended';
CREATE TABLE snapshots (
  id TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL,
  hash ANY NOT NULL,
  packed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

Result<int64_t> one_integer(Db& db, std::string_view sql) {
  TRY(Statement s, db.use(sql));
  TRY(bool row, s.step());
  return row ? s.integer(0) : 0;
}

Result<void> set_fact(Db& db, std::string_view name, uint64_t number, std::string_view bytes) {
  TRY(Statement s, db.use("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)"));
  s.bind(name);
  if (bytes.empty()) {
    s.bind(number);
  } else {
    s.bind_blob(bytes);
  }
  return s.run();
}

/// Runs fn in a transaction; on failure everything is as before.
template <typename F>
Result<void> in_transaction(Db& db, F fn) {
  TRY_VOID(db.exec("BEGIN IMMEDIATE"));
  Result<void> done = fn();
  if (done) done = db.exec("COMMIT");
  if (!done && db.in_transaction()) {
    Result<void> undone = db.exec("ROLLBACK");
    if (!undone) return fail(std::move(done.error()).note(undone.error().to_string()));
  }
  return done;
}

class SqliteIndex final : public log::SessionIndex {
 public:
  SqliteIndex(std::unique_ptr<Db> writer, std::unique_ptr<Db> reader)
      : writer_(std::move(writer)), reader_(std::move(reader)) {}

  Result<log::Position> covered(const std::string& log_id) override {
    TRY(Statement id, reader_->use("SELECT value FROM facts WHERE name = 'log'"));
    TRY(bool known, id.step());
    if (!known || id.bytes(0) != log_id) return 0;
    TRY(int64_t position, one_integer(*reader_, "SELECT value FROM facts WHERE name = 'covered'"));
    return static_cast<log::Position>(position);
  }

  Result<void> reset(const std::string& log_id) override {
    return in_transaction(*writer_, [&]() -> Result<void> {
      TRY_VOID(writer_->exec("DELETE FROM sessions"));
      TRY_VOID(writer_->exec("DELETE FROM snapshots"));
      TRY_VOID(set_fact(*writer_, "log", 0, log_id));
      return set_fact(*writer_, "covered", 0, "");
    });
  }

  Result<void> apply(const std::vector<log::IndexedSession>& sessions,
                     log::Position covered) override {
    if (owed_) owed_ = !empty_wal(*writer_);
    return in_transaction(*writer_, [&]() -> Result<void> {
      for (const log::IndexedSession& session : sessions) {
        TRY_VOID(upsert_at(*writer_, session.row, session.position));
      }
      return set_fact(*writer_, "covered", covered, "");
    });
  }

  Result<std::optional<log::IndexedSession>> find(const SessionId& id) override {
    TRY(auto found, find_at(*reader_, id));
    if (!found) return std::nullopt;
    log::IndexedSession out;
    out.row = std::move(found->first);
    out.position = found->second;
    return out;
  }

  Result<SessionId> newest() override {
    TRY(Statement s, reader_->use("SELECT max(id) FROM sessions"));
    TRY(bool row, s.step());
    return row && !s.is_null(0) ? SessionId(s.text(0)) : SessionId();
  }

  Result<std::vector<SessionRow>> list(const SessionFilter& filter) override {
    return select_sessions(*reader_, filter);
  }
  Result<std::vector<SessionRow>> due(WallTime until, size_t limit) override {
    return select_due(*reader_, until, limit);
  }
  Result<std::vector<SessionRow>> tree(const SessionId& root) override {
    return select_tree(*reader_, root);
  }

  Result<void> remove_snapshot(const SessionId& id) override {
    {
      TRY(Statement s, writer_->use("DELETE FROM snapshots WHERE id = ?"));
      s.bind(id.str());
      TRY_VOID(s.run());
    }
    owed_ = !empty_wal(*writer_);
    return {};
  }

  Result<void> save_snapshot(const SessionId& id, const Snapshot& snapshot) override {
    const std::string packed = compress(snapshot.bytes);
    TRY(Statement s, writer_->use("INSERT OR REPLACE INTO snapshots (id, sequence, hash, packed) "
                                  "VALUES (?,?,?,?)"));
    s.bind(id.str()).bind(snapshot.sequence).bind_hex(snapshot.hash).bind_blob(packed);
    return s.run();
  }

  Result<std::optional<Snapshot>> load_snapshot(const SessionId& id) override {
    TRY(Statement s, reader_->use("SELECT sequence, hash, packed FROM snapshots WHERE id = ?"));
    s.bind(id.str());
    TRY(bool found, s.step());
    if (!found) return std::nullopt;
    Snapshot out;
    out.sequence = static_cast<uint64_t>(s.integer(0));
    out.hash = s.text_or_hex(1);
    TRY(out.bytes, decompress(s.bytes(2), limits::kSnapshotBytesMax));
    return out;
  }

 private:
  std::unique_ptr<Db> writer_;
  std::unique_ptr<Db> reader_;
  bool owed_ = false;  // a removed snapshot still stands in the write-ahead log
};

Result<std::unique_ptr<log::SessionIndex>> open_once(const OpenOptions& base) {
  OpenOptions options = base;
  options.create = true;
  options.cache_bytes = kIndexCacheBytes;
  TRY(auto writer, Db::open(options));
  TRY_VOID(writer->exec("PRAGMA journal_mode = WAL"));
  TRY_VOID(writer->exec("PRAGMA synchronous = NORMAL"));
  TRY_VOID(writer->exec("PRAGMA secure_delete = ON"));  // snapshots of purged sessions
  TRY_VOID(writer->exec("PRAGMA journal_size_limit = 16777216"));
  (void)empty_wal(*writer);  // a process that ended before it could has left that
  TRY(int64_t version, one_integer(*writer, "PRAGMA user_version"));
  if (version == 0) {
    TRY_VOID(in_transaction(*writer, [&]() -> Result<void> {
      TRY_VOID(writer->exec(std::string(kTables)));
      return writer->exec("PRAGMA user_version = " + std::to_string(kIndexVersion));
    }));
  } else if (version != kIndexVersion) {
    return fail(Code::kDataLoss, "another version");
  }
  options.create = false;
  TRY(auto reader, Db::open(options));
  TRY_VOID(reader->exec("PRAGMA query_only = ON"));
  // Damage of the first pages shows here.
  TRY_VOID(one_integer(*reader, "SELECT count(*) FROM facts"));
  std::unique_ptr<log::SessionIndex> index =
      std::make_unique<SqliteIndex>(std::move(writer), std::move(reader));
  return index;
}

}  // namespace
}  // namespace sqlite

Result<std::unique_ptr<log::SessionIndex>> open_sqlite_index(const std::string& path,
                                                             const std::string& vfs_name) {
  sqlite::OpenOptions options;
  options.path = path;
  options.vfs_name = vfs_name;
  auto index = sqlite::open_once(options);
  if (index || index.error().code != Code::kDataLoss) return index;
  LOG_WARN("the index of sessions is made anew from the journal: {}", index.error().message);
  for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((path + suffix).c_str());
  return sqlite::open_once(options);
}

}  // namespace drover::store
