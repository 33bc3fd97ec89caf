#pragma once
// A read connection and the executor its queries run on, one at a time. It sees everything that was
// committed before the query began.

#include "async/sync.h"
#include "store/sqlite/db.h"

namespace drover::store::sqlite {

class Reader {
 public:
  /// Both must outlive it.
  Reader(Db& db, async::Executor& executor) : db_(db), executor_(executor) {}

  /// Runs fn(Db&) → Result<T> on the executor.
  template <typename F>
  auto read(async::Context ctx, F fn) -> async::Task<decltype(fn(std::declval<Db&>()))> {
    Db* db = &db_;
    auto work = [db, fn = std::move(fn)]() mutable { return fn(*db); };
    co_return co_await async::run_blocking(ctx, executor_, std::move(work));
  }

 private:
  Db& db_;
  async::Executor& executor_;
};

}  // namespace drover::store::sqlite
