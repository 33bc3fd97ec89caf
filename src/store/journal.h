#pragma once
// The journal: append-only events per session, and the index of sessions derived from them. The
// truth of everything. append() returns once the events are durable (one sync serves all sessions
// that wait for it: group commit). Only the owner of a session appends; the expected sequence is
// the fence: a second writer gets kAborted.
//
// A write that was begun is not interrupted by its context's deadline or cancellation: its outcome
// would be unknown. Large payloads go to the blob store and come back inline, unseen by callers.
//
// Loop thread only; blocking work happens on the store's executor. Every backend passes
// store/conformance_test.cc.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "base/limits/store.h"
#include "base/money.h"
#include "contract/event.h"

namespace drover::store {

using async::Context;
using async::Task;

/// What a session has used.
struct Spent {
  int64_t steps = 0;
  int64_t tokens = 0;
  Money cost;
  int64_t spawns = 0;
  bool operator==(const Spent&) const = default;
};

/// What a session's calls in flight hold back.
struct Reserved {
  int64_t tokens = 0;
  Money cost;
  bool operator==(const Reserved&) const = default;
};

/// Work that a session owes to others of its tree; bits of SessionRow::pending.
inline constexpr uint32_t kReportToParent = 1;
inline constexpr uint32_t kCancelChildren = 2;
/// A purged session of which something may still be there.
inline constexpr uint32_t kErase = 32;
inline constexpr std::string_view kPurged = "purged";  // an end_reason

/// One row of the index of sessions. All of it can be had again from the journal alone.
struct SessionRow {
  SessionId id;
  TenantId tenant;
  std::string agent;
  std::string agent_version;
  /// "running", "waiting" (for a person or a message), "ended".
  std::string status;
  /// Why it ended: "completed", "cancelled", "failed", "limit"; empty while open. "purged": nothing
  /// but this row and the event that says so is left, or will be in a moment.
  std::string end_reason;
  WallTime created;
  WallTime updated;
  uint64_t last_sequence = 0;
  std::string last_hash;
  std::string trace_id;
  /// The tree it belongs to: the session at its top (its own id there; an empty one is taken as
  /// that), who spawned it (empty at the top), and how many spawns lie between.
  SessionId root;
  SessionId parent;
  uint32_t depth = 0;
  /// Of an imported session: the key that its calls count against, empty for nobody's. nullopt: the
  /// key that its journal names.
  std::optional<KeyId> key;
  /// What it waits for, as the contract's wait.started names it; empty while it does not.
  std::string waiting_for;
  /// When it wants to be awake at the latest (a timer, the end of a wait).
  std::optional<WallTime> due;
  Spent spent;
  Reserved reserved;
  uint32_t pending = 0;
  bool operator==(const SessionRow&) const = default;
};
/// Whether the session was purged: its last event alone is readable.
inline bool purged(const SessionRow& row) { return row.end_reason == kPurged; }

/// A row must match all that is set.
struct SessionFilter {
  std::optional<TenantId> tenant;  // nullopt: every tenant (the operator's view)
  std::string agent;
  std::string agent_version;
  std::string status;
  std::string waiting_for;
  SessionId root;
  SessionId parent;
  /// One of these; empty: any. They travel with the question: some thousand at most.
  std::set<SessionId> ids;
  /// One of the trees with these at their top; likewise.
  std::set<SessionId> roots;
  /// Only sessions that have not ended.
  bool open = false;
  /// Only rows with any of these bits.
  uint32_t pending = 0;
  /// Only ids below this one (paging, newest first).
  SessionId before;
  size_t limit = 100;
};

/// A whole tree in one line: what its budget is checked against.
struct TreeTotals {
  int64_t sessions = 0;
  int64_t open = 0;
  uint32_t depth_max = 0;
  Spent spent;
  Reserved reserved;
  bool operator==(const TreeTotals&) const = default;
};

/// A folded state, so that a long session need not be folded from its beginning. Derived data: it
/// may be lost at any time, and whoever loads it checks that the hash is that of the event.
struct Snapshot {
  uint64_t sequence = 0;
  std::string hash;  // of the event with that sequence
  std::string bytes;
  bool operator==(const Snapshot&) const = default;
};

/// What every backend checks of an append before it writes: ids set, sequences without gap.
Result<void> check_append(const SessionRow& row, uint64_t expected_last,
                          const std::vector<contract::Event>& events);

class Journal {
 public:
  virtual ~Journal() = default;
  /// Appends events with sequences expected_last+1… and updates the index row in one commit
  /// (last_sequence and last_hash are taken from the events; tenant, created, root, parent,
  /// depth and key never change). No events: only the row is updated, under the same fence.
  /// kInvalidArgument when the events do not belong to the session or their sequences have a gap.
  /// kAborted when the session's last sequence is not expected_last; kAlreadyExists for a new
  /// session (expected_last 0) that exists; kResourceExhausted when the disk is full (nothing is
  /// written then).
  virtual Task<Result<void>> append(Context ctx, SessionRow row, uint64_t expected_last,
                                    std::vector<contract::Event> events) = 0;
  /// Events with sequence >= from, at most max_events, in order. Of a purged session the last one.
  virtual Task<Result<std::vector<contract::Event>>> read(Context ctx, SessionId session,
                                                          uint64_t from, size_t max_events) = 0;
  /// kNotFound if there is none.
  virtual Task<Result<SessionRow>> find(Context ctx, SessionId session) = 0;
  /// Newest first.
  virtual Task<Result<std::vector<SessionRow>>> list(Context ctx, SessionFilter filter) = 0;
  /// Sessions with due <= until, earliest first (equal times: lower id first).
  virtual Task<Result<std::vector<SessionRow>>> due(Context ctx, WallTime until, size_t limit) = 0;
  /// The sums over all sessions of a tree; all zero if there is none.
  virtual Task<Result<TreeTotals>> tree(Context ctx, SessionId root) = 0;
  /// Replaces the session's older snapshot. Need not be durable on return. kNotFound without such a
  /// session, kInvalidArgument above limits::kSnapshotBytesMax.
  virtual Task<Result<void>> save_snapshot(Context ctx, SessionId session, Snapshot snapshot) = 0;
  /// nullopt if there is none (any more).
  virtual Task<Result<std::optional<Snapshot>>> load_snapshot(Context ctx, SessionId session) = 0;
  /// Destroys what a purged session said: all its events but the last, their payloads in the blob
  /// store, and its snapshot; on the disk, not only for readers. Durable on return, repeatable, and
  /// to be repeated when it failed or the process died in it. kFailedPrecondition for a session
  /// that is not purged.
  virtual Task<Result<void>> erase(Context ctx, SessionId session) = 0;
  /// Time spent in the last sync, for traces ("sync" in the account of where time went).
  virtual Duration last_sync() const = 0;
};

}  // namespace drover::store
