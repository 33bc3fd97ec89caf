#include "store/sqlite/schema.h"

#include <iterator>

namespace drover::store::sqlite {
namespace {

// How to change the format: append a migration, never edit one that was released. Each runs on the
// tables that the ones before it left.

// 1: documents alone (Drover's own settings and keys).
constexpr std::string_view kDocuments = R"sql(
CREATE TABLE documents (
  collection TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (collection, name)
) STRICT, WITHOUT ROWID;
)sql";

// 2: sessions and events. `position` orders events over all sessions, so that appends of many
// sessions fill the same last page; the payload stands apart from the envelope, so that a purge
// can remove it and its salt. Columns of type ANY hold hex as bytes (Statement::bind_hex).
constexpr std::string_view kJournal = R"sql(
CREATE TABLE sessions (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  agent TEXT NOT NULL,
  agent_version TEXT NOT NULL,
  status TEXT NOT NULL,
  end_reason TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL,
  last_hash ANY NOT NULL,
  trace_id TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_tenant ON sessions (tenant, id);
CREATE INDEX sessions_by_status ON sessions (status, id);
CREATE TABLE events (
  position INTEGER PRIMARY KEY,
  session INTEGER NOT NULL REFERENCES sessions (number),
  sequence INTEGER NOT NULL,
  id TEXT NOT NULL,
  time INTEGER NOT NULL,
  kind TEXT NOT NULL,
  causation INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  actor_type TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  data_class TEXT NOT NULL,
  payload_ref TEXT NOT NULL,
  salt ANY,
  commitment ANY NOT NULL,
  previous_hash ANY NOT NULL,
  hash ANY NOT NULL,
  extra TEXT,
  payload TEXT,
  blob ANY
) STRICT;
CREATE UNIQUE INDEX events_by_session ON events (session, sequence);
)sql";

// 3: memory records with their full-text index, and spans. The index holds each record's namespace
// as one word of its own column, so that a search never walks another tenant's records.
constexpr std::string_view kRecordsAndSpans = R"sql(
CREATE TABLE name_spaces (
  number INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  records INTEGER NOT NULL DEFAULT 0,
  words INTEGER NOT NULL DEFAULT 0,
  UNIQUE (tenant, name)
) STRICT;
CREATE TABLE records (
  number INTEGER PRIMARY KEY,
  name_space INTEGER NOT NULL REFERENCES name_spaces (number),
  key TEXT NOT NULL,
  scope TEXT NOT NULL,
  text TEXT NOT NULL,
  words INTEGER NOT NULL,
  value TEXT NOT NULL,
  version INTEGER NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  source TEXT NOT NULL,
  UNIQUE (name_space, key)
) STRICT;
CREATE INDEX records_by_update ON records (name_space, updated, number);
CREATE VIRTUAL TABLE records_text USING fts5 (
  scope, text, content = 'records', content_rowid = 'number',
  tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER records_added AFTER INSERT ON records BEGIN
  INSERT INTO records_text (rowid, scope, text) VALUES (new.number, new.scope, new.text);
END;
CREATE TRIGGER records_removed AFTER DELETE ON records BEGIN
  INSERT INTO records_text (records_text, rowid, scope, text)
    VALUES ('delete', old.number, old.scope, old.text);
END;
CREATE TRIGGER records_changed AFTER UPDATE OF text ON records BEGIN
  INSERT INTO records_text (records_text, rowid, scope, text)
    VALUES ('delete', old.number, old.scope, old.text);
  INSERT INTO records_text (rowid, scope, text) VALUES (new.number, new.scope, new.text);
END;
CREATE TABLE spans (
  number INTEGER PRIMARY KEY,
  trace BLOB NOT NULL,
  span BLOB NOT NULL,
  parent TEXT NOT NULL,
  sampled INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  session TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  start INTEGER NOT NULL,
  duration INTEGER NOT NULL,
  error INTEGER NOT NULL,
  attributes TEXT NOT NULL,
  events TEXT NOT NULL
) STRICT;
CREATE INDEX spans_by_trace ON spans (trace, start);
CREATE INDEX spans_by_session ON spans (session, start) WHERE session <> '';
)sql";

// 4: trees, waits, budgets and snapshots. A session that is its own root has an empty one. Money is
// a number of pico-dollars, or text where that needs more than 64 bits.
constexpr std::string_view kTreesAndWaits = R"sql(
ALTER TABLE sessions ADD COLUMN root TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN parent TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN waiting_for TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN due INTEGER;
ALTER TABLE sessions ADD COLUMN steps INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN cost ANY NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN spawns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN reserved_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN reserved_cost ANY NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN pending INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sessions_by_root ON sessions (root, id) WHERE root <> '';
CREATE INDEX sessions_by_parent ON sessions (parent, id) WHERE parent <> '';
CREATE INDEX sessions_by_due ON sessions (due, id) WHERE due IS NOT NULL;
CREATE INDEX sessions_by_wait ON sessions (waiting_for, id) WHERE waiting_for <> '';
CREATE INDEX sessions_pending ON sessions (id) WHERE pending <> 0;
CREATE INDEX sessions_open ON sessions (agent, agent_version, id) WHERE status <> 'ended';
CREATE TABLE snapshots (
  session INTEGER PRIMARY KEY REFERENCES sessions (number),
  sequence INTEGER NOT NULL,
  hash ANY NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
)sql";

// 5: where the journal is. With the fact journal = log it stands in segments beside the database
// (log/FORMAT.md), which an older program would not see: it must refuse.
constexpr std::string_view kFacts = R"sql(
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
)sql";

