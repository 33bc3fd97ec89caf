#include "store/sqlite/writer.h"

#include <algorithm>

#include "base/limits/store.h"

namespace drover::store::sqlite {

WriterStats Writer::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

Result<void> Writer::enqueue(std::shared_ptr<WriteJob> job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const bool full =
        waiting_.size() >= limits::kStoreQueueJobsMax ||
        (!waiting_.empty() && waiting_bytes_ + job->bytes > limits::kStoreQueueBytesMax);
    if (full) {
      return fail(Code::kUnavailable, "the store is behind: too many writes wait for the disk",
                  Retry::kAfter);
    }
    waiting_bytes_ += job->bytes;
    waiting_.push_back(std::move(job));
    if (std::exchange(draining_, true)) return {};
  }
  executor_.submit([this] { drain(); });
  return {};
}

void Writer::drain() {
  for (;;) {
    Jobs group;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (waiting_.empty()) {
        draining_ = false;
        return;
      }
      if (waiting_.size() <= limits::kGroupCommitJobsMax) {
        group.swap(waiting_);
      } else {
        const auto end = waiting_.begin() + limits::kGroupCommitJobsMax;
        group.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
        waiting_.erase(waiting_.begin(), end);
      }
      for (const auto& job : group) waiting_bytes_ -= job->bytes;
      stats_.writes += group.size();
    }
    run_group(group);
    // Before the answers: who hears that something is erased may look for it.
    if (checkpointer_ != nullptr) checkpointer_->erase_copies(clock_.mono());
    finish(group);
    if (checkpointer_ != nullptr) checkpointer_->committed();
  }
}

void Writer::run_group(Jobs& jobs) {
  if (try_group(jobs) || jobs.size() == 1) return;
  for (const auto& job : jobs) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ++stats_.single_retries;
    }
    const Jobs alone(1, job);
    try_group(alone);
  }
}

Result<void> Writer::begin(const Jobs& jobs) {
  const bool at_once = std::any_of(
      jobs.begin(), jobs.end(), [](const auto& job) { return job->durable == Durable::kAtOnce; });
  const Durable wanted = at_once ? Durable::kAtOnce : Durable::kLater;
  if (wanted != mode_) {
    // NORMAL: the log is synced before it is checkpointed, and not at a commit.
    TRY_VOID(db_.exec(at_once ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"));
    mode_ = wanted;
  }
  return db_.exec("BEGIN IMMEDIATE");
}

bool Writer::try_group(const Jobs& jobs) {
  Result<void> begun = begin(jobs);
  if (!begun) {
    for (const auto& job : jobs) job->fail_with(begun.error());
    return true;  // the same awaits each of them alone: this is the answer
  }
  const int64_t changes_before = db_.total_changes();
  for (const auto& job : jobs) {
    const int64_t before = db_.total_changes();
    const bool ok = job->run(db_);
    // SQLite itself may have ended the transaction (a full disk).
    if (ok && db_.in_transaction()) continue;
    if (!ok && db_.in_transaction() && db_.total_changes() == before) continue;
    if (ok) job->fail_with(Error(Code::kInternal, "a write ended the writer's transaction"));
    roll_back();
    return false;
  }
  return commit(jobs, changes_before);
}

bool Writer::commit(const Jobs& jobs, int64_t changes_before) {
  const bool changed = db_.total_changes() != changes_before;
  const MonoTime start = clock_.mono();
  Result<void> done = db_.exec("COMMIT");
  if (!done) {
    for (const auto& job : jobs) job->fail_with(done.error());
    roll_back();
    return false;
  }
  if (changed) {
    const Duration took = clock_.mono() - start;
    const bool synced = mode_ == Durable::kAtOnce;
    if (synced) last_commit_.store(took.count(), std::memory_order_relaxed);
    std::lock_guard<std::mutex> lock(mutex_);
    ++stats_.commits;
    if (synced) ++stats_.syncs;
    stats_.commit_time += took;
  }
  return true;
}

void Writer::roll_back() {
  // A rollback that fails leaves the connection in a transaction: the next BEGIN would then fail
  // and say so to its callers.
  if (db_.in_transaction()) (void)db_.exec("ROLLBACK");
}

void Writer::finish(const Jobs& jobs) {
  // One message for each run of writes of the same loop.
  for (size_t i = 0; i < jobs.size();) {
    size_t end = i + 1;
    while (end < jobs.size() && jobs[end]->loop == jobs[i]->loop) ++end;
    Jobs part(jobs.begin() + static_cast<std::ptrdiff_t>(i),
              jobs.begin() + static_cast<std::ptrdiff_t>(end));
    async::Loop* loop = jobs[i]->loop;
    loop->post([part = std::move(part)] {
      for (const auto& job : part) job->finish();
    });
    i = end;
  }
}

}  // namespace drover::store::sqlite
