// The road's attempts one after another: a round of them, and the rounds of a slow call.

#include "road/engine.h"
#include "trace/genai.h"

namespace drover::road {
namespace {

/// A session's call waits until its rate has room again; a caller of the gateway is told when to
/// come back.
bool waits_out(const Flight& flight, const Error& refusal) {
  constexpr Duration kRateWaitMax = 90s;
  return !flight.call.party->session.empty() && refusal.reason == "rate_limited" &&
         refusal.retry_after &&
         *refusal.retry_after <= std::min<Duration>(kRateWaitMax, flight.caller.remaining());
}

[[gnu::noinline]] AttemptResult not_made(Error error) {
  providers::AttemptError out;
  out.error = std::move(error);
  return tl::unexpected<providers::AttemptError>(std::move(out));
}

[[gnu::noinline]] AttemptResult no_place(const catalog::Endpoint& endpoint) {
  Error full(Code::kResourceExhausted, "'" + endpoint.id + "' has no place free",
             Retry::kOtherTarget);
  full.reason = kNoPlaceFree;
  return not_made(std::move(full));
}

[[gnu::noinline]] AttemptResult no_provider(const catalog::Endpoint& endpoint) {
  return not_made(Error(Code::kNotFound, "no provider is called '" + endpoint.provider + "'",
                        Retry::kOtherTarget));
}

}  // namespace

Task<void> Engine::run_rounds(FlightPtr flight) {
  for (;;) {
    std::optional<Duration> pause;
    if (all_cooling(*flight)) pause = pause_before_round(*flight);
    if (!pause) {
      co_await run(flight);
      if (flight->result) co_return;
      pause = pause_before_round(*flight);
    }
    if (!pause) break;
    Result<void> again = co_await next_round(flight.get(), *pause);
    if (again) continue;
    flight->failure = std::move(again).error();
    break;
  }
  on_failed(*flight, flight->failure.take(), flight->failed_visible, flight->failed_at);
}

Task<Result<void>> Engine::wait_for_budget(Flight* flight, const catalog::Endpoint* endpoint,
                                           Hold* hold, Result<bool> held) {
  while (held ? !*held : waits_out(*flight, held.error())) {
    Context waiting = flight->cancel.context().with_deadline(flight->caller.deadline());
    Result<void> waited;
    if (held) {
      waited = co_await parts_.accounts->wait(waiting);
    } else {
      Duration pause = *held.error().retry_after;
      waited = co_await async::sleep_for(waiting, pause);
      flight->latency.queue += pause;
    }
    if (waited && flight->left) waited = fail(Code::kCancelled, "the caller left");
    if (waited && outdated(*flight)) co_await decide_again(flight);
    if (waited) waited = may_still(*flight, *endpoint);
    held = waited ? reserve(*flight, *endpoint, *hold) : fail(std::move(waited).error());
  }
  if (!held) co_return fail(std::move(held).error());
  co_return Result<void>();
}

void Engine::begin_trial(Flight& flight, const NextTry& next, const Tries& tries, bool again,
                         Trial& trial) {
  const catalog::Endpoint& endpoint = *next.endpoint;
  trial.endpoint = &endpoint;
  trial.provider = parts_.providers->find(endpoint.provider);
  trial.began = parts_.loop->mono();
  trial.number = tries.attempts();
  if (again) {
    if (Result<void> may = may_still(flight, endpoint); !may) {
      trial.answer = not_made(std::move(may).error());
      return;
    }
  }
  trial.seated = flight.seat.endpoint == &endpoint ||
                 admission_.move(flight.seat, *flight.placement.catalog, endpoint, trial.began);
  if (!trial.seated) {
    trial.answer = no_place(endpoint);
    return;
  }
  Result<bool> now = reserve(flight, endpoint, trial.hold);
  if (now ? !*now : waits_out(flight, now.error())) {
    trial.waiting.emplace(wait_for_budget(&flight, &endpoint, &trial.hold, std::move(now)));
    return;
  }
  trial.held = now.has_value();
  if (!now) trial.answer = not_made(std::move(now).error());
}

Task<void> Engine::run(FlightPtr flight) {
  std::optional<Tries> tries;  // anew where it is placed anew
  tries.emplace(flight->placement, flight->last_resort, *parts_.random, retries_,
                parts_.settings.attempts_max);
  GateSink gate(*flight);
  flight->failure.reset();
  flight->failed_visible = false;
  flight->failed_at = {};
  NextTry next = tries->first(parts_.loop->mono());
  while (next.endpoint != nullptr) {
    const bool again = outdated(*flight);
    if (again) co_await decide_again(flight.get());
    Trial trial;
    begin_trial(*flight, next, *tries, again, trial);
    if (trial.waiting) {
      Result<void> waited = co_await std::move(*trial.waiting);
      trial.held = waited.has_value();
      if (!waited) trial.answer = not_made(std::move(waited).error());
    }
    if (trial.held && trial.provider != nullptr) {
      if (hedge_after(*flight) > Duration::zero()) {
        co_await race(flight.get(), &trial, &*tries, &gate);
      } else {
        if (flight->streamed) gate.begin_attempt(*trial.endpoint);
        Target target;
        target.endpoint = trial.endpoint;
        target.provider = trial.provider;
        target.number = trial.number;
        if (flight->streamed) target.sink = &gate;
        trace::Span span;
        begin_attempt(*flight, target, span);
        co_await stages_.ask.enter(*parts_.loop);
        Task<AttemptResult> asked = ask(*flight, target, flight->cancel.context(), span);
        trial.answer = co_await std::move(asked);
        co_await stages_.settle.enter(*parts_.loop);
        end_attempt(*flight, target, trial.answer, span);
      }
    }
    next = after_trial(*flight, *tries, trial);
    if (flight->result) co_return;
    if (next.endpoint == nullptr && wants_place(*flight)) {
      next = co_await place_anew(flight.get(), &tries);
    }
    if (next.endpoint != nullptr && next.pause > Duration::zero()) {
      const bool goes_on = co_await pause(flight.get(), next.pause);
      if (!goes_on) break;
    }
  }
  end_round(*flight, *tries);
}

Task<bool> Engine::pause(Flight* flight, Duration time) {
  const MonoTime now = parts_.loop->mono();
  Context waiting = flight->cancel.context();
  Result<void> slept = co_await async::sleep_for(waiting, time);
  flight->latency.queue += parts_.loop->mono() - now;
  co_return slept.has_value() && !flight->left && !flight->caller.cancelled();
}

void Engine::end_round(Flight& flight, const Tries& tries) {
  if (tries.budget_spent()) {
    flight.failure.make().note("the retry budget is spent: too many calls fail here now");
  }
  flight.tried_before += tries.attempts();
  if (flight.in_rounds) return;
  on_failed(flight, flight.failure.take(), flight.failed_visible, flight.failed_at);
}

NextTry Engine::after_trial(Flight& flight, Tries& tries, Trial& trial) {
  const catalog::Endpoint& endpoint = *trial.endpoint;
  AttemptResult& answer = trial.answer;
  if (trial.held && trial.provider == nullptr) {
    answer = no_provider(endpoint);
  }
  AttemptRecord& record = flight.attempts.add();
  record.endpoint = &endpoint;
  record.catalog = flight.placement.catalog;
  record.attempt = flight.tried_before + trial.number;
  record.took = parts_.loop->mono() - trial.began;
  record.ok = answer.has_value();
  const providers::AttemptTiming& timing = answer ? answer->timing : answer.error().timing;
  Duration connect = std::min(timing.connect, record.took);
  flight.latency.network += connect;
  flight.latency.model += std::min(timing.total, record.took) - connect;
  if (trial.held && flight.standing) {
    bool refused = !answer && answer.error().error.code == Code::kResourceExhausted;
    flight.standing->meter.attempt(refused, parts_.loop->mono());
  }
  if (answer) {
    if (timing.first_token > Duration::zero()) {
      flight.first_token = (trial.began - flight.started) + timing.first_token;
    }
    settle_answer(flight, trial);
    return NextTry();
  }
  return after_failure(flight, tries, trial);
}

NextTry Engine::after_failure(Flight& flight, Tries& tries, Trial& trial) {
  const catalog::Endpoint& endpoint = *trial.endpoint;
  const AttemptResult& answer = trial.answer;
  const Error& failed = answer.error().error;
  const bool visible = answer.error().visible;
  flight.failed_visible = visible;
  if (trial.held && trial.provider != nullptr) flight.failed_at = trial.provider->otel_name();
  // What a usable endpoint said tells more than that a broken one is still broken, or that another
  // is full.
  bool tells = !tries.on_last_resort() || visible || !trial.held ||
               catalog::blame_of(failed) == catalog::Blame::kNobody;
  if (tells && (trial.seated || flight.failure->message.empty())) flight.failure = failed;
  flight.attempts.back().error = failed;
  // A budget that refuses says nothing about the endpoint; only a provider's ends there.
  if (trial.held) on_attempt_failed(flight, endpoint, answer.error(), trial.hold);
  if (!trial.held && failed.retry != Retry::kOtherTarget) return NextTry();
  // Nobody waits for a second answer.
  if (flight.left) return NextTry();
  MonoTime now = parts_.loop->mono();
  bool goes_on = visible && can_go_on(flight, failed);
  NextTry next = tries.next(failed, visible && !goes_on, now, deadline_of(flight) - now);
  if (next.endpoint == nullptr) return next;
  if (goes_on) flight.attempts.back().continued = true;
  if (next.endpoint != &endpoint) metrics_.failover(endpoint, *next.endpoint, failed);
  Json event = Json::object();
  event.set("from", endpoint.id).set("to", next.endpoint->id).set("reason", error_type(failed));
  if (goes_on) event.set("continued", true);
  flight.span.event(
      next.endpoint == &endpoint ? trace::own::kRetryEvent : trace::own::kFailoverEvent,
      std::move(event));
  return next;
}

}  // namespace drover::road
