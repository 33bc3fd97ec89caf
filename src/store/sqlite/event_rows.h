#pragma once
// Events and rows of the index of sessions as table rows: exact in both directions.

#include <optional>

#include "store/blob_files.h"
#include "store/journal.h"
#include "store/sqlite/db.h"

namespace drover::store::sqlite {

struct StoredSession {
  int64_t number = 0;
  uint64_t last_sequence = 0;
  std::string tenant;
  std::string last_hash;
};

/// nullopt when there is none.
Result<std::optional<StoredSession>> find_stored(Db& db, const SessionId& id);
/// Returns the new row's number.
Result<int64_t> insert_session(Db& db, const SessionRow& row);
Result<void> update_session(Db& db, int64_t number, const SessionRow& row);
/// `blob_ref` names the blob that holds the payload; empty: it is stored in the row.
Result<void> insert_event(Db& db, int64_t session, const contract::Event& event,
                          std::string_view blob_ref);
/// The columns that read_event and read_session take, in order.
inline constexpr std::string_view kSessionColumns =
    "id, tenant, agent, agent_version, status, end_reason, created, updated, last_sequence, "
    "last_hash, trace_id";
SessionRow read_session(const Statement& row);
/// Events of the session from `from` on; payloads in blobs are read from `files`.
Result<std::vector<contract::Event>> select_events(Db& db, const BlobFiles& files,
                                                   const SessionId& session, uint64_t from,
                                                   size_t max_events);

}  // namespace drover::store::sqlite
