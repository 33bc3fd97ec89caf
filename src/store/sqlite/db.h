#pragma once
// One connection to the database and its prepared statements. Each SQL text is prepared once and
// kept for the life of the connection; all texts are literals of this folder, so their number is
// bounded. A Statement is one use of a prepared one: bind in order, step, read; it resets itself.
//
//   TRY(auto s, db.use("SELECT a FROM t WHERE b = ?"));
//   s.bind(text);                       // not copied: must live until the last step()
//   TRY(bool row, s.step());
//
// Threads: one at a time. Failure: every sqlite code becomes one of our errors (error_of()):
// disk full → kResourceExhausted, i/o error or a locked file → kUnavailable, damage → kDataLoss.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace drover::store::sqlite {

/// How long a statement waits for another connection's lock.
inline constexpr int kBusyTimeoutMs = 5'000;

class Statement {
 public:
  explicit Statement(sqlite3_stmt* stmt) : stmt_(stmt) {}
  Statement(Statement&& o) noexcept : stmt_(std::exchange(o.stmt_, nullptr)), next_(o.next_) {}
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Each binds the next parameter, in order.
  Statement& bind(int64_t value);
  Statement& bind(uint64_t value) { return bind(static_cast<int64_t>(value)); }
  Statement& bind(std::string_view text);
  Statement& bind_blob(std::string_view bytes);
  Statement& bind_null();
  /// Text that is lower-case hex goes as half as many bytes; text_or_hex() gives it back exactly.
  Statement& bind_hex(std::string_view text);

  /// True when there is a row.
  Result<bool> step();
  /// Steps to the end; for statements without rows.
  Result<void> run();

  int64_t integer(int column) const;
  /// Valid until the next step.
  std::string_view bytes(int column) const;
  std::string text(int column) const { return std::string(bytes(column)); }
  std::string text_or_hex(int column) const;
  bool is_null(int column) const;
  bool is_text(int column) const;

 private:
  int next_parameter() { return ++next_; }
  sqlite3_stmt* stmt_;
  int next_ = 0;
};

struct OpenOptions {
  std::string path;
  /// SQLite's name of the file layer to use; empty: its default for the platform. The seam by which
  /// a simulated disk comes in.
  std::string vfs_name{};
  bool read_only = false;
  bool create = false;
  /// Bytes of pages kept in memory.
  int64_t cache_bytes = 4 << 20;
};

class Db {
 public:
  static Result<std::unique_ptr<Db>> open(const OpenOptions& options);
  ~Db();
  Db(const Db&) = delete;
  Db& operator=(const Db&) = delete;

  Result<Statement> use(std::string_view sql);
  /// Runs statements without parameters or rows of interest.
  Result<void> exec(const std::string& sql);
  /// The error of the last call on this connection.
  Error error_of(std::string_view while_doing) const;
  /// Rows changed since the connection was opened.
  int64_t total_changes() const;
  int64_t last_row_id() const;
  bool in_transaction() const;
  /// Something was removed that must not stay in the write-ahead log either.
  void mark_erased() { erased_ = true; }
  /// Whether it was marked since the last call.
  bool take_erased() { return std::exchange(erased_, false); }
  /// Something was written over, and what it said before is still to be forgotten by the full-text
  /// index and the write-ahead log. For the next sweep: at once, it would slow every write.
  void mark_overwritten() { overwritten_ = true; }
  bool take_overwritten() { return std::exchange(overwritten_, false); }
  sqlite3* handle() { return db_; }

 private:
  explicit Db(sqlite3* db) : db_(db) {}
  sqlite3* db_;
  bool erased_ = false;
  bool overwritten_ = false;
  std::unordered_map<std::string_view, sqlite3_stmt*> statements_;
};

/// The error for one of SQLite's result codes.
Error error_of_code(int code, std::string_view message, std::string_view while_doing);

}  // namespace drover::store::sqlite
