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
#include <string>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "contract/event.h"

namespace drover::store {

using async::Context;
using async::Task;

/// One row of the index of sessions.
struct SessionRow {
  SessionId id;
  TenantId tenant;
  std::string agent;
  std::string agent_version;
  /// "running", "waiting" (for a person or a message), "ended".
  std::string status;
  /// Why it ended: "completed", "cancelled", "failed", "limit"; empty while open.
  std::string end_reason;
  WallTime created;
  WallTime updated;
  uint64_t last_sequence = 0;
  std::string last_hash;
  std::string trace_id;
};

struct SessionFilter {
  std::optional<TenantId> tenant;  // nullopt: every tenant (the operator's view)
  std::string agent;
  std::string status;
  /// Only ids below this one (paging, newest first).
  SessionId before;
  size_t limit = 100;
};

/// What every backend checks of an append before it writes: ids set, sequences without gap.
Result<void> check_append(const SessionRow& row, uint64_t expected_last,
                          const std::vector<contract::Event>& events);

class Journal {
 public:
  virtual ~Journal() = default;
  /// Appends events with sequences expected_last+1… and updates the index row in one commit
  /// (last_sequence and last_hash are taken from the events; tenant and created never change).
  /// No events: only the row is updated, under the same fence. kInvalidArgument when the events do
  /// not belong to the session or their sequences have a gap. kAborted when the session's last
  /// sequence is not expected_last; kAlreadyExists for a new session (expected_last 0) that exists;
  /// kResourceExhausted when the disk is full (nothing is written then).
  virtual Task<Result<void>> append(Context ctx, SessionRow row, uint64_t expected_last,
                                    std::vector<contract::Event> events) = 0;
  /// Events with sequence >= from, at most max_events, in order.
  virtual Task<Result<std::vector<contract::Event>>> read(Context ctx, SessionId session,
                                                          uint64_t from, size_t max_events) = 0;
  /// kNotFound if there is none.
  virtual Task<Result<SessionRow>> find(Context ctx, SessionId session) = 0;
  /// Newest first.
  virtual Task<Result<std::vector<SessionRow>>> list(Context ctx, SessionFilter filter) = 0;
  /// Time spent in the last sync, for traces ("sync" in the account of where time went).
  virtual Duration last_sync() const = 0;
};

}  // namespace drover::store
