#pragma once
// Documents over SQLite (store/documents.h). Loop thread only.

#include "store/documents.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/writer.h"

namespace drover::store::sqlite {

class SqliteDocuments final : public Documents {
 public:
  SqliteDocuments(Writer& writer, Reader& reader) : writer_(writer), reader_(reader) {}
  Task<Result<void>> put(Context ctx, std::string collection, std::string name,
                         Json value) override;
  Task<Result<std::optional<Json>>> get(Context ctx, std::string collection,
                                        std::string name) override;
  Task<Result<bool>> remove(Context ctx, std::string collection, std::string name) override;
  Task<Result<std::vector<std::pair<std::string, Json>>>> list(Context ctx,
                                                               std::string collection) override;

 private:
  Writer& writer_;
  Reader& reader_;
};

}  // namespace drover::store::sqlite
