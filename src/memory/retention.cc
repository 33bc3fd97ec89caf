#include "memory/retention.h"

#include "async/sync.h"
#include "base/log.h"

namespace drover::memory {
namespace {

/// Removes all that is due now.
Task<Result<void>> sweep(Context ctx, store::Records* records,
                         std::function<void(const store::Removed&)> removed) {
  const WallTime now = ctx.loop().wall();
  for (;;) {
    CO_TRY(auto slice, co_await records->remove_expired(ctx, now, limits::kRecordRemovalSlice));
    if (slice.empty()) co_return Result<void>();
    for (const store::Removed& part : slice) removed(part);
    CO_TRY_VOID(ctx.check());
  }
}

}  // namespace

Task<void> sweep_expired(Context ctx, store::Records* records,
                         std::function<void(const store::Removed&)> removed) {
  bool failing = false;
  while (!ctx.cancelled()) {
    auto done = co_await sweep(ctx, records, removed);
    if (!done && !ctx.cancelled() && !std::exchange(failing, true)) {
      LOG_WARN("expired memory records are not removed: {}", done.error().to_string());
    }
    if (done) failing = false;
    auto slept = co_await async::sleep_for(ctx, limits::kRecordSweepInterval);
    if (!slept) co_return;
  }
}

}  // namespace drover::memory
