#pragma once
// Group commit: whatever is added while the loop runs what is ready, or while a sync is under way,
// shares the next write and its one sync. If a group does not fit on the disk, each of it is tried
// alone, so that nobody suffers for another's size. Answers go to the loop in the order of the log.
//
// Where hardly anybody else appends and the disk is usually quick, a write is done on the loop
// itself: the two changes of threads that the executor costs take longer than the sync. Between
// the write and its sync the loop runs what is ready, so that an answer which is known already can
// be prepared while the disk writes. While the loop syncs the next appends gather, and more than a
// few go to the executor (limits::kLogDirect…).
//
// add() and the answers: loop thread. The writing runs on the executor, one job at a time. Limits:
// kStoreQueueJobsMax, kStoreQueueBytesMax (then kUnavailable), kGroupCommitJobsMax.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "async/sync.h"
#include "base/time.h"
#include "store/log/log.h"

namespace drover::store::log {

struct LogWriterStats {
  uint64_t frames = 0;
  uint64_t groups = 0;
  uint64_t direct = 0;  // of the groups, those written on the loop
  uint64_t single_retries = 0;
  Duration sync_time{};
};

class LogWriter {
 public:
  /// One append on its way.
  struct Job {
    std::string frame;
    uint32_t crc = 0;
    Position position = 0;  // set when it is durable
    Result<void> result;
    /// Called on the loop, in the order of the log, before `done` is set. May take the frame.
    std::function<void(Job&)> finish;
    async::OneShot<bool> done;
  };
  using JobPtr = std::shared_ptr<Job>;

  /// All outlive it; what was added must be answered before it goes. `direct_sync_max` zero: never
  /// on the loop.
  LogWriter(Log& log, async::Executor& executor, Clock& clock, Duration direct_sync_max)
      : log_(log), executor_(executor), clock_(clock), direct_sync_max_(direct_sync_max) {}
  /// Called after each write on the loop: hardly anybody else is at it, and whoever was answered
  /// may come with the next one at once.
  void after_direct(std::function<void()> fn) { after_direct_ = std::move(fn); }
  /// The answer is set on `loop`.
  Result<void> add(async::Loop& loop, JobPtr job);
  Duration last_sync() const { return Duration(last_sync_.load(std::memory_order_relaxed)); }
  LogWriterStats stats() const;

 private:
  using Jobs = std::vector<JobPtr>;
  /// What is written and not yet answered, in the order of the log.
  struct Outbox {
    std::mutex mutex;
    Jobs jobs;
    void deliver();
  };

  /// A group and what becomes of it.
  struct Group {
    Jobs jobs;
    std::vector<OutFrame> frames;
    Result<void> result;
    Duration took{};
  };

  bool may_write_here(size_t jobs) const;
  void release(async::Loop& loop);
  void drain(async::Loop& loop);
  void begin_here(async::Loop& loop);
  void finish_here(async::Loop& loop, int rounds);
  bool take_group(Jobs& group);
  static std::vector<OutFrame> frames_of(const Jobs& jobs);
  void hand_out(Jobs jobs);
  void write(Group& group);
  /// How the group went, for its jobs and for the statistics.
  void note(Group& group);
  void retry_singly(const Group& group);

  Log& log_;
  async::Executor& executor_;
  Clock& clock_;
  const Duration direct_sync_max_;
  std::function<void()> after_direct_;
  std::atomic<int64_t> last_sync_{0};
  std::atomic<int64_t> usual_sync_{0};  // a moving average
  std::shared_ptr<Outbox> outbox_ = std::make_shared<Outbox>();

  mutable std::mutex mutex_;
  Jobs waiting_;
  size_t waiting_bytes_ = 0;
  bool draining_ = false;
  LogWriterStats stats_;

  // The loop's.
  Jobs gathering_;  // not yet shown to whoever writes
  size_t gathering_bytes_ = 0;
  Group here_;  // on its way to the disk, from the loop
};

}  // namespace drover::store::log
