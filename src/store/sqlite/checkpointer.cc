#include "store/sqlite/checkpointer.h"

#include <sqlite3.h>

#include "base/limits/store.h"
#include "base/log.h"

namespace drover::store::sqlite {
namespace {

void copy_back(Db& db) {
  // Passive: takes what no reader still needs, waits for nobody. A failure is no loss: the log
  // keeps everything, and the next commit asks again.
  const int code =
      sqlite3_wal_checkpoint_v2(db.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY) {
    LOG_WARN("the database's log could not be copied back: {}",
             db.error_of("checkpoint").to_string());
  }
}

constexpr int kReaderWaitMs = 100;
constexpr Duration kRetryPause = 1s;

}  // namespace

bool empty_wal(Db& db) {
  sqlite3_busy_timeout(db.handle(), kReaderWaitMs);
  const int code =
      sqlite3_wal_checkpoint_v2(db.handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY && (code & 0xFF) != SQLITE_LOCKED) {
    LOG_WARN("what was erased still stands in the database's log: {}",
             db.error_of("checkpoint").to_string());
  }
  sqlite3_busy_timeout(db.handle(), kBusyTimeoutMs);
  return code == SQLITE_OK;
}

Checkpointer::Checkpointer(Db& writer, Db& own, async::Executor& executor)
    : writer_(writer), own_(own), executor_(executor) {
  // Replaces SQLite's own automatic checkpoint, which would run inside COMMIT.
  sqlite3_wal_hook(
      writer.handle(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Checkpointer*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
}

void Checkpointer::erase_copies(MonoTime now) {
  if (writer_.take_erased()) {
    owed_ = true;
    next_try_ = now;
  }
  if (!owed_ || now < next_try_) return;
  next_try_ = now + kRetryPause;
  owed_ = !empty_wal(writer_);
  if (!owed_) wal_pages_ = 0;
}

void Checkpointer::committed() {
  if (wal_pages_ >= limits::kWalPagesMax) {
    copy_back(writer_);
    return;
  }
  if (wal_pages_ < limits::kWalPagesTarget || running_.exchange(true)) return;
  executor_.submit([this] {
    copy_back(own_);
    running_.store(false);
  });
}

}  // namespace drover::store::sqlite
