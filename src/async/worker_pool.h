#pragma once
// A fixed pool of threads for work that blocks: SQLite, files, compression, name resolution.
// Bounded queue: submit() waits on the calling thread only when `queue_max` jobs are pending,
// which the callers' own limits prevent. Ends its threads, after the queued work, when destroyed.
// Its name is the name of its threads, as `top -H` and debuggers show them.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "async/sync.h"

namespace drover::async {

class WorkerPool final : public Executor {
 public:
  /// `name`: of 15 bytes the kernel keeps.
  WorkerPool(const std::string& name, size_t threads, size_t queue_max = 65'536);
  ~WorkerPool() override;
  void submit(std::function<void()> work) override;

 private:
  void run();
  const std::string name_;
  size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::condition_variable room_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

/// The executor handed in, or a thread of our own of that name.
inline Executor& given_or_own(Executor* given, std::unique_ptr<WorkerPool>& own,
                              const std::string& name) {
  if (given != nullptr) return *given;
  own = std::make_unique<WorkerPool>(name, 1);
  return *own;
}

}  // namespace drover::async
