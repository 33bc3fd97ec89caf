#pragma once
// While it lives, what the connection removes is overwritten in its pages, and the write-ahead log
// owes a cut: after the commit (checkpointer.h), or with the next sweep if that will do. For what
// must be gone from the disk, not only for readers. Always, it would double the work of forgetting
// spans. On the connection's thread.

#include <memory>

#include "store/sqlite/db.h"

namespace drover::store::sqlite {

class Overwriting {
 public:
  static Result<std::unique_ptr<Overwriting>> begin(Db& db) {
    TRY_VOID(db.exec("PRAGMA secure_delete = ON"));
    db.mark_erased();
    return std::make_unique<Overwriting>(db);
  }
  static Result<std::unique_ptr<Overwriting>> begin_for_sweep(Db& db) {
    TRY_VOID(db.exec("PRAGMA secure_delete = ON"));
    db.mark_overwritten();
    return std::make_unique<Overwriting>(db);
  }
  explicit Overwriting(Db& db) : db_(db) {}
  Overwriting(const Overwriting&) = delete;
  Overwriting& operator=(const Overwriting&) = delete;
  ~Overwriting() { (void)db_.exec("PRAGMA secure_delete = OFF"); }

 private:
  Db& db_;
};

}  // namespace drover::store::sqlite
