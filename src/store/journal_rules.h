#pragma once
// The rules of store/journal.h that every backend keeps, in one place: the fence, what of a row
// never changes, which rows a filter takes, and how a tree is summed. Pure; any thread.

#include "store/journal.h"

namespace drover::store {

/// The fence of an append. `stored` is what is known of the session: null if there is none.
Result<void> check_fence(const SessionRow* stored, const SessionRow& row, uint64_t expected_last);
/// Makes of the row what is kept of it after an append: its position from the events, and what
/// never changes from `stored` (null for a new session).
void complete_row(const SessionRow* stored, uint64_t expected_last,
                  const std::vector<contract::Event>& events, SessionRow& row);
/// Whether the filter takes the row; `limit` is not its matter.
bool matches(const SessionFilter& filter, const SessionRow& row);
void add_to_tree(const SessionRow& row, TreeTotals& totals);
/// What every backend checks before it keeps a snapshot.
Result<void> check_snapshot(const SessionId& session, const Snapshot& snapshot);
/// kFailedPrecondition unless it is purged.
Result<void> check_erase(const SessionRow& row);
Error no_such_session(const SessionId& session);

}  // namespace drover::store
