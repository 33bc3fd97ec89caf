// The road's classes: which path a call takes, its seat, and the rounds of a slow one.

#include <algorithm>

#include "base/limits/admission.h"
#include "road/engine.h"

namespace drover::road {
namespace {

/// Why the caller of a wait that ended without a seat gets nothing.
constexpr const char* kTooOld = "it waited as long as its class may";

/// An error that another time may not bring.
bool passes(const Error& error) {
  if (error.retry == Retry::kNever) return false;
  if (error.reason == "budget_exceeded" || error.reason == "insufficient_quota") return false;
  return error.code == Code::kResourceExhausted || error.code == Code::kUnavailable ||
         error.code == Code::kDeadlineExceeded;
}

[[gnu::noinline]] bool offers(const catalog::Endpoint& endpoint, std::string_view tier,
                              WallTime now) {
  const std::vector<catalog::PriceTier>& tiers = endpoint.price_at(now).tiers;
  bool priced = std::any_of(tiers.begin(), tiers.end(),
                            [&](const catalog::PriceTier& t) { return t.service_tier == tier; });
  if (!priced || endpoint.facts.value("service_tiers") == nullptr) return priced;
  std::vector<std::string> stated = endpoint.facts.list("service_tiers");
  return std::find(stated.begin(), stated.end(), tier) != stated.end();
}

}  // namespace

bool Engine::sit(Flight& flight) {
  MonoTime now = parts_.loop->mono();
  if (!admission_.enter(flight.seat, flight.placement, now)) return false;
  seat_taken(flight, false);
  return true;
}

void Engine::seat_taken(Flight& flight, bool waited) {
  flight.seated = flight.seat.taken;
  // The endpoint that has a place comes first.
  std::vector<const catalog::Endpoint*>& places = flight.placement.endpoints;
  if (places.front() != flight.seat.endpoint) {
    auto at = std::find(places.begin(), places.end(), flight.seat.endpoint);
    if (at != places.end()) std::rotate(places.begin(), at, at + 1);
  }
  if (flight.round == 0) {
    admission_metrics_.admitted(flight.seat.path, waited, flight.latency.queue);
  }
  if (flight.call.served == nullptr || flight.left) return;
  flight.call.served->path = flight.seat.path;
  flight.call.served->waited = flight.latency.queue;
}

MonoTime Engine::deadline_of(const Flight& flight) const {
  return std::min(flight.caller.deadline(), flight.seated + parts_.settings.call_timeout);
}

MonoTime Engine::patience_of(const Flight& flight) const {
  const ClassSettings& classes = admission_.settings();
  Duration patience = flight.seat.fast ? classes.fast_wait : classes.slow_wait;
  return std::min(flight.caller.deadline(), flight.started + patience);
}

std::string_view Engine::tier_of(const Flight& flight, const catalog::Endpoint& endpoint) const {
  const std::string& stated = flight.call.prompt.service_tier();
  if (!stated.empty()) return stated;
  const ClassSettings& classes = admission_.settings();
  bool slow = flight.seat.path == ServiceClass::kSlow;
  // A tier that had no place twice has none today.
  if (slow && flight.round > 1) return {};
  const std::string& wanted = slow ? classes.slow_tier : classes.fast_tier;
  if (wanted.empty() || !offers(endpoint, wanted, parts_.loop->wall())) return {};
  return wanted;
}

Duration Engine::hedge_after(const Flight& flight) const {
  if (!flight.streamed || flight.seat.path == ServiceClass::kSlow) return Duration::zero();
  const ClassSettings& classes = admission_.settings();
  if (classes.fast_hedge_after > Duration::zero()) return classes.fast_hedge_after;
  if (parts_.settings.hedge_after > Duration::zero()) return parts_.settings.hedge_after;
  return classes.fast_target / 2;
}

Task<Result<void>> Engine::wait_for_seat(Context ctx, Flight* flight) {
  MonoTime began = parts_.loop->mono();
  const std::string& tenant = flight->call.principal->tenant.str();
  Ticket ticket;
  ticket.tenant = tenant;
  ticket.weight = admission_.settings().weight_of(tenant);
  ticket.cost = static_cast<double>(flight->call.prompt.estimated_input_tokens() +
                                    output_tokens_at_most(flight->call.prompt));
  ticket.until = patience_of(*flight);
  // Whoever has to wait is on the slow path, unless he was promised the fast one.
  if (!flight->seat.fast) flight->seat.path = ServiceClass::kSlow;
  Result<void> queued = admission_.wait(ticket, flight->seat, flight->placement, began);
  if (!queued) {
    admission_metrics_.shed(flight->seat.path, tenant, "at_once");
    co_return queued;
  }
  Context bounded = ctx.with_deadline(ticket.until);
  async::Wake wake = async::Wake::kWoken;
  while (ticket.state == Ticket::State::kWaiting && wake == async::Wake::kWoken) {
    wake = co_await ticket.changed.wait(bounded);
  }
  MonoTime now = parts_.loop->mono();
  flight->latency.queue += now - began;
  if (wake == async::Wake::kCancelled || closed_) {
    admission_.give_up(ticket, now);
    co_return fail(closed_ ? shutting_down() : async::wake_error(wake, bounded));
  }
  if (ticket.state == Ticket::State::kGranted) {
    admission_.take(ticket, flight->seat, flight->placement, now);
    seat_taken(*flight, true);
    co_return Result<void>();
  }
  bool pushed = ticket.state == Ticket::State::kPushedOut;
  Error error = admission_.refusal(ticket, pushed ? "too many calls wait" : kTooOld, now);
  admission_.give_up(ticket, now);
  admission_metrics_.shed(flight->seat.path, tenant, pushed ? "pushed_out" : "too_old");
  co_return fail(std::move(error));
}

bool Engine::all_cooling(Flight& flight) const {
  if (flight.seat.path != ServiceClass::kSlow) return false;
  // The placement has one that is cooling down only where it has no other.
  const catalog::Endpoint& first = *flight.placement.endpoints.front();
  catalog::Verdict verdict = parts_.health->check(first);
  if (verdict.usable()) return false;
  Error error(Code::kUnavailable, "no endpoint is usable now: " + verdict.reason, Retry::kAfter);
  error.reason = "overloaded";
  error.retry_after = verdict.wait;
  flight.failure = std::move(error);
  flight.failed_visible = false;
  return true;
}

std::optional<Duration> Engine::pause_before_round(const Flight& flight) {
  if (flight.seat.path != ServiceClass::kSlow) return std::nullopt;
  if (flight.left || flight.caller.cancelled() || flight.failed_visible) return std::nullopt;
  if (flight.broke_off || flight.round + 1 >= limits::kRoundsMax) return std::nullopt;
  if (!passes(*flight.failure)) return std::nullopt;
  Duration pause = limits::kRoundPause * (int64_t{1} << flight.round);
  pause = std::min<Duration>(pause, limits::kRoundPauseMost);
  pause = std::max(pause, flight.failure->retry_after.value_or(Duration::zero()));
  // Sooner than one of them is usable again there is nothing to try.
  Duration soonest = Duration::max();
  for (const catalog::Endpoint* endpoint : flight.placement.endpoints) {
    soonest = std::min(soonest, parts_.health->check(*endpoint).wait);
  }
  if (soonest != Duration::max()) pause = std::max(pause, soonest);
  // Calls that failed together do not come back together, and none before it was asked to.
  pause += Duration(
      static_cast<int64_t>(static_cast<double>(pause.count()) * 0.5 * parts_.random->unit()));
  MonoTime now = parts_.loop->mono();
  if (pause >= patience_of(flight) - now) return std::nullopt;
  return pause;
}

Task<Result<void>> Engine::next_round(Flight* flight, Duration pause) {
  MonoTime began = parts_.loop->mono();
  admission_.leave(flight->seat, began);
  if (!admission_.rest()) co_return fail(*flight->failure);
  flight->resting = true;
  Context worker = flight->cancel.context().with_deadline(flight->caller.deadline());
  Result<void> slept = co_await async::sleep_for(worker, pause);
  admission_.rested();
  MonoTime now = parts_.loop->mono();
  flight->latency.queue += now - began;
  if (slept && flight->left) slept = fail(Code::kCancelled, "the caller left");
  if (!slept) co_return slept;
  ++flight->round;
  admission_metrics_.resubmitted();
  Json event = Json::object().set("round", static_cast<int64_t>(flight->round + 1));
  event.set("after", error_type(*flight->failure));
  flight->span.event("drover.resubmitted", std::move(event));
  policy::Ask ask = placer_.ask(flight->call.principal->tenant.str(), *flight->call.data_class);
  ScratchAt scratch = *flight->call.scratch;
  if (!decided(ask, scratch)) {
    CO_TRY_VOID(co_await decide_ahead(worker, std::move(ask), std::move(scratch)));
  }
  Result<void> placed = place(*flight);
  flight->latency.placement += parts_.loop->mono() - now;
  if (!placed) co_return placed;
  if (!sit(*flight)) CO_TRY_VOID(co_await find_seat(worker, flight));
  flight->resting = false;
  co_return Result<void>();
}

}  // namespace drover::road
