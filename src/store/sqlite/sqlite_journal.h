#pragma once
// The journal over SQLite (store/journal.h): appends go to the one writer with group commit, reads
// to a connection of their own. Payloads above limits::kInlinePayloadBytesMax are put into blob
// files before the append and read back with the events. Loop thread only.

#include "base/limits/store.h"
#include "base/random.h"
#include "store/blob_files.h"
#include "store/journal.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/writer.h"

namespace drover::store::sqlite {

class SqliteJournal final : public Journal {
 public:
  /// All must outlive it.
  SqliteJournal(Writer& writer, Reader& reader, const BlobFiles& files, Blobs& blobs)
      : writer_(writer), reader_(reader), files_(files), blobs_(blobs) {}
  Task<Result<void>> append(Context ctx, SessionRow row, uint64_t expected_last,
                            std::vector<contract::Event> events) override;
  Task<Result<std::vector<contract::Event>>> read(Context ctx, SessionId session, uint64_t from,
                                                  size_t max_events) override;
  Task<Result<SessionRow>> find(Context ctx, SessionId session) override;
  Task<Result<std::vector<SessionRow>>> list(Context ctx, SessionFilter filter) override;
  Task<Result<std::vector<SessionRow>>> due(Context ctx, WallTime until, size_t limit) override;
  Task<Result<TreeTotals>> tree(Context ctx, SessionId root) override;
  Task<Result<void>> save_snapshot(Context ctx, SessionId session, Snapshot snapshot) override;
  Task<Result<std::optional<Snapshot>>> load_snapshot(Context ctx, SessionId session) override;
  Task<Result<void>> erase(Context ctx, SessionId session) override;
  Duration last_sync() const override { return writer_.last_commit(); }

 private:
  Writer& writer_;
  Reader& reader_;
  const BlobFiles& files_;
  Blobs& blobs_;
};

}  // namespace drover::store::sqlite
