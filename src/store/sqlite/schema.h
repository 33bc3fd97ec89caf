#pragma once
// The tables and their versions. The format version stands in SQLite's user_version; migrations are
// listed in schema.cc, one for each step, and run in one transaction. A database of a newer version
// than this program knows is refused.

#include "store/sqlite/db.h"

namespace drover::store::sqlite {

/// The version this program writes.
int schema_version();
Result<int> read_version(Db& db);
/// Makes the tables, or brings them up to `target` (0: this program's version).
Result<void> migrate(Db& db, int target = 0);

}  // namespace drover::store::sqlite
