#include "store/memory/memory_journal.h"

#include <algorithm>

#include "base/limits.h"

namespace drover::store {

Result<void> MemoryJournal::check_fence(const SessionRow& row, uint64_t expected_last) const {
  auto it = sessions_.find(row.id);
  if (it == sessions_.end()) {
    if (expected_last == 0) return {};
    return fail(Code::kAborted, "no session " + row.id.str() + " to append to");
  }
  const SessionRow& stored = it->second.row;
  if (expected_last == 0) return fail(Code::kAlreadyExists, row.id.str() + " exists");
  if (stored.tenant != row.tenant) {
    return fail(Code::kInvalidArgument, row.id.str() + " belongs to another tenant");
  }
  if (stored.last_sequence != expected_last) {
    return fail(Code::kAborted, row.id.str() + " is at event " +
                                    std::to_string(stored.last_sequence) + ", not " +
                                    std::to_string(expected_last) + ": another writer owns it");
  }
  return {};
}

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
  CO_TRY_VOID(check_fence(row, expected_last));
  CO_TRY_VOID(disk_.admit());
  const SessionId id = row.id;
  Session& session = sessions_[id];
  const SessionRow before = session.row;
  const size_t events_before = session.events.size();
  if (!before.id.empty()) row.created = before.created;
  row.last_sequence = expected_last + events.size();
  row.last_hash = events.empty() ? before.last_hash : events.back().hash;
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
  if (it == sessions_.end()) co_return fail(Code::kNotFound, "no session " + session.str());
  const std::vector<contract::Event>& events = it->second.events;
  const size_t first = std::min<size_t>(from == 0 ? 0 : from - 1, events.size());
  const size_t count = std::min(max_events, events.size() - first);
  const auto begin = events.begin() + static_cast<std::ptrdiff_t>(first);
  co_return std::vector<contract::Event>(begin, begin + static_cast<std::ptrdiff_t>(count));
}

Task<Result<SessionRow>> MemoryJournal::find(Context ctx, SessionId session) {
  auto it = sessions_.find(session);
  if (it == sessions_.end()) co_return fail(Code::kNotFound, "no session " + session.str());
  co_return it->second.row;
}

Task<Result<std::vector<SessionRow>>> MemoryJournal::list(Context ctx, SessionFilter filter) {
  std::vector<SessionRow> out;
  const size_t limit = std::min(filter.limit, limits::kStoreRowsMax);
  auto it = filter.before.empty() ? sessions_.end() : sessions_.lower_bound(filter.before);
  while (it != sessions_.begin() && out.size() < limit) {
    --it;
    const SessionRow& row = it->second.row;
    if (filter.tenant && row.tenant != *filter.tenant) continue;
    if (!filter.agent.empty() && row.agent != filter.agent) continue;
    if (!filter.status.empty() && row.status != filter.status) continue;
    out.push_back(row);
  }
  co_return out;
}

}  // namespace drover::store
