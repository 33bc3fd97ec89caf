#include "store/sqlite/sqlite_documents.h"

namespace drover::store::sqlite {

Task<Result<void>> SqliteDocuments::put(Context ctx, std::string collection, std::string name,
                                        Json value) {
  std::string text = value.dump();
  CO_TRY_VOID(check_document(collection, name, text.size()));
  const size_t bytes = text.size();
  auto job = [collection, name, text = std::move(text)](Db& db) -> Result<void> {
    TRY(Statement s, db.use("INSERT INTO documents (collection, name, value) VALUES (?, ?, ?) "
                            "ON CONFLICT (collection, name) DO UPDATE SET value = excluded.value"));
    s.bind(collection).bind(name).bind(text);
    return s.run();
  };
  co_return co_await writer_.write<void>(ctx, bytes, std::move(job));
}

Task<Result<std::optional<Json>>> SqliteDocuments::get(Context ctx, std::string collection,
                                                       std::string name) {
  auto query = [collection, name](Db& db) -> Result<std::optional<Json>> {
    TRY(Statement s, db.use("SELECT value FROM documents WHERE collection = ? AND name = ?"));
    s.bind(collection).bind(name);
    TRY(bool found, s.step());
    if (!found) return std::optional<Json>();
    TRY(Json value, Json::parse(s.bytes(0)));
    return std::optional<Json>(std::move(value));
  };
  co_return co_await reader_.read(ctx, std::move(query));
}

Task<Result<bool>> SqliteDocuments::remove(Context ctx, std::string collection, std::string name) {
  auto job = [collection, name](Db& db) -> Result<bool> {
    TRY(Statement s, db.use("DELETE FROM documents WHERE collection = ? AND name = ? RETURNING 1"));
    s.bind(collection).bind(name);
    TRY(bool found, s.step());
    TRY_VOID(s.run());
    return found;
  };
  co_return co_await writer_.write<bool>(ctx, 0, std::move(job));
}

Task<Result<std::vector<std::pair<std::string, Json>>>> SqliteDocuments::list(
    Context ctx, std::string collection) {
  using Rows = std::vector<std::pair<std::string, Json>>;
  auto query = [collection](Db& db) -> Result<Rows> {
    TRY(Statement s,
        db.use("SELECT name, value FROM documents WHERE collection = ? ORDER BY name"));
    s.bind(collection);
    Rows out;
    for (;;) {
      TRY(bool row, s.step());
      if (!row) return out;
      TRY(Json value, Json::parse(s.bytes(1)));
      out.emplace_back(s.text(0), std::move(value));
    }
  };
  co_return co_await reader_.read(ctx, std::move(query));
}

}  // namespace drover::store::sqlite
