#pragma once
// The index of sessions (log/session_index.h) in a SQLite file of its own, index.db. It is derived:
// a commit is not synced (the write-ahead log keeps it whole), and a file that is damaged or of
// another version is thrown away and made again from the log. Snapshots in it are compressed.
//
// Changes (reset, apply, save_snapshot) by one thread, all else by another one.

#include <memory>
#include <string>

#include "store/log/session_index.h"

namespace drover::store {

inline constexpr std::string_view kIndexName = "index.db";

/// `path` is the file; `vfs_name` as in SqliteOptions.
Result<std::unique_ptr<log::SessionIndex>> open_sqlite_index(const std::string& path,
                                                             const std::string& vfs_name = "");

}  // namespace drover::store
