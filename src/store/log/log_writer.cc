#include "store/log/log_writer.h"

#include "base/limits/store.h"

namespace drover::store::log {
namespace {

/// Between a write on the loop and its sync: one for whoever has what is needed to prepare an
/// answer, one for the answer itself.
constexpr int kRoundsBeforeSync = 2;

}  // namespace

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

bool LogWriter::may_write_here(size_t jobs) const {
  return direct_sync_max_ > Duration::zero() && jobs <= limits::kLogDirectJobsMax &&
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
  bool here = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    waiting_bytes_ += std::exchange(gathering_bytes_, 0);
    waiting_.insert(waiting_.end(), std::make_move_iterator(gathering_.begin()),
                    std::make_move_iterator(gathering_.end()));
    gathering_.clear();
    if (waiting_.empty() || draining_) return;
    draining_ = true;
    here = may_write_here(waiting_.size());
    if (here) ++stats_.direct;
  }
  if (here) {
    begin_here(loop);
  } else {
    executor_.submit([this, &loop] { drain(loop); });
  }
}

std::vector<OutFrame> LogWriter::frames_of(const Jobs& jobs) {
  std::vector<OutFrame> frames;
  frames.reserve(jobs.size());
  for (const JobPtr& job : jobs) {
    OutFrame frame;
    frame.bytes = &job->frame;
    frame.crc = job->crc;
    frames.push_back(frame);
  }
  return frames;
}

void LogWriter::begin_here(async::Loop& loop) {
  here_ = Group();
  take_group(here_.jobs);
  here_.frames = frames_of(here_.jobs);
  const MonoTime start = clock_.mono();
  here_.result = log_.begin(here_.frames);
  here_.took = clock_.mono() - start;
  finish_here(loop, kRoundsBeforeSync);
}

/// Once the loop has run so many rounds of what is ready.
void LogWriter::finish_here(async::Loop& loop, int rounds) {
  if (rounds > 0) {
    loop.post([this, alive = std::weak_ptr<Outbox>(outbox_), &loop, rounds] {
      if (!alive.expired()) finish_here(loop, rounds - 1);
    });
    return;
  }
  if (here_.result) {
    const MonoTime start = clock_.mono();
    here_.result = log_.finish();
    here_.took += clock_.mono() - start;
  }
  note(here_);
  retry_singly(here_);
  hand_out(std::move(here_.jobs));
  {
    std::lock_guard<std::mutex> lock(mutex_);
    draining_ = false;
  }
  outbox_->deliver();
  if (after_direct_) after_direct_();
  release(loop);  // what came meanwhile
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

void LogWriter::hand_out(Jobs jobs) {
  std::lock_guard<std::mutex> lock(outbox_->mutex);
  outbox_->jobs.insert(outbox_->jobs.end(), std::make_move_iterator(jobs.begin()),
                       std::make_move_iterator(jobs.end()));
}

void LogWriter::drain(async::Loop& loop) {
  for (Group group; take_group(group.jobs); group = Group()) {
    write(group);
    retry_singly(group);
    hand_out(std::move(group.jobs));
    loop.post([outbox = outbox_] { outbox->deliver(); });
  }
}

void LogWriter::write(Group& group) {
  group.frames = frames_of(group.jobs);
  const MonoTime start = clock_.mono();
  group.result = log_.write(group.frames);
  group.took = clock_.mono() - start;
  note(group);
}

void LogWriter::retry_singly(const Group& group) {
  const bool full = !group.result && group.result.error().code == Code::kResourceExhausted;
  if (!full || group.jobs.size() == 1) return;
  for (const JobPtr& job : group.jobs) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ++stats_.single_retries;
    }
    Group alone;
    alone.jobs.push_back(job);
    write(alone);  // its answer stands in the job
  }
}

void LogWriter::note(Group& group) {
  for (size_t i = 0; i < group.jobs.size(); ++i) {
    group.jobs[i]->position = group.frames[i].position;
    group.jobs[i]->result = group.result;
  }
  const int64_t took = group.took.count();
  const int64_t usual = usual_sync_.load(std::memory_order_relaxed);
  usual_sync_.store(usual + (took - usual) / 8, std::memory_order_relaxed);
  if (!group.result) return;
  last_sync_.store(took, std::memory_order_relaxed);
  std::lock_guard<std::mutex> lock(mutex_);
  ++stats_.groups;
  stats_.sync_time += group.took;
}

}  // namespace drover::store::log
