#include "store/log/log_writer.h"

#include "base/limits/store.h"

namespace drover::store::log {

LogWriterStats LogWriter::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

void LogWriter::Outbox::deliver() {
  Jobs ready;
  {
    std::lock_guard<std::mutex> lock(mutex);
    ready.swap(jobs);
  }
  for (const JobPtr& job : ready) {
    job->finish(*job);
    job->done.set(true);
  }
}

bool LogWriter::may_write_here() const {
  return direct_sync_max_ > Duration::zero() && gathering_.size() <= limits::kLogDirectJobsMax &&
         Duration(usual_sync_.load(std::memory_order_relaxed)) <= direct_sync_max_;
}

Result<void> LogWriter::add(async::Loop& loop, JobPtr job) {
  const size_t bytes = job->frame.size();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const size_t jobs = waiting_.size() + gathering_.size();
    const bool full =
        jobs >= limits::kStoreQueueJobsMax ||
        (jobs > 0 && waiting_bytes_ + gathering_bytes_ + bytes > limits::kStoreQueueBytesMax);
    if (full) {
      return fail(Code::kUnavailable, "the store is behind: too many writes wait for the disk",
                  Retry::kAfter);
    }
  }
  gathering_bytes_ += bytes;
  gathering_.push_back(std::move(job));
  if (gathering_.size() > 1) return {};
  // Whoever is ready on the loop comes first: what they append shares the write.
  loop.post([this, alive = std::weak_ptr<Outbox>(outbox_), &loop] {
    if (!alive.expired()) release(loop);
  });
  return {};
}

void LogWriter::release(async::Loop& loop) {
  const bool here = may_write_here();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    waiting_bytes_ += std::exchange(gathering_bytes_, 0);
    waiting_.insert(waiting_.end(), std::make_move_iterator(gathering_.begin()),
                    std::make_move_iterator(gathering_.end()));
    gathering_.clear();
    if (std::exchange(draining_, true)) return;
    if (here) ++stats_.direct;
  }
  if (here) {
    drain(loop);
    outbox_->deliver();  // what is posted finds nothing left
  } else {
    executor_.submit([this, &loop] { drain(loop); });
  }
}

bool LogWriter::take_group(Jobs& group) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (waiting_.empty()) {
    draining_ = false;
    return false;
  }
  if (waiting_.size() <= limits::kGroupCommitJobsMax) {
    group.swap(waiting_);
  } else {
    const auto end = waiting_.begin() + limits::kGroupCommitJobsMax;
    group.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
  }
  for (const JobPtr& job : group) waiting_bytes_ -= job->frame.size();
  stats_.frames += group.size();
  return true;
}

void LogWriter::drain(async::Loop& loop) {
  for (Jobs group; take_group(group); group.clear()) {
    write(group);
    {
      std::lock_guard<std::mutex> lock(outbox_->mutex);
      outbox_->jobs.insert(outbox_->jobs.end(), std::make_move_iterator(group.begin()),
                           std::make_move_iterator(group.end()));
    }
    loop.post([outbox = outbox_] { outbox->deliver(); });
  }
}

void LogWriter::write(const Jobs& jobs) {
  Result<void> done = write_once(jobs);
  if (done || jobs.size() == 1 || done.error().code != Code::kResourceExhausted) return;
  for (const JobPtr& job : jobs) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ++stats_.single_retries;
    }
    const Jobs alone(1, job);
    (void)write_once(alone);  // its answer stands in the job
  }
}

Result<void> LogWriter::write_once(const Jobs& jobs) {
  std::vector<OutFrame> frames;
  frames.reserve(jobs.size());
  for (const JobPtr& job : jobs) {
    OutFrame frame;
    frame.bytes = &job->frame;
    frame.crc = job->crc;
    frames.push_back(frame);
  }
  const MonoTime start = clock_.mono();
  Result<void> done = log_.write(frames);
  const Duration took = clock_.mono() - start;
  for (size_t i = 0; i < jobs.size(); ++i) {
    jobs[i]->position = frames[i].position;
    jobs[i]->result = done;
  }
  const int64_t usual = usual_sync_.load(std::memory_order_relaxed);
  usual_sync_.store(usual + (took.count() - usual) / 8, std::memory_order_relaxed);
  if (done) {
    last_sync_.store(took.count(), std::memory_order_relaxed);
    std::lock_guard<std::mutex> lock(mutex_);
    ++stats_.groups;
    stats_.sync_time += took;
  }
  return done;
}

}  // namespace drover::store::log
