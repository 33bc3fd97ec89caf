#include "store/sqlite/sqlite_journal.h"

#include <algorithm>

#include "base/limits/store.h"
#include "store/journal_rules.h"
#include "store/sqlite/event_rows.h"
#include "store/sqlite/session_rows.h"

namespace drover::store::sqlite {
namespace {

/// Everything that one append writes; handed to the writer's thread.
struct Append {
  SessionRow row;
  uint64_t expected_last = 0;
  std::vector<contract::Event> events;
  std::vector<std::string> blob_refs;  // one for each event, empty: inline
};

size_t bytes_of(const Append& append) {
  size_t bytes = sizeof(Append);
  for (const contract::Event& e : append.events) bytes += sizeof(e) + e.payload.size() + 512;
  return bytes;
}

Result<void> run_append(Db& db, const Append& append) {
  TRY(auto stored, find_stored(db, append.row.id));
  const SessionRow* before = stored ? &stored->row : nullptr;
  TRY_VOID(check_fence(before, append.row, append.expected_last));
  SessionRow row = append.row;
  complete_row(before, append.expected_last, append.events, row);
  int64_t number = 0;
  if (stored) {
    number = stored->number;
    TRY_VOID(update_session(db, number, row));
  } else {
    TRY(number, insert_session(db, row));
  }
  for (size_t i = 0; i < append.events.size(); ++i) {
    TRY_VOID(insert_event(db, number, append.events[i], append.blob_refs[i]));
  }
  return {};
}

}  // namespace

Task<Result<void>> SqliteJournal::append(Context ctx, SessionRow row, uint64_t expected_last,
                                         std::vector<contract::Event> events) {
  CO_TRY_VOID(check_append(row, expected_last, events));
  auto append = std::make_shared<Append>();
  append->row = std::move(row);
  append->expected_last = expected_last;
  append->events = std::move(events);
  append->blob_refs.resize(append->events.size());
  // Before the append, so that no row ever names a blob that is not there. A crash in between
  // leaves a blob without a row, which goes with its session.
  for (size_t i = 0; i < append->events.size(); ++i) {
    const contract::Event& event = append->events[i];
    if (event.payload.size() <= limits::kInlinePayloadBytesMax) continue;
    CO_TRY(append->blob_refs[i], co_await blobs_.put(ctx, event.session, event.payload));
  }
  const size_t bytes = bytes_of(*append);
  auto job = [append](Db& db) { return run_append(db, *append); };
  co_return co_await writer_.write<void>(ctx, bytes, std::move(job));
}

Task<Result<std::vector<contract::Event>>> SqliteJournal::read(Context ctx, SessionId session,
                                                               uint64_t from, size_t max_events) {
  const BlobFiles* files = &files_;
  auto query = [files, session, from, max_events](Db& db) {
    return select_events(db, *files, session, from, max_events);
  };
  co_return co_await reader_.read(ctx, std::move(query));
}

Task<Result<SessionRow>> SqliteJournal::find(Context ctx, SessionId session) {
  auto query = [session](Db& db) -> Result<SessionRow> {
    TRY(auto stored, find_stored(db, session));
    if (!stored) return fail(no_such_session(session));
    return std::move(stored->row);
  };
  co_return co_await reader_.read(ctx, std::move(query));
}

Task<Result<std::vector<SessionRow>>> SqliteJournal::list(Context ctx, SessionFilter filter) {
  filter.limit = std::min(filter.limit, limits::kStoreRowsMax);
  auto query = [filter](Db& db) { return select_sessions(db, filter); };
  co_return co_await reader_.read(ctx, std::move(query));
}

Task<Result<std::vector<SessionRow>>> SqliteJournal::due(Context ctx, WallTime until,
                                                         size_t limit) {
  limit = std::min(limit, limits::kStoreRowsMax);
  auto query = [until, limit](Db& db) { return select_due(db, until, limit); };
  co_return co_await reader_.read(ctx, std::move(query));
}

Task<Result<TreeTotals>> SqliteJournal::tree(Context ctx, SessionId root) {
  auto query = [root](Db& db) -> Result<TreeTotals> {
    TRY(auto rows, select_tree(db, root));
    TreeTotals totals;
    for (const SessionRow& row : rows) add_to_tree(row, totals);
    return totals;
  };
  co_return co_await reader_.read(ctx, std::move(query));
}

Task<Result<void>> SqliteJournal::save_snapshot(Context ctx, SessionId session, Snapshot snapshot) {
  CO_TRY_VOID(check_snapshot(session, snapshot));
  auto kept = std::make_shared<const Snapshot>(std::move(snapshot));
  auto job = [session, kept](Db& db) { return write_snapshot(db, session, *kept); };
  co_return co_await writer_.write<void>(ctx, kept->bytes.size(), std::move(job));
}

Task<Result<void>> SqliteJournal::erase(Context ctx, SessionId session) {
  auto job = [session](Db& db) { return erase_session(db, session); };
  CO_TRY_VOID(co_await writer_.write<void>(ctx, 0, std::move(job)));
  co_return co_await blobs_.remove_all(ctx, session);
}

Task<Result<std::optional<Snapshot>>> SqliteJournal::load_snapshot(Context ctx, SessionId session) {
  auto query = [session](Db& db) { return read_snapshot(db, session); };
  co_return co_await reader_.read(ctx, std::move(query));
}

}  // namespace drover::store::sqlite
