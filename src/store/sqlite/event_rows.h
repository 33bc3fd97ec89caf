#pragma once
// Events as table rows: exact in both directions.

#include "store/blob_files.h"
#include "store/journal.h"
#include "store/sqlite/db.h"

namespace drover::store::sqlite {

/// `blob_ref` names the blob that holds the payload; empty: it is stored in the row.
Result<void> insert_event(Db& db, int64_t session, const contract::Event& event,
                          std::string_view blob_ref);
struct StoredEvent {
  contract::Event event;  // without its payload if that is in a blob
  std::string blob_ref;
};

/// Events of the session with this number as they are stored.
Result<std::vector<StoredEvent>> select_stored(Db& db, int64_t number, const SessionId& session,
                                               uint64_t from, size_t max_events);
/// Events of the session from `from` on; payloads in blobs are read from `files`.
Result<std::vector<contract::Event>> select_events(Db& db, const BlobFiles& files,
                                                   const SessionId& session, uint64_t from,
                                                   size_t max_events);

}  // namespace drover::store::sqlite
