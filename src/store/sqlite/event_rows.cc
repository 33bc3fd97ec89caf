#include "store/sqlite/event_rows.h"

#include "store/journal_rules.h"
#include "store/sqlite/session_rows.h"

namespace drover::store::sqlite {
namespace {

Result<StoredEvent> read_event(const Statement& row, const SessionId& session) {
  StoredEvent out;
  contract::Event& e = out.event;
  e.session = session;
  e.sequence = static_cast<uint64_t>(row.integer(0));
  e.id = EventId(row.text(1));
  e.time = wall_from_unix_nanos(row.integer(2));
  e.kind = row.text(3);
  e.causation = static_cast<uint64_t>(row.integer(4));
  e.attempt = static_cast<uint32_t>(row.integer(5));
  e.actor.type = row.text(6);
  e.actor.id = row.text(7);
  e.data_class = row.text(8);
  e.payload_ref = row.text(9);
  e.salt = row.text_or_hex(10);
  e.commitment = row.text_or_hex(11);
  e.previous_hash = row.text_or_hex(12);
  e.hash = row.text_or_hex(13);
  if (!row.is_null(14)) {
    TRY(Json extra, Json::parse(row.bytes(14)));
    if (extra.members() != nullptr) e.extra = std::move(*extra.members());
  }
  e.payload = row.text(15);
  if (!row.is_null(16)) out.blob_ref = row.text_or_hex(16);
  return out;
}

Result<std::string> payload_of(const StoredEvent& stored, const BlobFiles& files) {
  Result<std::string> payload = files.get(stored.event.session, stored.blob_ref);
  if (!payload && payload.error().code == Code::kNotFound) {
    return fail(Code::kDataLoss, "the payload of event " + std::to_string(stored.event.sequence) +
                                     " of " + stored.event.session.str() +
                                     " is missing in the blobs folder: restore it from a backup");
  }
  return payload;
}

}  // namespace

Result<void> insert_event(Db& db, int64_t session, const contract::Event& e,
                          std::string_view blob_ref) {
  TRY(Statement s,
      db.use("INSERT INTO events (session, sequence, id, time, kind, causation, attempt, "
             "actor_type, actor_id, data_class, payload_ref, salt, commitment, previous_hash, "
             "hash, extra, payload, blob) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  s.bind(session).bind(e.sequence).bind(e.id.str()).bind(unix_nanos(e.time)).bind(e.kind);
  s.bind(e.causation).bind(static_cast<int64_t>(e.attempt)).bind(e.actor.type).bind(e.actor.id);
  s.bind(e.data_class).bind(e.payload_ref).bind_hex(e.salt).bind_hex(e.commitment);
  s.bind_hex(e.previous_hash).bind_hex(e.hash);
  std::string extra;
  if (e.extra.empty()) {
    s.bind_null();
  } else {
    extra = Json(e.extra).dump();
    s.bind(extra);
  }
  if (blob_ref.empty()) {
    s.bind(e.payload).bind_null();
  } else {
    s.bind_null().bind_hex(blob_ref);
  }
  return s.run();
}

Result<std::vector<StoredEvent>> select_stored(Db& db, int64_t number, const SessionId& session,
                                               uint64_t from, size_t max_events) {
  TRY(Statement s,
      db.use("SELECT sequence, id, time, kind, causation, attempt, actor_type, actor_id, "
             "data_class, payload_ref, salt, commitment, previous_hash, hash, extra, payload, blob "
             "FROM events WHERE session = ? AND sequence >= ? ORDER BY sequence LIMIT ?"));
  s.bind(number).bind(from).bind(static_cast<int64_t>(std::min<size_t>(max_events, INT64_MAX)));
  std::vector<StoredEvent> out;
  for (;;) {
    TRY(bool row, s.step());
    if (!row) return out;
    TRY(StoredEvent event, read_event(s, session));
    out.push_back(std::move(event));
  }
}

Result<std::vector<contract::Event>> select_events(Db& db, const BlobFiles& files,
                                                   const SessionId& session, uint64_t from,
                                                   size_t max_events) {
  TRY(auto session_row, find_stored(db, session));
  if (!session_row) return fail(no_such_session(session));
  if (purged(session_row->row)) from = std::max(from, session_row->row.last_sequence);
  TRY(auto stored, select_stored(db, session_row->number, session, from, max_events));
  std::vector<contract::Event> out;
  out.reserve(stored.size());
  for (StoredEvent& each : stored) {
    if (!each.blob_ref.empty()) {
      TRY(each.event.payload, payload_of(each, files));
    }
    out.push_back(std::move(each.event));
  }
  return out;
}

}  // namespace drover::store::sqlite
