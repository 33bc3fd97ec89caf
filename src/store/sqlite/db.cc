#include "store/sqlite/db.h"

#include <sqlite3.h>

#include <algorithm>

#include "base/bytes.h"

namespace drover::store::sqlite {
namespace {

bool is_lower_hex(std::string_view text) {
  return text.size() >= 2 && text.size() % 2 == 0 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Error error_of_code(int code, std::string_view message, std::string_view while_doing) {
  const std::string what = std::string(while_doing) + ": " + std::string(message);
  switch (code & 0xFF) {
    case SQLITE_FULL:
      return Error(Code::kResourceExhausted,
                   "the disk is full (" + what + "); nothing was written, free some space",
                   Retry::kAfter)
          .with_reason("disk_full");
    case SQLITE_NOMEM:
      return Error(Code::kResourceExhausted, "out of memory (" + what + ")", Retry::kAfter);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Error(Code::kDataLoss,
                   "the database is damaged (" + what +
                       "); keep a copy of the data folder, then restore the last backup into an "
                       "empty one: drover restore");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(Code::kUnavailable, "another program holds the database (" + what + ")",
                   Retry::kAfter);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return Error(Code::kPermissionDenied, "the database cannot be opened or written (" + what +
                                                "); check the owner and mode of the data folder");
    case SQLITE_IOERR:
    case SQLITE_PROTOCOL:
      return Error(Code::kUnavailable, "the disk failed (" + what + "); nothing was written",
                   Retry::kAfter);
    case SQLITE_TOOBIG:
      return Error(Code::kInvalidArgument, "too large for the database (" + what + ")");
    default:
      return Error(Code::kInternal, "database error " + std::to_string(code) + " (" + what + ")");
  }
}

Statement::~Statement() {
  if (stmt_ == nullptr) return;
  sqlite3_reset(stmt_);
  sqlite3_clear_bindings(stmt_);
}

// A bind can fail only for a wrong index or size, which the texts of this folder and the limits
// checked before rule out; step() would then see a null where none is allowed.
Statement& Statement::bind(int64_t value) {
  sqlite3_bind_int64(stmt_, next_parameter(), value);
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  // A view without data would bind null.
  const char* data = text.data() == nullptr ? "" : text.data();
  sqlite3_bind_text64(stmt_, next_parameter(), data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob(std::string_view bytes) {
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  sqlite3_bind_blob64(stmt_, next_parameter(), data, bytes.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind_null() {
  sqlite3_bind_null(stmt_, next_parameter());
  return *this;
}

Statement& Statement::bind_hex(std::string_view text) {
  if (!is_lower_hex(text)) return bind(text);
  const std::string bytes = *from_hex(text);
  sqlite3_bind_blob64(stmt_, next_parameter(), bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(stmt_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* db = sqlite3_db_handle(stmt_);
  return fail(
      error_of_code(sqlite3_extended_errcode(db), sqlite3_errmsg(db), "running a statement"));
}

Result<void> Statement::run() {
  for (;;) {
    TRY(bool row, step());
    if (!row) return {};
  }
}

int64_t Statement::integer(int column) const { return sqlite3_column_int64(stmt_, column); }

std::string_view Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(stmt_, column);
  const int size = sqlite3_column_bytes(stmt_, column);
  if (data == nullptr || size <= 0) return {};
  return {static_cast<const char*>(data), static_cast<size_t>(size)};
}

std::string Statement::text_or_hex(int column) const {
  if (sqlite3_column_type(stmt_, column) == SQLITE_BLOB) return to_hex(bytes(column));
  return text(column);
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(stmt_, column) == SQLITE_NULL;
}

bool Statement::is_text(int column) const {
  return sqlite3_column_type(stmt_, column) == SQLITE_TEXT;
}

Result<std::unique_ptr<Db>> Db::open(const OpenOptions& options) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  flags |= options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (options.create) flags |= SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(options.path.c_str(), &handle, flags,
                                   options.vfs_name.empty() ? nullptr : options.vfs_name.c_str());
  std::unique_ptr<Db> db(new Db(handle));
  if (code != SQLITE_OK) {
    const char* message = handle == nullptr ? "out of memory" : sqlite3_errmsg(handle);
    return fail(error_of_code(code, message, "opening " + options.path));
  }
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  TRY_VOID(db->exec("PRAGMA foreign_keys = ON"));
  TRY_VOID(db->exec("PRAGMA temp_store = MEMORY"));
  TRY_VOID(db->exec("PRAGMA cache_size = -" + std::to_string(options.cache_bytes / 1024)));
  return db;
}

Db::~Db() {
  for (auto& [sql, stmt] : statements_) sqlite3_finalize(stmt);
  sqlite3_close(db_);
}

Result<Statement> Db::use(std::string_view sql) {
  auto it = statements_.find(sql);
  if (it == statements_.end()) {
    sqlite3_stmt* stmt = nullptr;
    const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &stmt, nullptr);
    if (code != SQLITE_OK) return fail(error_of("preparing a statement"));
    // SQLite's copy of the text lives as long as the statement.
    it = statements_.emplace(std::string_view(sqlite3_sql(stmt)), stmt).first;
  }
  return Statement(it->second);
}

Result<void> Db::exec(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return fail(error_of("running '" + sql.substr(0, 60) + "'"));
  }
  return {};
}

Error Db::error_of(std::string_view while_doing) const {
  return error_of_code(sqlite3_extended_errcode(db_), sqlite3_errmsg(db_), while_doing);
}

int64_t Db::total_changes() const { return sqlite3_total_changes64(db_); }
int64_t Db::last_row_id() const { return sqlite3_last_insert_rowid(db_); }
bool Db::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

}  // namespace drover::store::sqlite
