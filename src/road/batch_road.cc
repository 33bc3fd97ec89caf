#include "road/batch_road.h"

#include <algorithm>

#include "base/log.h"
#include "road/batches.h"
#include "road/telemetry.h"
#include "trace/genai.h"

namespace drover::road {
namespace {

constexpr std::string_view kTier = "batches";  // in price tables

bool takes_batches(const catalog::Endpoint& endpoint, WallTime now) {
  const Json* fact = endpoint.facts.value("batch");
  if (fact == nullptr || !fact->boolean().value_or(false)) return false;
  const catalog::Price& price = endpoint.price_at(now);
  return price.known &&
         std::any_of(price.tiers.begin(), price.tiers.end(),
                     [](const catalog::PriceTier& t) { return t.service_tier == kTier; });
}

/// Nothing in it says how long it may be kept; what cannot be read may not be kept at all.
bool may_lie(const std::string& data_class) {
  auto read = contract::DataClass::parse(data_class);
  return read && read->keep_s == contract::kKeepUnlimited;
}

class BatchRoad final : public Road {
 public:
  BatchRoad(Road& inner, BatchRoadParts parts) : inner_(inner), p_(parts) {}

  Task<ModelResult> call_model(Context ctx, ModelCall call, providers::Sink* sink) override {
    const bool may_wait = call.batch_within && call.service_class == ServiceClass::kSlow;
    if (sink != nullptr || !may_wait || call.session.empty() || call.idempotency_key.empty()) {
      return inner_.call_model(std::move(ctx), std::move(call), sink);
    }
    return call_slow(std::move(ctx), std::move(call));
  }
  Task<void> ask_outside(Context ctx, std::string tenant, contract::DataClass data) override {
    return inner_.ask_outside(std::move(ctx), std::move(tenant), std::move(data));
  }
  Explanation explain(const SupposedCall& call) override { return inner_.explain(call); }
  void scratch_moved(const std::string& from, const std::string& to, uint64_t bytes,
                     Duration took) override {
    inner_.scratch_moved(from, to, bytes, took);
  }
  Money ceiling(const std::vector<std::string>& ladder, int64_t input,
                int64_t output) const override {
    return inner_.ceiling(ladder, input, output);
  }
  std::vector<std::string> models() const override { return inner_.models(); }
  void session_over(std::string_view session) override {
    p_.batches->leave(session);
    inner_.session_over(session);
  }

 private:
  Task<ModelResult> call_slow(Context ctx, ModelCall call);
  /// The endpoint whose batch it may go into.
  Task<std::shared_ptr<const catalog::Endpoint>> endpoint_for(Context ctx, ModelCall* call);
  ModelResult parked(const BatchState& state) const;
  std::optional<ModelResult> answered(const Context& ctx, const ModelCall& call, BatchState state);

