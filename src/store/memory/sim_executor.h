#pragma once
// Blocking work on virtual time: one job after another, each done as a whole on the loop after the
// disk's latency. So what arrives meanwhile gathers, as with a real thread, and a seed repeats.
//
// Loop thread only. It must outlive what was submitted; clear the loop before it goes.

#include <deque>
#include <functional>

#include "async/loop.h"
#include "async/sync.h"
#include "store/memory/sim_disk.h"

namespace drover::store {

class SimExecutor final : public async::Executor {
 public:
  /// Both must outlive it.
  SimExecutor(async::Loop& loop, const SimDisk& disk) : loop_(loop), disk_(disk) {}
  void submit(std::function<void()> work) override {
    jobs_.push_back(std::move(work));
    if (jobs_.size() == 1) arm();
  }

 private:
  void arm() {
    loop_.call_at(loop_.mono() + disk_.latency, [this] { run_first(); });
  }
  void run_first() {
    // The job stays in the queue while it runs, so that what it submits waits for its end.
    std::function<void()> job = std::move(jobs_.front());
    job();
    jobs_.pop_front();
    if (!jobs_.empty()) arm();
  }

  async::Loop& loop_;
  const SimDisk& disk_;
  std::deque<std::function<void()>> jobs_;
};

}  // namespace drover::store
