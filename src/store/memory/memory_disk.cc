#include "store/memory/memory_disk.h"

#include <algorithm>

#include "async/sync.h"

namespace drover::store {

void MemoryDisk::fail_next(Error error, size_t writes) {
  for (size_t i = 0; i < writes; ++i) failures_.push_back(error);
}

void MemoryDisk::crash() {
  while (!pending_.empty()) {
    std::function<void()> undo = std::move(pending_.back().undo);
    pending_.pop_back();
    undo();
  }
}

Result<void> MemoryDisk::admit() {
  if (broken_) {
    if (passes_ == 0) return fail(*broken_);
    --passes_;
  }
  if (failures_.empty()) return {};
  Error error = std::move(failures_.front());
  failures_.pop_front();
  return fail(std::move(error));
}

async::Task<Result<void>> MemoryDisk::commit(async::Context ctx, std::function<void()> undo) {
  if (sync_time > Duration::zero()) {
    const uint64_t number = next_++;
    Pending pending{number, std::move(undo)};
    pending_.push_back(std::move(pending));
    async::Context quiet = ctx.detached();
    auto slept = co_await async::sleep_for(quiet, sync_time);
    (void)slept;
    auto mine = std::find_if(pending_.begin(), pending_.end(),
                             [number](const Pending& p) { return p.number == number; });
    if (mine == pending_.end()) co_return fail(Code::kUnavailable, "the store crashed");
    pending_.erase(mine);
  }
  ++syncs_;
  if (!lost_answers_.empty()) {
    Error error = std::move(lost_answers_.front());
    lost_answers_.pop_front();
    co_return fail(std::move(error));
  }
  co_return Result<void>();
}

}  // namespace drover::store
