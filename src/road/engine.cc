#include "road/engine.h"

#include "base/limits/road.h"
#include "trace/genai.h"

namespace drover::road {
namespace {

constexpr const char* kInFlight = "drover_calls_in_flight";
constexpr const char* kDraining = "drover_drains_in_flight";
/// A probe of an endpoint that failed lately must not hold its caller for the usual time.
constexpr Duration kProbeFirstToken = 20s;

/// The endpoint's own deadlines where it has some.
void put_deadlines(const catalog::Deadlines& own, providers::AttemptOptions& out) {
  out.connect_timeout = own.connect.value_or(out.connect_timeout);
  out.headers_timeout = own.headers.value_or(out.headers_timeout);
  out.first_token_timeout = own.first_token.value_or(out.first_token_timeout);
  out.between_tokens_timeout = own.between_tokens.value_or(out.between_tokens_timeout);
  out.answer_timeout = own.answer.value_or(out.answer_timeout);
  out.total_timeout = own.total.value_or(out.total_timeout);
}

trace::SpanName span_name(const ModelCall& call) {
  return {trace::genai::kChat, call.ladder.front()};
}

PlacerParts placer_parts(const RoadParts& parts) {
  PlacerParts out;
  out.catalog = parts.catalog;
  out.health = parts.health;
  out.policy = parts.policy;
  out.evidence = parts.evidence;
  out.clock = parts.loop;
  out.preference = parts.settings.preference;
  out.low_risk = parts.settings.low_risk;
  out.here = parts.settings.here;
  out.stores = parts.settings.stores;
  return out;
}

}  // namespace

std::unique_ptr<Road> make_road(RoadParts parts) {
  return std::make_unique<Engine>(std::move(parts));
}

Engine::Engine(RoadParts parts)
    : parts_(std::move(parts)),
      metrics_(parts_.metrics),
      retries_(parts_.settings.retries),
      placer_(placer_parts(parts_)),
      deciding_(placer_, parts_.decider, Context(*parts_.loop)),
      admission_(parts_.settings.classes),
      admission_metrics_(parts_.metrics, admission_),
      scope_(Context(*parts_.loop)) {
  if (parts_.metrics == nullptr) return;
  parts_.metrics->gauge_of(kInFlight, "Model calls in flight.",
                           [this] { return static_cast<double>(scope_.running()); });
  parts_.metrics->gauge_of(kDraining, "Calls read on after their client left.",
                           [this] { return static_cast<double>(drains_); });
}

Engine::~Engine() {
  if (parts_.metrics == nullptr) return;
  // The registry outlives the road and must not ask it any more.
  parts_.metrics->forget_gauge(kInFlight);
  parts_.metrics->forget_gauge(kDraining);
}

CallSize size_of(const ModelCall& call) {
  CallSize out;
  out.input_tokens = static_cast<float>(call.prompt.estimated_input_tokens());
  if (auto most = call.prompt.max_tokens()) {
    out.output_tokens = std::min(out.output_tokens, static_cast<float>(*most));
  }
  return out;
}

Money Engine::ceiling(const std::vector<std::string>& ladder, int64_t input_tokens,
                      int64_t output_tokens) const {
  std::shared_ptr<const catalog::Catalog> catalog = parts_.catalog->get();
  const WallTime now = parts_.loop->wall();
  Money most;
  for (const std::string& model : ladder) {
    for (const catalog::Endpoint* endpoint : catalog->serving(model)) {
      most = std::max(most, endpoint->price_at(now).most(input_tokens, output_tokens));
    }
  }
  return most;
}

std::vector<std::string> Engine::models() const { return parts_.catalog->get()->models(); }

void Engine::configure(Settings settings) {
  retries_.configure(settings.retries);
  placer_.set_preference(settings.preference, settings.low_risk, settings.here);
  placer_.set_stores(settings.stores);
  admission_.configure(settings.classes, parts_.loop->mono());
  parts_.settings = std::move(settings);
  deciding_.warm();
}

Error Engine::shutting_down() {
  return Error(Code::kUnavailable, "the server is shutting down", Retry::kAfter)
      .with_reason("shutting_down");
}

Result<void> Engine::admit(const ModelCall& call) const {
  if (closed_) return fail(shutting_down());
  return identity::authorise(call.principal, identity::Action::kCallModel, call.principal->tenant);
}

std::optional<ModelResult> Engine::begin(Flight& flight) {
  const Context& ctx = flight.caller;
  flight.started = ctx.loop().mono();
  flight.streamed = flight.inner != nullptr;
  Result<void> admitted = admit(flight.call);
  // Nothing is begun for a caller who has already gone.
  if (admitted) admitted = ctx.check();
  if (flight.call.ladder.empty()) {
    if (admitted) admitted = fail(Code::kInvalidArgument, "no model was named");
    flight.call.ladder.emplace_back("");
  }
  flight.span.begin(ctx, parts_.spans, *parts_.random, span_name(flight.call), "CLIENT");
  describe_call(flight.span, flight);
  if (!admitted) return refuse(flight, std::move(admitted).error());
  return std::nullopt;
}

// Not a coroutine: the call is large, and is the flight's from here on.
Task<ModelResult> Engine::call_model(Context ctx, ModelCall&& call, providers::Sink* sink) {
  Context base = scope_.context().with_span(ctx.span());
  return fly(FlightPtr::make(base, std::move(ctx), std::move(call), sink));
}

Task<ModelResult> Engine::fly(FlightPtr flight) {
  if (std::optional<ModelResult> refused = begin(*flight)) co_return std::move(*refused);
  if (std::optional<Task<Result<void>>> deciding = decide(*flight)) {
    Result<void> ahead = co_await std::move(*deciding);
    flight->latency.placement = parts_.loop->mono() - flight->started;
    if (!ahead) co_return refuse(*flight, std::move(ahead).error());
  }
  co_await stages_.place.enter(*parts_.loop);
  if (std::optional<ModelResult> refused = find_place(*flight)) co_return std::move(*refused);
  if (!sit(*flight)) {
    Task<Result<void>> waiting = find_seat(flight->caller, flight.get());
    Result<void> seated = co_await std::move(waiting);
    if (!seated) co_return refuse(*flight, std::move(seated).error());
  }
  flight->in_rounds = flight->seat.path == ServiceClass::kSlow;
  scope_.spawn(flight->in_rounds ? run_rounds(flight) : run(flight));
  // The worker keeps the deadline; here only the caller's leaving counts.
  Context watch = flight->caller.detached().with_cancel(flight->caller.cancel_state());
  while (!flight->result && !flight->sink_error && !watch.cancelled()) {
    async::Wake wake = co_await flight->done.wait(watch);
    (void)wake;
  }
  if (flight->result) co_return std::move(*flight->result);
  leave(*flight);
  // The caller's sink goes with the caller: wait until the worker is out of it.
  watch = watch.detached();
  while (flight->in_sink) {
    async::Wake wake = co_await flight->sink_free.wait(watch);
    (void)wake;
  }
  co_return gone(*flight);
}

ModelResult Engine::gone(Flight& flight) {
  ModelFailure out;
  if (flight.sink_error) {
    out.error = *flight.sink_error;
  } else {
    out.error =
        Error(Code::kCancelled, "the caller left: " + flight.caller.cancel_state()->reason());
  }
  out.error.retry = Retry::kNever;
  out.visible = flight.visible_events > 0;
  out.placement = flight.placement;
  out.attempts = flight.attempts;
  out.latency = flight.latency;
  out.latency.other = Duration::zero();
  out.latency.other = (parts_.loop->mono() - flight.started) - out.latency.total();
  return tl::unexpected<ModelFailure>(std::move(out));
}

void Engine::leave(Flight& flight) {
  flight.inner = nullptr;
  flight.left = true;
  if (flight.resting) {
    flight.cancel.cancel("the client left while it waited");
    return;
  }
  if (drains_ >= parts_.drains_max) {
    flight.cancel.cancel("the client left, and too many calls are being read on");
    return;
  }
  ++drains_;
  flight.draining = true;
  // Of the flight it has only what ends it: that may be gone before.
  const async::CancelPtr end = flight.cancel.context().cancel_state();
  flight.drain_timer = parts_.loop->call_after(parts_.settings.drain_timeout, [end] {
    end->cancel("the client left, and the answer took too long to end");
  });
}

ModelResult Engine::refuse(Flight& flight, Error error) {
  // Nothing was tried: model names of a refused call are the caller's words, not ours to count by.
  metrics_.failed("", "", error, parts_.loop->mono() - flight.started);
  ModelFailure out;
  out.error = std::move(error);
  out.placement = std::move(flight.placement);
  flight.latency.other = (parts_.loop->mono() - flight.started) - flight.latency.total();
  out.latency = flight.latency;
  flight.span.fail(out.error);
  describe_class(flight.span, flight);
  describe_latency(flight.span, flight.latency);
  flight.span.end();
  return tl::unexpected<ModelFailure>(std::move(out));
}

void Engine::tell_room(const Flight& flight, Room& room, const AttemptResult& result,
                       MonoTime now) {
  if (!result) {
    const Error& error = result.error().error;
    bool busy = error.reason == "overloaded" || error.reason == "rate_limited";
    if (busy) room.refused(now);
    return;
  }
  room.answered(now);
  Duration first = result->timing.first_token;
  if (flight.seat.fast && flight.streamed && first > Duration::zero()) {
    room.first_token(first, now);
  }
}

providers::AttemptOptions Engine::options_of(const Flight& flight, const Target& target,
                                             trace::Span& span) const {
  providers::AttemptOptions out = parts_.attempt;
  put_deadlines(target.endpoint->deadlines, out);
  out.idempotency_key = flight.call.idempotency_key.view();
  // One number over all the times that the caller asked under this key.
  out.attempt =
      (flight.call.attempt - 1) * limits::kAttemptsMax + flight.tried_before + target.number;
  out.service_tier = tier_of(flight, *target.endpoint);
  if (!out.service_tier.empty()) span.set(trace::own::kServiceTier, out.service_tier);
  if (target.circuit != catalog::Circuit::kClosed) {
    out.first_token_timeout = std::min(out.first_token_timeout, kProbeFirstToken);
    bool probe = target.circuit == catalog::Circuit::kHalfOpen;
    span.set(probe ? "drover.probe" : "drover.last_resort", true);
  }
  return out;
}

void Engine::begin_attempt(const Flight& flight, Target& target, trace::Span& span) {
  const catalog::Endpoint& endpoint = *target.endpoint;
  span.begin(flight.span, *parts_.random, {"attempt", endpoint.id}, "CLIENT");
  span.set_tenant(flight.call.principal->tenant);
  span.set_session(flight.call.party->session);
  describe_attempt(span, endpoint, target.provider->otel_name(), target.number);
  target.circuit = parts_.health->check(endpoint).circuit;
  parts_.health->started(endpoint);
  placer_.started(*flight.placement.catalog, endpoint);
}

Task<AttemptResult> Engine::ask(Flight& flight, const Target& target, const Context& base,
                                trace::Span& span) {
  return target.provider->call(base.with_deadline(deadline_of(flight)).with_span(span.id()),
                               *target.endpoint, flight.prompt(), target.sink,
                               options_of(flight, target, span));
}

void Engine::end_attempt(const Flight& flight, const Target& target, const AttemptResult& answer,
                         trace::Span& span) {
  Board::Measured measured;
  measured.ok = answer.has_value();
  if (answer) {
    const providers::AttemptTiming& timing = answer->timing;
    measured.first_token = timing.first_token;
    // Without a stream nobody knows when the first token came.
    if (timing.first_token > Duration::zero()) measured.rest = timing.total - timing.first_token;
    measured.output_tokens = answer->response.usage.output_tokens.value_or(0);
  }
  // The flight's still: it is placed anew only between two attempts.
  const catalog::Catalog& catalog = *flight.placement.catalog;
  placer_.finished(catalog, *target.endpoint, measured, flight.call.party->session);
  const MonoTime now = parts_.loop->mono();
  tell_room(flight, admission_.room(catalog, *target.endpoint), answer, now);
  if (!answer) describe_failure(span, answer.error().error, flight.bound);
  span.end(now);
}

Task<void> Engine::close() {
  closed_ = true;
  admission_.close();
  scope_.cancel("the server is shutting down");
  co_await scope_.join();
  co_await deciding_.stop();
}

}  // namespace drover::road
