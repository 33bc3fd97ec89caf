// A call that has waited (for a place, a budget, a pause, or while another endpoint failed) is
// judged again where the facts or the rules are others than those it was placed by: what they take
// away is as good as gone for it, and where nothing else is left it is placed once more.

#include <algorithm>

#include "road/engine.h"

namespace drover::road {

Task<void> Engine::decide_again(Flight* flight) {
  policy::Ask ask = ask_of(*flight);
  ScratchAt scratch = *flight->call.scratch;
  if (decided(ask, scratch)) co_return;
  Context waiting = flight->cancel.context().with_deadline(flight->caller.deadline());
  const MonoTime began = parts_.loop->mono();
  auto ahead = co_await decide_ahead(waiting, std::move(ask), std::move(scratch));
  flight->latency.placement += parts_.loop->mono() - began;
  (void)ahead;  // whoever left is told so where he would be asked for
}

Result<void> Engine::may_still(Flight& flight, const catalog::Endpoint& endpoint) {
  if (!outdated(flight)) return {};
  const policy::Ask& ask = ask_of(flight);
  flight.bound = !ask.data.unrestricted();
  std::optional<Rejection> no = placer_.barred(ask, endpoint);
  if (!no) return {};
  flight.barred = true;
  std::string text = "'" + endpoint.id + "' may not be used any more: ";
  if (!no->rule.empty()) text += no->rule + ": ";
  Error error = policy::refused(text + no->reason, policy::kNoPlace, no->unasked);
  error.retry = Retry::kOtherTarget;
  return fail(std::move(error));
}

Task<Result<void>> Engine::find_seat(Context ctx, Flight* flight) {
  for (;;) {
    CO_TRY_VOID(co_await wait_for_seat(ctx, flight));
    if (!outdated(*flight)) co_return Result<void>();
    co_await decide_again(flight);
    if (may_still(*flight, *flight->seat.endpoint)) co_return Result<void>();
    admission_.leave(flight->seat, parts_.loop->mono());
    Result<void> placed = place(*flight);
    if (!placed || sit(*flight)) co_return placed;
  }
}

bool Engine::wants_place(const Flight& flight) {
  if (!flight.barred || flight.placed_anew || flight.left || flight.failed_visible) return false;
  if (flight.broke_off != nullptr || flight.caller.cancelled()) return false;
  // What no endpoint would do better is no question of the place.
  const Error& last = *flight.attempts.back().error;
  return last.retry != Retry::kNever && last.code != Code::kCancelled;
}

Task<NextTry> Engine::place_anew(Flight* flight, std::optional<Tries>* tries) {
  flight->placed_anew = true;
  admission_.leave(flight->seat, parts_.loop->mono());
  Result<void> placed = place(*flight);
  // The rules' own words, where no endpoint had any.
  if (!placed && policy::is_denial(*flight->failure)) flight->failure = placed.error();
  auto tried = [flight](const catalog::Endpoint* endpoint) {
    return std::any_of(
        flight->attempts.begin(), flight->attempts.end(), [endpoint](const AttemptRecord& a) {
          const bool made = a.error->reason != kNoPlaceFree && !policy::is_denial(*a.error);
          return made && a.endpoint->id == endpoint->id;
        });
  };
  std::erase_if(flight->placement.endpoints, tried);
  std::erase_if(flight->last_resort, tried);
  if (!placed || flight->placement.endpoints.empty()) co_return NextTry();
  if (!sit(*flight)) {
    flight->resting = true;
    Context worker = flight->cancel.context().with_deadline(flight->caller.deadline());
    Result<void> seated = co_await find_seat(worker, flight);
    flight->resting = false;
    if (!seated) {
      flight->failure = std::move(seated).error();
      co_return NextTry();
    }
  }
  flight->tried_before += (*tries)->attempts();
  tries->emplace(flight->placement, flight->last_resort, *parts_.random, retries_,
                 parts_.settings.attempts_max);
  NextTry next = (*tries)->first(parts_.loop->mono());
  // What the rules said of where it was says nothing of where it is.
  if (next.endpoint != nullptr && policy::is_denial(*flight->failure)) flight->failure.reset();
  co_return next;
}

}  // namespace drover::road
