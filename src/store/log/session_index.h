#pragma once
// The index of sessions that is derived from the log: which sessions there are, what their rows
// say, and where in the log each one's last frame stands. It covers the log up to a position; what
// came later is caught up from the log when it is opened (log_journal.h), so nothing here need be
// durable at once. Two forms: memory_index.h, and sqlite/sqlite_index.h on the disk.
//
// Snapshots of sessions stand here too, since they may be lost as well.
//
// Blocking; one thread at a time (the journal's own executor for it). Failure: what the disk says.

#include <optional>
#include <string>
#include <vector>

#include "store/journal.h"
#include "store/log/frame.h"

namespace drover::store::log {

struct IndexedSession {
  SessionRow row;
  Position position = 0;  // of its last frame
};

class SessionIndex {
 public:
  virtual ~SessionIndex() = default;
  /// Up to where it covers the log of this id; 0 when it knows another log or none.
  virtual Result<Position> covered(const std::string& log_id) = 0;
  /// Forgets everything and begins for this log.
  virtual Result<void> reset(const std::string& log_id) = 0;
  /// Takes rows; afterwards everything before `covered` is in it. All or nothing.
  virtual Result<void> apply(const std::vector<IndexedSession>& sessions, Position covered) = 0;

  virtual Result<std::optional<IndexedSession>> find(const SessionId& id) = 0;
  /// The highest id there is; empty if none.
  virtual Result<SessionId> newest() = 0;
  virtual Result<std::vector<SessionRow>> list(const SessionFilter& filter) = 0;
  virtual Result<std::vector<SessionRow>> due(WallTime until, size_t limit) = 0;
  virtual Result<std::vector<SessionRow>> tree(const SessionId& root) = 0;

  virtual Result<void> remove_snapshot(const SessionId& id) = 0;
  virtual Result<void> save_snapshot(const SessionId& id, const Snapshot& snapshot) = 0;
  virtual Result<std::optional<Snapshot>> load_snapshot(const SessionId& id) = 0;
};

}  // namespace drover::store::log
