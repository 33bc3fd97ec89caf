#pragma once
// Backup of a data folder while it is in use, its check, and the restore.
//
// A backup is a folder: drover.db (one file, no log of its own), the journal's segments in log/,
// the ledger's files in ledger/, the signatures of journals with their key, blobs/ and
// `manifest.json` (format version, time, sizes; written last, so that a backup without it is known
// to be unfinished). The database is read in one
// transaction, which sees one state and keeps no writer waiting (write-ahead log); segments only
// grow, so each is copied up to its last whole commit, and checked; blobs never change, so those
// that the commits name are copied last. What was purged in between is missing in both. The index
// of sessions is made anew from the log.
//
// Blocking: run these on an executor, never on a loop. They open connections of their own, in this
// process or another. Failure: kFailedPrecondition (the target is not empty, the source is no
// backup, or of a newer format), kDataLoss (damaged), kResourceExhausted (disk full; what was begun
// is removed).

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace drover::store {

struct BackupReport {
  int format_version = 0;
  int64_t sessions = 0;
  int64_t events = 0;
  int64_t blobs = 0;
  int64_t bytes = 0;
  WallTime made;
};

/// Copies the data folder `from` into the new or empty folder `to`.
Result<BackupReport> backup(const std::string& from, const std::string& to, WallTime now);
/// Checks a backup (or a data folder that nobody uses): the database's integrity and each blob that
/// an event names.
Result<BackupReport> verify_backup(const std::string& folder);
/// Checks the backup `from`, then copies it into the new or empty folder `to`.
Result<BackupReport> restore(const std::string& from, const std::string& to);

}  // namespace drover::store