  Road& inner_;
  BatchRoadParts p_;
};

ModelResult BatchRoad::parked(const BatchState& state) const {
  ModelFailure out;
  out.error = Error(Code::kUnavailable,
                    "it lies in the batch " + state.batch + " at " + state.endpoint + " since " +
                        format_rfc3339(state.since),
                    Retry::kNever);
  out.error.reason = kBatched;
  // Whoever comes too early is not asked to come at once.
  out.error.retry_after = std::max<Duration>(state.until - p_.loop->wall(), limits::kBatchLookMost);
  return ModelResult(tl::unexpected<ModelFailure>(std::move(out)));
}

std::optional<ModelResult> BatchRoad::answered(const Context& ctx, const ModelCall& call,
                                               BatchState state) {
  ModelOutcome out;
  out.placement.catalog = p_.catalog->get();
  out.endpoint = out.placement.catalog->find(state.endpoint);
  // Its endpoint was configured away meanwhile: nobody can say where it was made.
  if (out.endpoint == nullptr) return std::nullopt;
  out.placement.endpoints.push_back(out.endpoint);
  out.provider = out.endpoint->provider;
  out.answer.response = std::move(state.response);
  out.cost = state.cost;
  out.cost_known = state.cost_known;
  out.latency.queue = std::max<Duration>(p_.loop->wall() - state.since, Duration::zero());
  out.served.path = ServiceClass::kSlow;
  AttemptRecord attempt;
  attempt.endpoint = out.endpoint->id;
  attempt.provider = out.provider;
  attempt.region = out.endpoint->region;
  attempt.attempt = call.attempt;
  attempt.ok = true;
  attempt.took = out.latency.queue;
  out.attempts.push_back(std::move(attempt));
  trace::Span span(ctx, p_.spans, *p_.random, "chat " + out.endpoint->model, "CLIENT");
  span.set_tenant(call.principal.tenant);
  span.set_session(call.session);
  span.set(trace::genai::kOperation, trace::genai::kChat);
  span.set(trace::genai::kRequestModel, call.ladder.front());
  span.set(trace::own::kEndpoint, out.endpoint->id);
  span.set(trace::own::kServiceClass, "slow");
  span.set("drover.batch", state.batch);
  span.set(std::string(trace::own::kLatencyPrefix) + "batch", out.latency.queue.count());
  describe_answer(span, out.answer);
  describe_usage(span, out.answer.response.usage, out.cost, out.cost_known);
  span.end();
  return ModelResult(std::move(out));
}

Task<std::shared_ptr<const catalog::Endpoint>> BatchRoad::endpoint_for(Context ctx,
                                                                       ModelCall* call) {
  std::shared_ptr<const catalog::Endpoint> none;
  if (call->was_batched || ctx.remaining() < *call->batch_within) co_return none;
  if (!p_.batches->has_room() || call->prompt.stream()) co_return none;
  // What the request itself needs is for the ordinary way to say.
  if (call->prompt.holds_images()) co_return none;
  std::shared_ptr<const catalog::Catalog> catalog = p_.catalog->get();
  const WallTime now = p_.loop->wall();
  bool any = false;
  for (const std::string& model : call->ladder) {
    for (const catalog::Endpoint* endpoint : catalog->serving(model)) {
      any = any || takes_batches(*endpoint, now);
    }
  }
  if (!any) co_return none;
  const std::string tenant = call->principal.tenant.str();
  co_await inner_.ask_outside(ctx, tenant, call->data_class);
  SupposedCall supposed;
  supposed.tenant = tenant;
  supposed.data_class = call->data_class;
  supposed.ladder = call->ladder;
  supposed.preference = call->preference;
  supposed.needs = call->needs;
  supposed.agent = call->agent;
  supposed.scratch = call->scratch;
  const Explanation places = inner_.explain(supposed);
  if (!may_lie(places.data_class)) co_return none;
  const int64_t tokens =
      call->prompt.estimated_input_tokens() + call->prompt.max_tokens_in_all().value_or(0);
  for (const Explanation::Ranked& ranked : places.ranked) {
    const catalog::Endpoint* endpoint = catalog->find(ranked.endpoint);
    if (endpoint == nullptr || !takes_batches(*endpoint, now)) continue;
    if (endpoint->facts.find("attestation") != nullptr) continue;
    if (endpoint->context_window && tokens > *endpoint->context_window) continue;
    co_return std::shared_ptr<const catalog::Endpoint>(catalog, endpoint);
  }
  co_return none;
}

Task<ModelResult> BatchRoad::call_slow(Context ctx, ModelCall call) {
  std::optional<BatchState> known = p_.batches->ask(call.idempotency_key);
  if (!known) {
    std::shared_ptr<const catalog::Endpoint> endpoint = co_await endpoint_for(ctx, &call);
    if (endpoint != nullptr) {
      Result<BatchCall> made = p_.batches->prepare(*endpoint, call);
      if (made) known = co_await p_.batches->add(ctx, std::move(*made));
    }
  }
  if (known && known->what == BatchState::What::kWaiting) co_return parked(*known);
  if (known && known->what == BatchState::What::kAnswered) {
    std::optional<ModelResult> out = answered(ctx, call, std::move(*known));
    if (out) co_return std::move(*out);
  }
  if (known) {
    LOG_INFO("a call of session {} goes the ordinary way: {}", call.session,
             known->error.to_string());
    p_.batches->forget(call.idempotency_key);
  }
  co_return co_await inner_.call_model(std::move(ctx), std::move(call), nullptr);
}

}  // namespace

std::unique_ptr<Road> make_batch_road(Road& inner, BatchRoadParts parts) {
  return std::make_unique<BatchRoad>(inner, parts);
}

}  // namespace drover::road
