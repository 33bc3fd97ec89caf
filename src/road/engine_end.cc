// What a call costs, and how it ends: money held before an attempt and settled after it, the answer
// or the error, and what is told of it.

#include "base/log.h"
#include "road/engine.h"
#include "trace/genai.h"

namespace drover::road {
namespace {

/// What the caller is told when an endpoint refuses our credentials: it is not his key that is
/// wrong. Who could not be asked about one place may be there later, for all of them.
Error for_caller(Error error) {
  if (error.reason == policy::kUnasked) error.retry = Retry::kAfter;
  bool ours = error.code == Code::kUnauthenticated || error.code == Code::kPermissionDenied;
  if (!ours || policy::is_denial(error)) return error;
  Error out(Code::kUnavailable, "the endpoint's own credentials do not work: " + error.message,
            Retry::kAfter);
  out.reason = "upstream_auth";
  out.notes = std::move(error.notes);
  return out;
}

void note_attempts(const AttemptRecords& attempts, Error& error) {
  if (attempts.size() < 2) return;
  std::string text = "after " + std::to_string(attempts.size()) + " attempts";
  for (const AttemptRecord& a : attempts)
    text += "; " + a.endpoint->id + ": " + error_type(*a.error);
  error.note(std::move(text));
}

}  // namespace

Result<bool> Engine::reserve(Flight& flight, const catalog::Endpoint& endpoint, Hold& hold) {
  if (parts_.accounts == nullptr) return true;
  const ModelCall& call = flight.call;
  const Party& party = *call.party;
  Caller who{call.principal->tenant.str(), call.principal->key.str(), party.agent, party.session,
             party.tree};
  const Ask ask = ask_for(endpoint, call.prompt, parts_.loop->wall(), tier_of(flight, endpoint),
                          call.idempotency_key.view(), !flight.requested);
  Result<bool> held = parts_.accounts->reserve(who, endpoint, ask, hold);
  flight.requested = flight.requested || (held && *held);
  if (call.rates != nullptr && !flight.left) {
    if (hold.held()) {
      parts_.accounts->rates(hold, *call.rates);
    } else {
      *call.rates = parts_.accounts->rates(who, endpoint);
    }
  }
  return held;
}

void Engine::settle(const catalog::Endpoint& endpoint, const contract::Usage& usage,
                    const Charge& charge, const contract::ChatResponse* answer, Hold& hold) {
  metrics_.settled(endpoint, endpoint.provider, usage, charge.cost, charge.cost_known);
  if (parts_.accounts == nullptr) return;
  Settlement settlement;
  settlement.usage = &usage;
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
  const Charge charge = charge_of(endpoint, flight, answer, tier_of(flight, endpoint));
  settle(endpoint, answer.response.usage, charge, &answer.response, trial.hold);
  conclude(flight, trial, charge);
}

void Engine::conclude(Flight& flight, Trial& trial, const Charge& charge) {
  const catalog::Endpoint& endpoint = *trial.endpoint;
  const providers::Provider& provider = *trial.provider;
  providers::Answer& answer = *trial.answer;
  if (flight.broke_off) put_whole_text(*flight.said, answer.response.message);
  ModelOutcome& out = *flight.result.emplace(std::make_unique<ModelOutcome>(
      trial.answer.take(), std::move(flight.placement), std::move(flight.attempts)));
  out.endpoint = &endpoint;
  out.provider = endpoint.provider;
  out.cost = charge.cost + flight.failed_cost;
  out.cost_known = charge.cost_known && flight.failed_priced;
  out.first_token = flight.first_token;
  trace::Span& span = flight.span;
  describe_attempt(span, endpoint, provider.otel_name(), static_cast<int>(out.attempts.size()));
  describe_answer(span, answer);
  describe_usage(span, answer.response.usage, out.cost, out.cost_known);
  if (answer.cut_at_limit) span.set("drover.cut", "max_tokens");
  if (out.attempts.size() > 1) {
    span.set(trace::own::kFailovers, static_cast<int64_t>(out.attempts.size() - 1));
  }
  if (flight.streamed && flight.first_token > Duration::zero()) {
    span.set(trace::genai::kTimeToFirstChunk, to_seconds(flight.first_token));
  }
  const MonoTime now = parts_.loop->mono();
  metrics_.finished(endpoint, provider.otel_name(), now - flight.started, flight.first_token,
                    flight.streamed);
  if (flight.call.scratch) out.scratch = scratch_place(flight, endpoint);
  finish(flight, now);
}

ScratchPlace Engine::scratch_place(const Flight& flight, const catalog::Endpoint& endpoint) {
  const ModelCall& call = flight.call;
  const policy::Ask ask = placer_.ask(call.principal->tenant.str(), *call.data_class);
  return placer_.scratch_place(ask, endpoint, *call.scratch);
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
  contract::Usage usage;
  std::optional<Charge> charge =
      charge_of(endpoint, flight, error, tier_of(flight, endpoint), usage);
  if (!charge) return;
  settle(endpoint, usage, *charge, nullptr, hold);
  add_failed(flight.failed_usage.make(), usage);
  flight.failed_cost += charge->cost;
  flight.failed_priced = flight.failed_priced && charge->cost_known;
}

void Engine::on_failed(Flight& flight, Error error, bool visible, std::string_view provider) {
  ModelFailure out;
  out.error = for_caller(std::move(error));
  out.visible = visible || flight.broke_off != nullptr;
  out.usage = *flight.failed_usage;
  out.cost = flight.failed_cost;
  out.cost_known = flight.failed_priced && flight.failed_usage->known();
  note_attempts(flight.attempts, out.error);
  bool places_failed = catalog::blame_of(out.error) != catalog::Blame::kNobody;
  if (flight.bound && places_failed && !policy::is_denial(out.error)) {
    tell_bounds(flight, out.error);
  }
  describe_failure(flight.span, out.error, flight.bound);
  describe_usage(flight.span, out.usage, out.cost, out.cost_known);
  const std::vector<const catalog::Endpoint*>& places = flight.placement.endpoints;
  const MonoTime now = parts_.loop->mono();
  metrics_.failed(provider, places.empty() ? std::string_view() : places.front()->model, out.error,
                  now - flight.started);
  out.placement = std::move(flight.placement);
  out.attempts = std::move(flight.attempts);
  flight.result.emplace(tl::unexpected<ModelFailure>(std::move(out)));
  finish(flight, now);
}

void Engine::finish(Flight& flight, MonoTime now) {
  ModelResult& result = *flight.result;
  if (flight.drain_timer != 0) parts_.loop->cancel_timer(std::exchange(flight.drain_timer, 0));
  if (flight.draining) {
    flight.draining = false;
    --drains_;
  }
  if (flight.left) metrics_.drained(result.has_value());
  admission_.leave(flight.seat, now);
  if (flight.standing) {
    // A slow call waits because it was asked to.
    bool slow = flight.seat.path == ServiceClass::kSlow;
    if (!slow) flight.standing->meter.waited(flight.latency.queue, now);
  }
  flight.latency.other = (now - flight.started) - flight.latency.total();
  describe_class(flight.span, flight);
  describe_latency(flight.span, flight.latency);
  flight.span.end(now);
  if (result) {
    result->latency = flight.latency;
    result->served.path = flight.seat.path;
    result->served.waited = flight.latency.queue;
    result->downgraded = std::move(flight.downgraded);
  } else {
    result.error().latency = flight.latency;
    result.error().downgraded = std::move(flight.downgraded);
  }
  flight.done.wake_all();
}

}  // namespace drover::road
