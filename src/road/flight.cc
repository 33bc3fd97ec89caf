#include "road/flight.h"

namespace drover::road {

Flight::~Flight() = default;

void GateSink::begin_attempt(const catalog::Endpoint& endpoint) {
  flight_.visible_events = 0;
  if (flight_.inner == nullptr) return;
  if (flight_.broke_off) {
    flight_.inner->continued(endpoint, flight_.broke_off->error);
  } else {
    flight_.inner->begin_attempt(endpoint);
  }
  raw_ = flight_.inner->wants_raw();
}

bool GateSink::wants_raw() const { return raw_; }
bool GateSink::inner_wants_raw() const {
  return flight_.inner != nullptr && flight_.inner->wants_raw();
}

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
  flight_.sink_error = std::make_unique<Error>(taken.error());
  flight_.done.wake_all();
  return {};
}

void GateSink::note_visible() {
  // No other endpoint is asked after this, and a prompt may be large while its answer is slow.
  if (flight_.visible_events++ == 0 && !flight_.call.continue_cut) flight_.call.prompt.drop_text();
}

Task<Result<void>> GateSink::delta(Context ctx, const contract::StreamDelta& delta) {
  if (contract::is_visible(delta)) note_visible();
  if (flight_.inner == nullptr) co_return Result<void>();
  flight_.in_sink = true;
  Context mine = sink_context(ctx);
  if (flight_.call.continue_cut) flight_.said.make().add(delta);
  Result<void> taken = co_await flight_.inner->delta(mine, delta);
  co_return after(std::move(taken));
}

Result<void> GateSink::raw(std::string_view data, bool visible) {
  if (visible) note_visible();
  if (flight_.inner == nullptr) return {};
  if (visible && flight_.call.continue_cut) flight_.said.make().add_raw(data);
  return after(flight_.inner->raw(data, visible));
}

Task<Result<void>> GateSink::flush(Context ctx) {
  if (flight_.inner == nullptr) co_return Result<void>();
  flight_.in_sink = true;
  Context mine = sink_context(ctx);
  Result<void> taken = co_await flight_.inner->flush(std::move(mine));
  co_return after(std::move(taken));
}

}  // namespace drover::road
