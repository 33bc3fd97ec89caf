#include "road/flight.h"

namespace drover::road {
namespace {

int64_t bytes_of(const contract::StreamDelta& delta) {
  if (const auto* t = std::get_if<contract::TextDelta>(&delta)) {
    return static_cast<int64_t>(t->text.size());
  }
  if (const auto* r = std::get_if<contract::ReasoningDelta>(&delta)) {
    return static_cast<int64_t>(r->text.size());
  }
  if (const auto* r = std::get_if<contract::RefusalDelta>(&delta)) {
    return static_cast<int64_t>(r->text.size());
  }
  if (const auto* c = std::get_if<contract::ToolCallDelta>(&delta)) {
    return static_cast<int64_t>(c->name.size() + c->arguments.size());
  }
  return 0;
}

}  // namespace

void GateSink::begin_attempt(const catalog::Endpoint& endpoint) {
  flight_.visible_events = 0;
  flight_.visible_bytes = 0;
  if (flight_.inner == nullptr) return;
  flight_.inner->begin_attempt(endpoint);
  raw_ = flight_.inner->wants_raw();
}

bool GateSink::wants_raw() const { return raw_; }

/// The caller's cancellation, so that a write to a client that has gone ends; the span is the
/// attempt's.
Context GateSink::sink_context(const Context& ctx) const {
  return flight_.caller.with_span(ctx.span());
}

Result<void> GateSink::after(Result<void> taken) {
  flight_.in_sink = false;
  flight_.sink_free.wake_all();
  if (taken) return {};
  // It wants another endpoint's answer, and may still have it.
  if (taken.error().retry == Retry::kOtherTarget && flight_.visible_events == 0) return taken;
  // Whoever takes no more is as good as gone. The rest is read for its usage.
  flight_.inner = nullptr;
  flight_.sink_error = taken.error();
  flight_.done.wake_all();
  return {};
}

Task<Result<void>> GateSink::delta(Context ctx, const contract::StreamDelta& delta) {
  if (contract::is_visible(delta)) {
    ++flight_.visible_events;
    flight_.visible_bytes += bytes_of(delta);
  }
  if (flight_.inner == nullptr) co_return Result<void>();
  flight_.in_sink = true;
  Context mine = sink_context(ctx);
  Result<void> taken = co_await flight_.inner->delta(mine, delta);
  co_return after(std::move(taken));
}

Task<Result<void>> GateSink::raw(Context ctx, std::string_view data, bool visible) {
  if (visible) ++flight_.visible_events;
  if (flight_.inner == nullptr) co_return Result<void>();
  flight_.in_sink = true;
  Context mine = sink_context(ctx);
  Result<void> taken = co_await flight_.inner->raw(mine, data, visible);
  co_return after(std::move(taken));
}

}  // namespace drover::road
