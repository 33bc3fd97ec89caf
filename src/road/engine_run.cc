// The road's attempts one after another: a round of them, and the rounds of a slow call.

#include "road/engine.h"
#include "trace/genai.h"

namespace drover::road {
namespace {

/// A session's call waits until its rate has room again; a caller of the gateway is told when to
/// come back.
bool waits_out(const Flight& flight, const Error& refusal) {
  constexpr Duration kRateWaitMax = 90s;
  return !flight.call.session.empty() && refusal.reason == "rate_limited" && refusal.retry_after &&
         *refusal.retry_after <= std::min<Duration>(kRateWaitMax, flight.caller.remaining());
}

/// Its endpoint has no place: nothing was sent, and nothing is wrong with it.
constexpr const char* kNoPlace = "no_place_free";

providers::AttemptError attempt_error(Error error) {
  providers::AttemptError out;
  out.error = std::move(error);
  return out;
}

}  // namespace

Task<void> Engine::run_rounds(std::shared_ptr<Flight> flight) {
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
  on_failed(*flight, std::move(flight->failure), flight->failed_visible, flight->failed_at);
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
    held = waited ? reserve(*flight, *endpoint, *hold) : fail(std::move(waited).error());
  }
  if (!held) co_return fail(std::move(held).error());
  co_return Result<void>();
}

Task<void> Engine::run(std::shared_ptr<Flight> flight) {
  Tries tries(flight->placement, flight->last_resort, *parts_.random, retries_,
              parts_.settings.attempts_max);
  GateSink gate(*flight);
  NextTry next = tries.first(parts_.loop->mono());
  Error last;
  bool visible = false;
  std::string_view otel_provider;
  while (next.endpoint != nullptr) {
    const catalog::Endpoint* endpoint = next.endpoint;
    MonoTime began = parts_.loop->mono();
    providers::Provider* provider = parts_.providers->find(endpoint->provider);
    AttemptResult answer;
    int number = tries.attempts();
    Hold hold;
    Result<void> held;
    bool seated = flight->seat.endpoint == endpoint ||
                  admission_.move(flight->seat, *flight->placement.catalog, *endpoint, began);
    if (!seated) {
      Error full(Code::kResourceExhausted, "'" + endpoint->id + "' has no place free",
                 Retry::kOtherTarget);
      full.reason = kNoPlace;
      held = fail(std::move(full));
    } else if (Result<bool> now = reserve(*flight, *endpoint, hold);
               now ? !*now : waits_out(*flight, now.error())) {
      held = co_await wait_for_budget(flight.get(), endpoint, &hold, std::move(now));
    } else if (!now) {
      held = fail(std::move(now).error());
    }
    if (!held) {
      answer = tl::unexpected<providers::AttemptError>(attempt_error(std::move(held).error()));
    } else if (provider == nullptr) {
      Error unknown(Code::kNotFound, "no provider is called '" + endpoint->provider + "'",
                    Retry::kOtherTarget);
      answer = tl::unexpected<providers::AttemptError>(attempt_error(std::move(unknown)));
    } else {
      otel_provider = provider->otel_name();
      Context base = flight->cancel.context();
      Duration hedge = hedge_after(*flight);
      if (hedge > Duration::zero()) {
        Raced raced = co_await race(flight.get(), endpoint, provider, &tries, &gate, &hold);
        answer = std::move(raced.result);
        endpoint = raced.endpoint;
        provider = raced.provider;
        began = raced.began;
        number = raced.number;
      } else {
        if (flight->streamed) gate.begin_attempt(*endpoint);
        providers::Sink* sink = flight->streamed ? &gate : nullptr;
        answer = co_await attempt(flight.get(), endpoint, provider, number, sink, base);
      }
      otel_provider = provider->otel_name();
    }
    AttemptRecord record;
    record.endpoint = endpoint->id;
    record.provider = endpoint->provider;
    record.region = endpoint->region;
    record.attempt = flight->tried_before + number;
    record.took = parts_.loop->mono() - began;
    record.ok = answer.has_value();
    const providers::AttemptTiming& timing = answer ? (*answer)->timing : answer.error().timing;
    Duration connect = std::min(timing.connect, record.took);
    flight->latency.network += connect;
    flight->latency.model += std::min(timing.total, record.took) - connect;
    if (held && flight->standing) {
      bool refused = !answer && answer.error().error.code == Code::kResourceExhausted;
      flight->standing->meter.attempt(refused, parts_.loop->mono());
    }
    if (answer) {
      if (timing.first_token > Duration::zero()) {
        flight->first_token = (began - flight->started) + timing.first_token;
      }
      flight->attempts.push_back(std::move(record));
      on_answer(*flight, *endpoint, *provider, std::move(**answer), hold);
      co_return;
    }
    const Error& failed = answer.error().error;
    visible = answer.error().visible;
    // What a usable endpoint said tells more than that a broken one is still broken, or that
    // another is full.
    bool tells = !tries.on_last_resort() || visible || !held ||
                 catalog::blame_of(failed) == catalog::Blame::kNobody;
    if (tells && (seated || last.message.empty())) last = failed;
    record.error = failed;
    flight->attempts.push_back(std::move(record));
    // A budget that refuses says nothing about the endpoint; only a provider's ends there.
    if (held) on_attempt_failed(*flight, *endpoint, answer.error(), hold);
    if (!held && failed.retry != Retry::kOtherTarget) break;
    // Nobody waits for a second answer.
    if (flight->left) break;
    MonoTime now = parts_.loop->mono();
    bool goes_on = visible && can_go_on(*flight, failed);
    next = tries.next(failed, visible && !goes_on, now, deadline_of(*flight) - now);
    if (next.endpoint == nullptr) break;
    if (goes_on) flight->attempts.back().continued = true;
    if (next.endpoint != endpoint) metrics_.failover(*endpoint, *next.endpoint, failed);
    Json event = Json::object();
    event.set("from", endpoint->id).set("to", next.endpoint->id).set("reason", error_type(failed));
    if (goes_on) event.set("continued", true);
    flight->span.event(
        next.endpoint == endpoint ? trace::own::kRetryEvent : trace::own::kFailoverEvent,
        std::move(event));
    if (next.pause > Duration::zero()) {
      Context pause = flight->cancel.context();
      Result<void> slept = co_await async::sleep_for(pause, next.pause);
      flight->latency.queue += parts_.loop->mono() - now;
      if (!slept || flight->left || flight->caller.cancelled()) break;
    }
  }
  if (tries.budget_spent()) last.note("the retry budget is spent: too many calls fail here now");
  flight->tried_before += tries.attempts();
  flight->failure = std::move(last);
  flight->failed_visible = visible;
  flight->failed_at = otel_provider;
  if (flight->seat.path == ServiceClass::kSlow) co_return;
  on_failed(*flight, std::move(flight->failure), visible, otel_provider);
}

}  // namespace drover::road
