#pragma once
// Copies a log while it is written to, and checks one that nobody writes: for backups. Blocking, on
// an executor. Nothing of the log read is changed.

#include <functional>
#include <vector>

#include "store/log/log.h"

namespace drover::store::log {

/// Copies every segment up to its last whole commit into the new or empty folder `to`, durably.
/// Commits that follow while it runs may or may not be in the copy, each wholly.
Result<void> copy_log(Disk& disk, const std::string& from, const std::string& to);

struct LogReport {
  int64_t sessions = 0;
  int64_t events = 0;
  int64_t bytes = 0;
  /// Damaged places, and chains of sessions that do not join, in words.
  std::vector<std::string> faults;
};

/// Reads all of it: each commit's checksum, that each session's commits join without gap, and that
/// each event names its predecessor's hash. `blob` is asked for each payload that is in a blob.
/// Needs about 200 bytes of memory for each session.
Result<LogReport> check_log(
    Disk& disk, const std::string& folder,
    const std::function<Result<void>(const SessionId& session, const std::string& ref)>& blob);

}  // namespace drover::store::log
