#include "store/sqlite/word_counts.h"

#include <sqlite3.h>

#include <cstring>

namespace drover::store::sqlite {
namespace {

constexpr int kTextColumn = 1;

void word_counts(const Fts5ExtensionApi* api, Fts5Context* fts, sqlite3_context* out, int,
                 sqlite3_value**) {
  std::vector<uint32_t> numbers(static_cast<size_t>(api->xPhraseCount(fts)) + 1);
  int length = 0;
  int code = api->xColumnSize(fts, kTextColumn, &length);
  numbers[0] = static_cast<uint32_t>(length);
  int instances = 0;
  if (code == SQLITE_OK) code = api->xInstCount(fts, &instances);
  for (int i = 0; code == SQLITE_OK && i < instances; ++i) {
    int phrase = 0;
    int column = 0;
    int offset = 0;
    code = api->xInst(fts, i, &phrase, &column, &offset);
    if (code == SQLITE_OK && column == kTextColumn) ++numbers[static_cast<size_t>(phrase) + 1];
  }
  if (code != SQLITE_OK) {
    sqlite3_result_error_code(out, code);
    return;
  }
  sqlite3_result_blob(out, numbers.data(), static_cast<int>(numbers.size() * sizeof(uint32_t)),
                      SQLITE_TRANSIENT);
}

/// FTS5's interface, as its documentation says to get it (https://sqlite.org/fts5.html, 7).
fts5_api* fts5_of(sqlite3* db) {
  fts5_api* api = nullptr;
  sqlite3_stmt* stmt = nullptr;
  if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &stmt, nullptr) == SQLITE_OK) {
    sqlite3_bind_pointer(stmt, 1, &api, "fts5_api_ptr", nullptr);
    sqlite3_step(stmt);
  }
  sqlite3_finalize(stmt);
  return api;
}

}  // namespace

Result<void> add_word_counts(Db& db) {
  fts5_api* api = fts5_of(db.handle());
  if (api == nullptr) {
    return fail(Code::kUnimplemented, "this SQLite was built without FTS5; Debian's has it");
  }
  const int code = api->xCreateFunction(api, "drover_counts", nullptr, word_counts, nullptr);
  if (code != SQLITE_OK) return fail(db.error_of("adding the word counts"));
  return {};
}

std::vector<uint32_t> read_word_counts(std::string_view blob) {
  std::vector<uint32_t> out(blob.size() / sizeof(uint32_t));
  if (!out.empty()) std::memcpy(out.data(), blob.data(), out.size() * sizeof(uint32_t));
  return out;
}

}  // namespace drover::store::sqlite
