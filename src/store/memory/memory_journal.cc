#include "store/memory/memory_journal.h"

#include <algorithm>

#include "base/limits/store.h"
#include "store/journal_rules.h"

namespace drover::store {

void MemoryJournal::undo(const SessionId& id, const SessionRow& before, size_t events_before) {
  if (before.id.empty()) {
    sessions_.erase(id);
    return;
  }
  Session& session = sessions_[id];
  session.row = before;
  session.events.resize(events_before);
}

Task<Result<void>> MemoryJournal::append(Context ctx, SessionRow row, uint64_t expected_last,
                                         std::vector<contract::Event> events) {
  CO_TRY_VOID(check_append(row, expected_last, events));
  auto it = sessions_.find(row.id);
  const SessionRow* stored = it == sessions_.end() ? nullptr : &it->second.row;
  CO_TRY_VOID(check_fence(stored, row, expected_last));
  CO_TRY_VOID(disk_.admit());
  const SessionId id = row.id;
  const SessionRow before = stored == nullptr ? SessionRow() : *stored;
  complete_row(stored, expected_last, events, row);
  Session& session = sessions_[id];
  const size_t events_before = session.events.size();
  session.row = std::move(row);
  for (contract::Event& event : events) session.events.push_back(std::move(event));
  std::function<void()> undo = [this, id, before, events_before] {
    this->undo(id, before, events_before);
  };
  co_return co_await disk_.commit(ctx, std::move(undo));
}

Task<Result<std::vector<contract::Event>>> MemoryJournal::read(Context ctx, SessionId session,
                                                               uint64_t from, size_t max_events) {
  auto it = sessions_.find(session);
  if (it == sessions_.end()) co_return fail(no_such_session(session));
  const std::vector<contract::Event>& events = it->second.events;
  if (purged(it->second.row)) {
    if (max_events == 0 || from > it->second.row.last_sequence)
      co_return std::vector<contract::Event>();
    co_return std::vector<contract::Event>(1, events.back());
  }
  const size_t first = std::min<size_t>(from == 0 ? 0 : from - 1, events.size());
  const size_t count = std::min(max_events, events.size() - first);
  const auto begin = events.begin() + static_cast<std::ptrdiff_t>(first);
  co_return std::vector<contract::Event>(begin, begin + static_cast<std::ptrdiff_t>(count));
}

Task<Result<SessionRow>> MemoryJournal::find(Context ctx, SessionId session) {
  auto it = sessions_.find(session);
  if (it == sessions_.end()) co_return fail(no_such_session(session));
  co_return it->second.row;
}

Task<Result<std::vector<SessionRow>>> MemoryJournal::list(Context ctx, SessionFilter filter) {
  std::vector<SessionRow> out;
  const size_t limit = std::min(filter.limit, limits::kStoreRowsMax);
  auto it = filter.before.empty() ? sessions_.end() : sessions_.lower_bound(filter.before);
  while (it != sessions_.begin() && out.size() < limit) {
    --it;
    const SessionRow& row = it->second.row;
    if (matches(filter, row)) out.push_back(row);
  }
  co_return out;
}

Task<Result<std::vector<SessionRow>>> MemoryJournal::due(Context ctx, WallTime until,
                                                         size_t limit) {
  std::vector<SessionRow> out;
  for (const auto& [id, session] : sessions_) {
    if (session.row.due && *session.row.due <= until) out.push_back(session.row);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const SessionRow& a, const SessionRow& b) { return *a.due < *b.due; });
  if (out.size() > std::min(limit, limits::kStoreRowsMax)) {
    out.resize(std::min(limit, limits::kStoreRowsMax));
  }
  co_return out;
}

Task<Result<TreeTotals>> MemoryJournal::tree(Context ctx, SessionId root) {
  TreeTotals totals;
  for (const auto& [id, session] : sessions_) {
    if (session.row.root == root) add_to_tree(session.row, totals);
  }
  co_return totals;
}

Task<Result<void>> MemoryJournal::save_snapshot(Context ctx, SessionId session, Snapshot snapshot) {
  CO_TRY_VOID(check_snapshot(session, snapshot));
  auto it = sessions_.find(session);
  if (it == sessions_.end()) co_return fail(no_such_session(session));
  it->second.snapshot = std::move(snapshot);
  co_return Result<void>();
}

Task<Result<void>> MemoryJournal::erase(Context ctx, SessionId session) {
  auto it = sessions_.find(session);
  if (it == sessions_.end()) co_return fail(no_such_session(session));
  CO_TRY_VOID(check_erase(it->second.row));
  CO_TRY_VOID(disk_.admit());
  std::vector<contract::Event>& events = it->second.events;
  events.erase(events.begin(), events.end() - 1);
  it->second.snapshot.reset();
  // What is gone does not come back: a crash of the pretended disk leaves less to be done again.
  std::function<void()> nothing = [] {};
  co_return co_await disk_.commit(ctx, std::move(nothing));
}

Task<Result<std::optional<Snapshot>>> MemoryJournal::load_snapshot(Context ctx, SessionId session) {
  auto it = sessions_.find(session);
  if (it == sessions_.end()) co_return std::optional<Snapshot>();
  co_return it->second.snapshot;
}

}  // namespace drover::store
