#include "road/hedge.h"

#include "base/limits/road.h"

namespace drover::road {
namespace {

Error slower() {
  return Error(Code::kCancelled, "another endpoint was faster", Retry::kNever)
      .with_reason("hedged");
}

}  // namespace

bool Lane::wants_raw() const { return gate_.inner_wants_raw(); }

Result<void> Lane::hold(std::variant<contract::StreamDelta, std::string> event, size_t bytes) {
  held_bytes_ += bytes;
  if (held_bytes_ > limits::kHeldBackBytesMax) {
    return fail(Code::kUnavailable, "the provider sent much and said nothing", Retry::kOtherTarget);
  }
  held_.push_back(std::move(event));
  return {};
}

Task<Result<void>> Lane::win(Context ctx) {
  if (race_.winner != nullptr) co_return Result<void>();
  race_.winner = this;
  race_.changed.wake_all();
  gate_.begin_attempt(*endpoint);
  auto held = std::move(held_);
  held_.clear();
  for (auto& event : held) {
    Result<void> taken;
    if (auto* delta = std::get_if<contract::StreamDelta>(&event)) {
      taken = co_await gate_.delta(ctx, *delta);
    } else {
      taken = co_await gate_.raw(ctx, std::get<std::string>(event), false);
    }
    if (!taken) co_return taken;
  }
  co_return Result<void>();
}

Task<Result<void>> Lane::delta(Context ctx, const contract::StreamDelta& delta) {
  if (lost()) co_return fail(slower());
  if (race_.winner == nullptr) {
    if (!contract::is_visible(delta)) co_return hold(delta, 64);
    CO_TRY_VOID(co_await win(ctx));
  }
  co_return co_await gate_.delta(ctx, delta);
}

Task<Result<void>> Lane::raw(Context ctx, std::string_view data, bool visible) {
  if (lost()) co_return fail(slower());
  if (race_.winner == nullptr) {
    if (!visible) co_return hold(std::string(data), data.size());
    CO_TRY_VOID(co_await win(ctx));
  }
  co_return co_await gate_.raw(ctx, data, visible);
}

}  // namespace drover::road
