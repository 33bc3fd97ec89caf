#pragma once
// Moves a journal that stands in the database into the segmented log (log/FORMAT.md), when a data
// folder of before is opened. It can be interrupted at any point: until the database says that the
// journal is in the log, the log is thrown away and made again.
//
// Blocking; at start-up, while nobody else uses the folder.

#include <string>

#include "base/random.h"
#include "store/disk.h"
#include "store/sqlite/db.h"

namespace drover::store::sqlite {

Result<bool> journal_is_in_log(Db& db);
/// Brings the tables in `database` up to this program's version, and its journal into `log_folder`.
/// Returns how many sessions were moved.
Result<int64_t> move_journal(const std::string& database, const std::string& vfs_name, Disk& disk,
                             const std::string& log_folder, Random& random);

}  // namespace drover::store::sqlite
