#pragma once
// Rows of the index of sessions as table rows (exact in both directions), and the queries over
// them.

#include <optional>
#include <utility>
#include <vector>

#include "store/journal.h"
#include "store/sqlite/db.h"

namespace drover::store::sqlite {

struct StoredSession {
  int64_t number = 0;
  SessionRow row;
};

/// nullopt when there is none.
Result<std::optional<StoredSession>> find_stored(Db& db, const SessionId& id);
/// Returns the new row's number.
Result<int64_t> insert_session(Db& db, const SessionRow& row);
Result<void> update_session(Db& db, int64_t number, const SessionRow& row);

/// For a table that also has a column `position` (sqlite_index.h): inserts or replaces.
Result<void> upsert_at(Db& db, const SessionRow& row, uint64_t position);
Result<std::optional<std::pair<SessionRow, uint64_t>>> find_at(Db& db, const SessionId& id);

Result<std::vector<SessionRow>> select_sessions(Db& db, const SessionFilter& filter);
Result<std::vector<SessionRow>> select_due(Db& db, WallTime until, size_t limit);
Result<std::vector<SessionRow>> select_tree(Db& db, const SessionId& root);

Result<void> write_snapshot(Db& db, const SessionId& session, const Snapshot& snapshot);
Result<std::optional<Snapshot>> read_snapshot(Db& db, const SessionId& session);

/// Removes what is before the last event of a purged session, and its snapshot.
Result<void> erase_session(Db& db, const SessionId& session);

}  // namespace drover::store::sqlite