// 6: spans packed, a batch to a row; the packs' keys and bounds stand apart, so that a search
// through them does not read the spans. Those of the old table go: they were kept for some days at
// most.
constexpr std::string_view kSpanPacks = R"sql(
DROP TABLE spans;
CREATE TABLE span_packs (
  number INTEGER PRIMARY KEY,
  up_to INTEGER NOT NULL,
  spans INTEGER NOT NULL,
  newest INTEGER NOT NULL,
  keys BLOB NOT NULL
) STRICT;
CREATE TABLE span_rows (
  number INTEGER PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;
)sql";

// 7: the class of what a record says, as text. Of older ones nothing is said.
constexpr std::string_view kRecordClasses = R"sql(
ALTER TABLE records ADD COLUMN data_class TEXT NOT NULL DEFAULT '';
)sql";

// 8: when a record is to be gone, and who wrote it last, for purges.
constexpr std::string_view kRecordEnds = R"sql(
ALTER TABLE records ADD COLUMN expires INTEGER;
CREATE INDEX records_by_expiry ON records (expires) WHERE expires IS NOT NULL;
CREATE INDEX records_by_source ON records (source) WHERE source <> '';
)sql";

// 9: the key that an imported session's calls count against. Of older ones nothing is said.
constexpr std::string_view kImportedKeys = R"sql(
ALTER TABLE sessions ADD COLUMN key TEXT;
)sql";

// 10: spans in a new form (store/span_batch.h), which programs of before would take for damaged.
constexpr std::string_view kSpanCodes = "";

// 11: money in spans as a number (store/span_attributes.h), for the same reason.
constexpr std::string_view kSpanMoney = "";

constexpr std::string_view kMigrations[] = {
    kDocuments,     kJournal,    kRecordsAndSpans, kTreesAndWaits, kFacts,    kSpanPacks,
    kRecordClasses, kRecordEnds, kImportedKeys,    kSpanCodes,     kSpanMoney};

Result<void> apply_versions(Db& db, int from, int target) {
  TRY_VOID(db.exec("BEGIN IMMEDIATE"));
  for (int version = from; version < target; ++version) {
    TRY_VOID(db.exec(std::string(kMigrations[version])));
  }
  TRY_VOID(db.exec("PRAGMA user_version = " + std::to_string(target)));
  return db.exec("COMMIT");
}

}  // namespace

int schema_version() { return static_cast<int>(std::size(kMigrations)); }

Result<int> read_version(Db& db) {
  TRY(Statement version, db.use("PRAGMA user_version"));
  TRY(bool row, version.step());
  return row ? static_cast<int>(version.integer(0)) : 0;
}

Result<void> migrate(Db& db, int target) {
  if (target == 0) target = schema_version();
  TRY(int found, read_version(db));
  if (found > target) {
    return fail(Code::kFailedPrecondition,
                "the data folder has format version " + std::to_string(found) +
                    ", this program knows up to " + std::to_string(target) +
                    "; use the newer drover that wrote it");
  }
  if (found == target) return {};
  Result<void> done = apply_versions(db, found, target);
  if (!done && db.in_transaction()) {
    Result<void> undone = db.exec("ROLLBACK");
    if (!undone) return fail(std::move(done.error()).note(undone.error().to_string()));
  }
  return done;
}

}  // namespace drover::store::sqlite
