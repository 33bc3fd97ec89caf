#pragma once
// The one writer of the database, with group commit. Writes arrive from the loops; while one
// transaction syncs, further ones gather, and then share the next transaction and its one sync.
//
// A write is a function of the connection that may run twice: if one of a group fails after it
// changed something, or the commit fails, the group is rolled back and each of its writes gets a
// transaction of its own, so that nobody suffers for another's failure and each answer is true.
// A write that fails before it changed anything (a lost fence) costs the others nothing.
//
// A group syncs unless none of its writes needs to: what only must not be lost by this process
// (spans) says so, and becomes durable with the next group that syncs, or when the log is
// checkpointed.
//
// Any loop thread may call write(); the work runs on the executor, one at a time (the executor
// must not run two of its jobs at once). With an inline executor each write is its own group.
// Limits: kStoreQueueJobsMax, kStoreQueueBytesMax (then kUnavailable), kGroupCommitJobsMax.

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "async/sync.h"
#include "base/time.h"
#include "store/sqlite/checkpointer.h"
#include "store/sqlite/db.h"

namespace drover::store::sqlite {

/// What the writer has done since it was opened.
struct WriterStats {
  uint64_t writes = 0;
  uint64_t commits = 0;
  uint64_t syncs = 0;  // commits that synced the write-ahead log
  uint64_t single_retries = 0;
  Duration commit_time{};  // in all
};

/// When a write has to be on the disk. kLater survives this process, not the machine's power.
enum class Durable { kAtOnce, kLater };

class WriteJob {
 public:
  explicit WriteJob(async::Loop& job_loop) : loop(&job_loop) {}
  virtual ~WriteJob() = default;
  /// On the writer's thread. Keeps its result; false when it failed.
  virtual bool run(Db& db) = 0;
  /// Replaces the result (the commit failed).
  virtual void fail_with(const Error& error) = 0;
  /// On the loop: hands the result over.
  virtual void finish() = 0;
  async::Loop* loop;
  size_t bytes = 0;
  Durable durable = Durable::kAtOnce;
};

template <typename T, typename F>
class WriteJobOf final : public WriteJob {
 public:
  WriteJobOf(async::Loop& job_loop, F fn) : WriteJob(job_loop), fn_(std::move(fn)) {}
  bool run(Db& db) override {
    result_.emplace(fn_(db));
    return result_->has_value();
  }
  void fail_with(const Error& error) override { result_.emplace(fail(error)); }
  void finish() override { slot.set(std::move(*result_)); }
  async::OneShot<Result<T>> slot;

 private:
  F fn_;
  std::optional<Result<T>> result_;
};

class Writer {
 public:
  /// All outlive the writer; submitted work must be done before it goes. `checkpointer` may be
  /// null.
  Writer(Db& db, async::Executor& executor, Clock& clock, Checkpointer* checkpointer)
      : db_(db), executor_(executor), clock_(clock), checkpointer_(checkpointer) {}

  /// Runs fn(Db&) → Result<T> in a transaction; returns once that is committed, and durable unless
  /// it said kLater. `bytes` is what the write holds in memory. Not interrupted by the context.
  template <typename T, typename F>
  async::Task<Result<T>> write(async::Context ctx, size_t bytes, F fn,
                               Durable durable = Durable::kAtOnce) {
    auto job = std::make_shared<WriteJobOf<T, F>>(ctx.loop(), std::move(fn));
    job->bytes = bytes;
    job->durable = durable;
    CO_TRY_VOID(enqueue(job));
    async::Context quiet = ctx.detached();
    Result<Result<T>> out = co_await job->slot.take(quiet);
    DROVER_ASSERT(out.has_value());
    co_return std::move(*out);
  }

  /// How long the last commit that synced took, nearly all of it the sync. Any thread.
  Duration last_commit() const { return Duration(last_commit_.load(std::memory_order_relaxed)); }
  WriterStats stats() const;

 private:
  using Jobs = std::vector<std::shared_ptr<WriteJob>>;
  Result<void> enqueue(std::shared_ptr<WriteJob> job);
  void drain();
  void run_group(Jobs& jobs);
  /// True when the group is committed; otherwise it is rolled back.
  bool try_group(const Jobs& jobs);
  Result<void> begin(const Jobs& jobs);
  bool commit(const Jobs& jobs, int64_t changes_before);
  void roll_back();
  static void finish(const Jobs& jobs);

  Db& db_;
  async::Executor& executor_;
  Clock& clock_;
  Checkpointer* checkpointer_;
  /// What the connection's commits do now; only the executor's job looks.
  Durable mode_ = Durable::kAtOnce;
  std::atomic<int64_t> last_commit_{0};

  mutable std::mutex mutex_;
  Jobs waiting_;
  size_t waiting_bytes_ = 0;
  bool draining_ = false;
  WriterStats stats_;
};

}  // namespace drover::store::sqlite
