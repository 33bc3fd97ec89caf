#include "async/sync.h"

namespace drover::async {

Task<Result<void>> sleep_for(Context ctx, Duration d) {
  WaitQueue nobody;
  MonoTime now = ctx.loop().mono();
  // "Forever" must not wrap round to the past.
  MonoTime until = d < Context::kNoDeadline - now ? now + d : Context::kNoDeadline;
  Context timed = ctx.with_deadline(until);
  Wake wake = co_await nobody.wait(timed);
  if (wake == Wake::kCancelled) co_return fail(wake_error(wake, ctx));
  if (ctx.has_deadline() && ctx.deadline() < until) co_return fail(wake_error(wake, ctx));
  co_return Result<void>();
}

Task<Result<Semaphore::Permit>> Semaphore::acquire(Context ctx) {
  while (free_ == 0) {
    Wake wake = co_await queue_.wait(ctx);
    if (wake != Wake::kWoken) co_return fail(wake_error(wake, ctx));
  }
  --free_;
  if (free_ > 0) queue_.wake_one();
  co_return Permit(this);
}

}  // namespace drover::async
