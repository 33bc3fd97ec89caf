#include "store/sqlite/sqlite_journal.h"

#include <algorithm>

#include "base/limits.h"
#include "store/sqlite/event_rows.h"

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

/// The fence. The stored session, or nullopt when this append makes it.
Result<std::optional<StoredSession>> check_fence(Db& db, const Append& append) {
  const std::string& id = append.row.id.str();
  TRY(auto stored, find_stored(db, append.row.id));
  if (!stored) {
    if (append.expected_last == 0) return stored;
    return fail(Code::kAborted, "no session " + id + " to append to");
  }
  if (append.expected_last == 0) return fail(Code::kAlreadyExists, id + " exists");
  if (stored->tenant != append.row.tenant.str()) {
    return fail(Code::kInvalidArgument, id + " belongs to another tenant");
  }
  if (stored->last_sequence != append.expected_last) {
    return fail(Code::kAborted, id + " is at event " + std::to_string(stored->last_sequence) +
                                    ", not " + std::to_string(append.expected_last) +
                                    ": another writer owns it");
  }
  return stored;
}

Result<void> run_append(Db& db, const Append& append) {
  TRY(auto stored, check_fence(db, append));
  SessionRow row = append.row;
  row.last_sequence = append.expected_last + append.events.size();
  if (!append.events.empty()) {
    row.last_hash = append.events.back().hash;
  } else if (stored) {
    row.last_hash = stored->last_hash;
  }
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

Result<std::vector<SessionRow>> select_sessions(Db& db, const SessionFilter& filter) {
  // One text for each combination of filters: four at most matter, each uses its index.
  std::string sql = "SELECT " + std::string(kSessionColumns) + " FROM sessions WHERE id < ?";
  if (filter.tenant) sql += " AND tenant = ?";
  if (!filter.status.empty()) sql += " AND status = ?";
  if (!filter.agent.empty()) sql += " AND agent = ?";
  sql += " ORDER BY id DESC LIMIT ?";
  TRY(Statement s, db.use(sql));
  // Above every id: ids are ASCII.
  s.bind(filter.before.empty() ? std::string_view("\x7f") : filter.before.str());
  if (filter.tenant) s.bind(filter.tenant->str());
  if (!filter.status.empty()) s.bind(filter.status);
  if (!filter.agent.empty()) s.bind(filter.agent);
  s.bind(static_cast<int64_t>(std::min(filter.limit, limits::kStoreRowsMax)));
  std::vector<SessionRow> out;
  for (;;) {
    TRY(bool row, s.step());
    if (!row) return out;
    out.push_back(read_session(s));
  }
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
    TRY(Statement s, db.use("SELECT id, tenant, agent, agent_version, status, end_reason, created, "
                            "updated, last_sequence, last_hash, trace_id FROM sessions "
                            "WHERE id = ?"));
    s.bind(session.str());
    TRY(bool found, s.step());
    if (!found) return fail(Code::kNotFound, "no session " + session.str());
    return read_session(s);
  };
  co_return co_await reader_.read(ctx, std::move(query));
}

Task<Result<std::vector<SessionRow>>> SqliteJournal::list(Context ctx, SessionFilter filter) {
  auto query = [filter](Db& db) { return select_sessions(db, filter); };
  co_return co_await reader_.read(ctx, std::move(query));
}

}  // namespace drover::store::sqlite
