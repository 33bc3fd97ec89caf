#include "road/hedge.h"

#include <utility>

#include "base/limits/road.h"

namespace drover::road {
namespace {

Error slower() {
  return Error(Code::kCancelled, "another endpoint was faster", Retry::kNever)
      .with_reason("hedged");
}

}  // namespace

bool Lane::wants_raw() const { return gate_.inner_wants_raw(); }

/// What is held back is bounded.
Result<void> Lane::hold(size_t bytes) {
  held_bytes_ += bytes;
  if (held_bytes_ <= limits::kHeldBackBytesMax) return {};
  return fail(Code::kUnavailable, "the provider sent much and said nothing", Retry::kOtherTarget);
}

/// What it says is the caller's from here on, beginning with the raw events held back.
Result<void> Lane::claim() {
  race_.winner = this;
  race_.changed.wake_all();
  gate_.begin_attempt(*endpoint);
  for (const std::string& data : std::exchange(raws_, {})) TRY_VOID(gate_.raw(data, false));
  return {};
}

Task<Result<void>> Lane::win(Context ctx) {
  if (race_.winner != nullptr) co_return Result<void>();
  CO_TRY_VOID(claim());
  const std::vector<contract::StreamDelta> deltas = std::exchange(deltas_, {});
  for (const contract::StreamDelta& delta : deltas) {
    CO_TRY_VOID(co_await gate_.delta(ctx, delta));
  }
  co_return Result<void>();
}

Task<Result<void>> Lane::delta(Context ctx, const contract::StreamDelta& delta) {
  if (lost()) co_return fail(slower());
  if (race_.winner == nullptr) {
    if (!contract::is_visible(delta)) {
      deltas_.push_back(delta);
      co_return hold(64);
    }
    CO_TRY_VOID(co_await win(ctx));
  }
  co_return co_await gate_.delta(ctx, delta);
}

Result<void> Lane::raw(std::string_view data, bool visible) {
  if (lost()) return fail(slower());
  if (race_.winner == nullptr) {
    if (!visible) {
      raws_.emplace_back(data);
      return hold(data.size());
    }
    TRY_VOID(claim());
  }
  return gate_.raw(data, visible);
}

Task<Result<void>> Lane::flush(Context ctx) {
  if (race_.winner != this) co_return Result<void>();
  co_return co_await gate_.flush(std::move(ctx));
}

}  // namespace drover::road
