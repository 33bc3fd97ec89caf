#pragma once
// Records over SQLite with an FTS5 index (store/records.h). The index finds the candidates of one
// namespace and counts the words in them (word_counts.h); the ranking is store/bm25.h, over this
// namespace's own statistics. Loop thread only.

#include "store/records.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/writer.h"

namespace drover::store::sqlite {

class SqliteRecords final : public Records {
 public:
  /// `searcher` knows the word counts; long searches there keep no short read waiting.
  SqliteRecords(Writer& writer, Reader& reader, Reader& searcher)
      : writer_(writer), reader_(reader), searcher_(searcher) {}
  Task<Result<uint64_t>> put(Context ctx, TenantId tenant, Record record,
                             std::optional<uint64_t> expected_version) override;
  Task<Result<Record>> get(Context ctx, TenantId tenant, std::string name_space,
                           std::string key) override;
  Task<Result<std::vector<Record>>> list(Context ctx, TenantId tenant, std::string name_space,
                                         std::string prefix, std::string after,
                                         size_t limit) override;
  Task<Result<bool>> remove(Context ctx, TenantId tenant, std::string name_space,
                            std::string key) override;
  Task<Result<void>> take_over(Context ctx, TenantId tenant, std::vector<Record> records) override;
  Task<Result<uint64_t>> clear(Context ctx, TenantId tenant, std::string name_space) override;
  Task<Result<size_t>> remove_of(Context ctx, TenantId tenant, SessionId session) override;
  Task<Result<std::vector<Removed>>> remove_expired(Context ctx, WallTime until,
                                                    size_t limit) override;
  Task<Result<std::vector<Found>>> search(Context ctx, TenantId tenant, std::string name_space,
                                          std::string query, size_t limit) override;

 private:
  Writer& writer_;
  Reader& reader_;
  Reader& searcher_;
};

}  // namespace drover::store::sqlite
