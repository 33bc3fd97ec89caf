#include "road/engine.h"

#include "base/limits/road.h"
#include "base/log.h"
#include "road/external.h"
#include "trace/genai.h"

namespace drover::road {
namespace {

constexpr const char* kInFlight = "drover_calls_in_flight";
constexpr const char* kDraining = "drover_drains_in_flight";
/// A probe of an endpoint that failed lately must not hold its caller for the usual time.
constexpr Duration kProbeFirstToken = 20s;

/// What the caller is told when an endpoint refuses our credentials: it is not his key that is
/// wrong.
Error for_caller(Error error) {
  bool ours = error.code == Code::kUnauthenticated || error.code == Code::kPermissionDenied;
  if (!ours) return error;
  Error out(Code::kUnavailable, "the endpoint's own credentials do not work: " + error.message,
            Retry::kAfter);
  out.reason = "upstream_auth";
  out.notes = std::move(error.notes);
  return out;
}

void note_attempts(const std::vector<AttemptRecord>& attempts, Error& error) {
  if (attempts.size() < 2) return;
  std::string text = "after " + std::to_string(attempts.size()) + " attempts";
  for (const AttemptRecord& a : attempts) text += "; " + a.endpoint + ": " + error_type(a.error);
  error.note(std::move(text));
}

/// The endpoint's own deadlines where it has some.
void put_deadlines(const catalog::Deadlines& own, providers::AttemptOptions& out) {
  out.connect_timeout = own.connect.value_or(out.connect_timeout);
  out.headers_timeout = own.headers.value_or(out.headers_timeout);
  out.first_token_timeout = own.first_token.value_or(out.first_token_timeout);
  out.between_tokens_timeout = own.between_tokens.value_or(out.between_tokens_timeout);
  out.answer_timeout = own.answer.value_or(out.answer_timeout);
  out.total_timeout = own.total.value_or(out.total_timeout);
}

std::string span_name(const ModelCall& call) { return "chat " + call.ladder.front(); }

PlacerParts placer_parts(const RoadParts& parts) {
  PlacerParts out;
  out.catalog = parts.catalog;
  out.health = parts.health;
  out.policy = parts.policy;
  out.evidence = parts.evidence;
  out.clock = parts.loop;
  out.preference = parts.settings.preference;
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

Task<void> Engine::ask_outside(Context ctx, std::string tenant, contract::DataClass data_class) {
  policy::Ask ask = placer_.ask(tenant, data_class);
  auto decided = co_await decide_ahead(ctx, std::move(ask));
  (void)decided;  // whoever left asks nothing more
}

bool Engine::decided(const policy::Ask& ask) { return outside_knows(ask) && deciding_.ready(ask); }

bool Engine::outside_knows(policy::Ask ask) {
  if (parts_.external == nullptr) return true;
  if (!parts_.external->prepared(ask)) return false;
  if (!placer_.scratch().any()) return true;
  ask.kind = policy::ThingKind::kStore;
  return parts_.external->prepared(ask);
}

Task<Result<void>> Engine::decide_ahead(Context ctx, policy::Ask ask) {
  if (parts_.external != nullptr && !parts_.external->prepared(ask)) {
    policy::Ask outside = ask;
    co_await parts_.external->prepare(ctx, std::move(outside), placer_.things());
  }
  policy::Ask stores = ask;
  stores.kind = policy::ThingKind::kStore;
  if (parts_.external != nullptr && placer_.scratch().any() && !parts_.external->prepared(stores)) {
    co_await parts_.external->prepare(ctx, std::move(stores), placer_.scratch().things());
  }
  co_return co_await deciding_.prepare(ctx, std::move(ask));
}

void Engine::look_at_queues() {
  admission_.take_changes([this](const Room& room) { placer_.queued(room.name(), room.wait_s()); });
}

Result<void> Engine::place(Flight& flight) {
  const ModelCall& call = flight.call;
  // Once: a further round stays on the rung that the call began on.
  if (call.downgrade != nullptr && !flight.standing) descend(flight);
  std::optional<ServiceClass> stated = call.service_class;
  if (!stated && !call.prompt.service_tier().empty()) {
    stated = class_of_tier(call.prompt.service_tier());
  }
  ServiceClass wanted =
      admission_.settings().class_of(stated, call.principal.tenant.str(), call.principal.key.str());
  flight.stated = stated.has_value();
  flight.seat.fast = wanted == ServiceClass::kFast;
  flight.seat.path = wanted == ServiceClass::kSlow ? wanted : ServiceClass::kFast;
  TRY_VOID(place_as(flight, flight.seat.path));
  if (wanted != ServiceClass::kAuto) return {};
  flight.seat.path = admission_.path_of(wanted, flight.placement, parts_.loop->mono());
  if (flight.seat.path == ServiceClass::kFast) return {};
  return place_as(flight, flight.seat.path);
}

CallSize size_of(const ModelCall& call) {
  CallSize out;
  out.input_tokens = static_cast<float>(call.prompt.estimated_input_tokens());
  if (auto most = call.prompt.max_tokens()) {
    out.output_tokens = std::min(out.output_tokens, static_cast<float>(*most));
  }
  return out;
}

Result<void> Engine::place_as(Flight& flight, ServiceClass path) {
  const ModelCall& call = flight.call;
  policy::Ask ask = placer_.ask(call.principal.tenant.str(), call.data_class);
  ask.needs = call.needs;
  placer_.add_needs_of(flight.call.prompt, ask.needs);
  PlaceQuestion question{call.ladder, ask, call.preference};
  question.session = call.session;
  question.path = path;
  question.reasons = call.reasons;
  question.size = size_of(call);
  if (flight.standing) question.hardware = &flight.hardware;
  if (call.scratch) question.scratch = &*call.scratch;
  look_at_queues();
  Places places = placer_.place(question);
  flight.placement = std::move(places.placement);
  flight.last_resort = std::move(places.last_resort);
  if (call.reasons) describe_placement(flight.span, flight.placement);
  if (flight.placement.endpoints.empty()) return fail(placer_.refusal(question));
  flight.bound = !ask.data.unrestricted();
  if (flight.bound) flight.span.set("drover.data_class", ask.data.text());
  if (!ask.needs.empty()) flight.span.set(trace::own::kNeeds, ask.needs.text());
  return {};
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
  placer_.set_preference(settings.preference, settings.here);
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
  return identity::authorise(call.principal, identity::Action::kCallModel, call.principal.tenant);
}

std::optional<ModelResult> Engine::begin(Flight& flight) {
  const Context& ctx = flight.caller;
  flight.started = ctx.loop().mono();
  flight.streamed = flight.inner != nullptr;
  Result<void> admitted = admit(flight.call);
  // Nothing is begun for a caller who has already gone.
  if (admitted) admitted = ctx.check();
  flight.latency.queue = ctx.loop().mono() - flight.started;
  if (flight.call.ladder.empty()) {
    if (admitted) admitted = fail(Code::kInvalidArgument, "no model was named");
    flight.call.ladder.emplace_back("");
  }
  flight.span = trace::Span(ctx, parts_.spans, *parts_.random, span_name(flight.call), "CLIENT");
  describe_call(flight.span, flight);
  if (!admitted) return refuse(flight, std::move(admitted).error());
  return std::nullopt;
}

std::optional<ModelResult> Engine::find_place(Flight& flight) {
  MonoTime placing = parts_.loop->mono();
  Result<void> placed = place(flight);
  flight.latency.placement = parts_.loop->mono() - placing;
  if (!placed) return refuse(flight, std::move(placed).error());
  return std::nullopt;
}

// Not a coroutine: the call is large, and is the flight's from here on.
Task<ModelResult> Engine::call_model(Context ctx, ModelCall call, providers::Sink* sink) {
  Context base = scope_.context().with_span(ctx.span());
  return fly(std::make_shared<Flight>(base, std::move(ctx), std::move(call), sink));
}

Task<ModelResult> Engine::fly(std::shared_ptr<Flight> flight) {
  co_await stages_.begin.enter(*parts_.loop);
  if (std::optional<ModelResult> refused = begin(*flight)) co_return std::move(*refused);
  const bool outside = parts_.external != nullptr && parts_.external->active();
  if (outside || placer_.decisions().slow()) {
    policy::Ask ask = placer_.ask(flight->call.principal.tenant.str(), flight->call.data_class);
    Result<void> ahead;
    if (!decided(ask)) ahead = co_await decide_ahead(flight->caller, std::move(ask));
    if (!ahead) co_return refuse(*flight, std::move(ahead).error());
  }
  co_await stages_.place.enter(*parts_.loop);
  if (std::optional<ModelResult> refused = find_place(*flight)) co_return std::move(*refused);
  if (!sit(*flight)) {
    Task<Result<void>> waiting = wait_for_seat(flight->caller, flight.get());
    Result<void> seated = co_await std::move(waiting);
    if (!seated) co_return refuse(*flight, std::move(seated).error());
  }
  bool slow = flight->seat.path == ServiceClass::kSlow;
  scope_.spawn(slow ? run_rounds(flight) : run(flight));
  // The worker keeps the deadline; here only the caller's leaving counts.
  Context watch = flight->caller.detached().with_cancel(flight->caller.cancel_state());
  while (!flight->result && !flight->sink_error && !watch.cancelled()) {
    async::Wake wake = co_await flight->done.wait(watch);
    (void)wake;
  }
  if (flight->result) co_return std::move(*flight->result);
  leave(flight);
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

void Engine::leave(const std::shared_ptr<Flight>& flight) {
  flight->inner = nullptr;
  flight->left = true;
  if (flight->resting) {
    flight->cancel.cancel("the client left while it waited");
    return;
  }
  if (drains_ >= parts_.drains_max) {
    flight->cancel.cancel("the client left, and too many calls are being read on");
    return;
  }
  ++drains_;
  flight->draining = true;
  std::weak_ptr<Flight> weak = flight;
  flight->drain_timer = parts_.loop->call_after(parts_.settings.drain_timeout, [weak] {
    std::shared_ptr<Flight> f = weak.lock();
    if (!f) return;
    f->drain_timer = 0;
    f->cancel.cancel("the client left, and the answer took too long to end");
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

void Engine::tell_room(const Flight& flight, Room& room, const AttemptResult& result) {
  MonoTime now = parts_.loop->mono();
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

providers::AttemptOptions Engine::options_of(const Flight& flight,
                                             const catalog::Endpoint& endpoint, int number,
                                             catalog::Circuit circuit, trace::Span& span) const {
  providers::AttemptOptions out = parts_.attempt;
  put_deadlines(endpoint.deadlines, out);
  out.idempotency_key = flight.call.idempotency_key;
  // One number over all the times that the caller asked under this key.
  out.attempt = (flight.call.attempt - 1) * limits::kAttemptsMax + flight.tried_before + number;
  out.service_tier = tier_of(flight, endpoint);
  if (!out.service_tier.empty()) span.set(trace::own::kServiceTier, out.service_tier);
  if (circuit != catalog::Circuit::kClosed) {
    out.first_token_timeout = std::min(out.first_token_timeout, kProbeFirstToken);
    bool probe = circuit == catalog::Circuit::kHalfOpen;
    span.set(probe ? "drover.probe" : "drover.last_resort", true);
  }
  return out;
}

Task<AttemptResult> Engine::attempt(Flight* flight, const catalog::Endpoint* endpoint,
                                    providers::Provider* provider, int number,
                                    providers::Sink* sink, Context base) {
  base = base.with_span(flight->span.id()).with_deadline(deadline_of(*flight));
  trace::Span span(base, parts_.spans, *parts_.random, "attempt " + endpoint->id, "CLIENT");
  span.set_tenant(flight->call.principal.tenant);
  span.set_session(flight->call.session);
  describe_attempt(span, *endpoint, provider->otel_name(), number);
  Context ctx = span.context();
  const catalog::Circuit circuit = parts_.health->check(*endpoint).circuit;
  parts_.health->started(*endpoint);
  // Held apart: a hedge that lost may end after the flight.
  std::shared_ptr<const catalog::Catalog> catalog = flight->placement.catalog;
  placer_.started(*catalog, *endpoint);
  co_await stages_.ask.enter(*parts_.loop);
  providers::AttemptOptions options = options_of(*flight, *endpoint, number, circuit, span);
  // Named first: what it is given does not stay in this frame while it waits.
  Task<AttemptResult> asked =
      provider->call(ctx, *endpoint, flight->prompt(), sink, std::move(options));
  AttemptResult answer = co_await std::move(asked);
  co_await stages_.settle.enter(*parts_.loop);
  Board::Measured measured;
  measured.ok = answer.has_value();
  if (answer) {
    const providers::AttemptTiming& timing = answer->timing;
    measured.first_token = timing.first_token;
    // Without a stream nobody knows when the first token came.
    if (timing.first_token > Duration::zero()) measured.rest = timing.total - timing.first_token;
    measured.output_tokens = answer->response.usage.output_tokens.value_or(0);
  }
  placer_.finished(*catalog, *endpoint, measured, flight->call.session);
  tell_room(*flight, admission_.room(*catalog, *endpoint), answer);
  if (!answer) describe_failure(span, answer.error().error, flight->bound);
  span.end();
  co_return answer;
}

Result<bool> Engine::reserve(Flight& flight, const catalog::Endpoint& endpoint, Hold& hold) {
  if (parts_.accounts == nullptr) return true;
  const ModelCall& call = flight.call;
  Caller who{call.principal.tenant.str(), call.principal.key.str(), call.agent, call.session,
             call.tree};
  const Ask ask = ask_for(endpoint, call.prompt, parts_.loop->wall(), tier_of(flight, endpoint),
                          call.idempotency_key, !flight.requested);
  Result<bool> held = parts_.accounts->reserve(who, endpoint, ask, hold);
  flight.requested = flight.requested || (held && *held);
  if (call.rates != nullptr && !flight.left) {
    *call.rates =
        hold.held() ? parts_.accounts->rates(hold) : parts_.accounts->rates(who, endpoint);
  }
  return held;
}

void Engine::settle(const catalog::Endpoint& endpoint, const Charge& charge,
                    const contract::ChatResponse* answer, Hold& hold) {
  metrics_.settled(endpoint, endpoint.provider, charge.usage, charge.cost, charge.cost_known);
  if (parts_.accounts == nullptr) return;
  Settlement settlement;
  settlement.usage = &charge.usage;
  settlement.cost = charge.cost;
  settlement.cost_known = charge.cost_known;
  settlement.ok = answer != nullptr;
  if (answer != nullptr) {
    settlement.request_id = answer->request_id;
    settlement.tier = answer->service_tier;
  }
  parts_.accounts->settle(hold, settlement);
}

void Engine::settle_answer(Flight& flight, Trial& trial) {
  const catalog::Endpoint& endpoint = *trial.endpoint;
  providers::Answer& answer = *trial.answer;
  parts_.health->succeeded(endpoint);
  metrics_.attempt(endpoint, nullptr);
  Charge charge = charge_of(endpoint, flight, answer, tier_of(flight, endpoint));
  settle(endpoint, charge, &answer.response, trial.hold);
  answer.response.usage = std::move(charge.usage);
  trial.cost = charge.cost;
  trial.cost_known = charge.cost_known;
  trial.answered = true;
}

void Engine::conclude(Flight& flight, Trial& trial) {
  const catalog::Endpoint& endpoint = *trial.endpoint;
  const providers::Provider& provider = *trial.provider;
  providers::Answer& answer = *trial.answer;
  if (flight.rest) put_whole_text(flight.said, answer.response.message);
  ModelOutcome& out = *flight.result.emplace(std::make_unique<ModelOutcome>());
  out.endpoint = &endpoint;
  out.provider = endpoint.provider;
  out.cost = trial.cost + flight.failed_cost;
  out.cost_known = trial.cost_known && flight.failed_priced;
  out.first_token = flight.first_token;
  trace::Span& span = flight.span;
  describe_attempt(span, endpoint, provider.otel_name(), static_cast<int>(flight.attempts.size()));
  describe_answer(span, answer);
  describe_usage(span, answer.response.usage, out.cost, out.cost_known);
  if (answer.cut_at_limit) span.set("drover.cut", "max_tokens");
  if (flight.attempts.size() > 1) {
    span.set(trace::own::kFailovers, static_cast<int64_t>(flight.attempts.size() - 1));
  }
  if (flight.streamed && flight.first_token > Duration::zero()) {
    span.set(trace::genai::kTimeToFirstChunk,
             static_cast<double>(flight.first_token.count()) * 1e-9);
  }
  metrics_.finished(endpoint, provider.otel_name(), parts_.loop->mono() - flight.started,
                    flight.first_token, flight.streamed);
  out.answer = std::move(answer);
  if (flight.call.scratch) {
    const ModelCall& call = flight.call;
    const policy::Ask ask = placer_.ask(call.principal.tenant.str(), call.data_class);
    out.scratch = placer_.scratch_place(ask, endpoint, call.scratch->store);
  }
  finish(flight);
}

void Engine::on_attempt_failed(Flight& flight, const catalog::Endpoint& endpoint,
                               const providers::AttemptError& error, Hold& hold) {
  metrics_.attempt(endpoint, &error.error);
  // Our own giving up says nothing about the endpoint.
  bool given_up = error.error.reason == "total";
  Error blamed = error.error;
  if (given_up) blamed.code = Code::kCancelled;
  if (parts_.health->failed(endpoint, blamed)) {
    metrics_.circuit_opened(endpoint);
    LOG_WARN("endpoint {} is left alone for a while: {}", endpoint.id, error_type(error.error));
  }
  std::optional<Charge> charge = charge_of(endpoint, flight, error, tier_of(flight, endpoint));
  if (!charge) return;
  settle(endpoint, *charge, nullptr, hold);
  flight.failed_usage = charge->usage;
  flight.failed_cost += charge->cost;
  flight.failed_priced = flight.failed_priced && charge->cost_known;
}

void Engine::on_failed(Flight& flight, Error error, bool visible, std::string_view provider) {
  ModelFailure out;
  out.error = for_caller(std::move(error));
  out.visible = visible || flight.rest.has_value();
  out.usage = flight.failed_usage;
  out.cost = flight.failed_cost;
  out.cost_known = flight.failed_priced && flight.failed_usage.known();
  note_attempts(flight.attempts, out.error);
  bool places_failed = catalog::blame_of(out.error) != catalog::Blame::kNobody;
  if (flight.bound && places_failed) tell_bounds(flight, out.error);
  describe_failure(flight.span, out.error, flight.bound);
  describe_usage(flight.span, out.usage, out.cost, out.cost_known);
  const std::vector<const catalog::Endpoint*>& places = flight.placement.endpoints;
  metrics_.failed(provider, places.empty() ? std::string_view() : places.front()->model, out.error,
                  parts_.loop->mono() - flight.started);
  flight.result.emplace(tl::unexpected<ModelFailure>(std::move(out)));
  finish(flight);
}

/// All that may see the data have failed: the others were not asked, and here is why.
void Engine::tell_bounds(const Flight& flight, Error& error) {
  const ModelCall& call = flight.call;
  policy::Ask ask = placer_.ask(call.principal.tenant.str(), call.data_class);
  PlaceQuestion question{call.ladder, ask, call.preference};
  std::string text;
  size_t kept_out = 0;
  constexpr size_t kShown = 4;
  for (const Rejection& r : placer_.explain(question).rejected) {
    if (r.rule.empty() || ++kept_out > kShown) continue;
    text += (text.empty() ? "" : "; ") + r.endpoint + " -> " + r.rule + ": " + r.reason;
  }
  if (kept_out == 0) return;
  if (kept_out > kShown) text += "; and " + std::to_string(kept_out - kShown) + " more";
  error.message += " (not asked, for the data may not go there: " + text + ")";
}

void Engine::finish(Flight& flight) {
  ModelResult& result = *flight.result;
  if (flight.drain_timer != 0) parts_.loop->cancel_timer(std::exchange(flight.drain_timer, 0));
  if (flight.draining) {
    flight.draining = false;
    --drains_;
  }
  if (flight.left) metrics_.drained(result.has_value());
  admission_.leave(flight.seat, parts_.loop->mono());
  if (flight.standing) {
    // A slow call waits because it was asked to.
    bool slow = flight.seat.path == ServiceClass::kSlow;
    if (!slow) flight.standing->meter.waited(flight.latency.queue, parts_.loop->mono());
  }
  flight.latency.other = (parts_.loop->mono() - flight.started) - flight.latency.total();
  describe_class(flight.span, flight);
  describe_latency(flight.span, flight.latency);
  flight.span.end();
  if (result) {
    result->latency = flight.latency;
    result->placement = std::move(flight.placement);
    result->attempts = std::move(flight.attempts);
    result->served.path = flight.seat.path;
    result->served.waited = flight.latency.queue;
    result->downgraded = std::move(flight.downgraded);
  } else {
    result.error().latency = flight.latency;
    result.error().placement = std::move(flight.placement);
    result.error().attempts = std::move(flight.attempts);
    result.error().downgraded = std::move(flight.downgraded);
  }
  flight.done.wake_all();
}

Task<void> Engine::close() {
  closed_ = true;
  admission_.close();
  scope_.cancel("the server is shutting down");
  co_await scope_.join();
  co_await deciding_.stop();
}

}  // namespace drover::road
