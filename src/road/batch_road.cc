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

/// What placement.decided says of a call that went into a batch; the answer comes hours later.
std::string placed_text(const Explanation& places, const std::vector<Rejection>& passed_over) {
  Json rejected = Json::array();
  int64_t removed = 0;
  auto add = [&](const Rejection& r) {
    removed += r.rule.empty() ? 0 : 1;
    if (rejected.array_items()->size() >= limits::kRejectionsShownMax) return;
    Json one = Json::array();
    one.push(r.endpoint).push(r.reason);
    rejected.push(std::move(one.push(r.rule)));
  };
  for (const Rejection& r : places.rejected) add(r);
  for (const Rejection& r : passed_over) add(r);
  Json out = Json::object().set("rejected", std::move(rejected)).set("removed", removed);
  out.set("needs", places.needs).set("catalog", places.epochs.catalog);
  out.set("policy", places.epochs.policy).set("health", places.epochs.health);
  return out.dump();
}

/// One of an earlier build says nothing.
void read_placed(const std::string& text, Placement& out) {
  auto json = Json::parse(text);
  if (!json) return;
  const Json* list = json->find("rejected");
  const Json::Array* rejected = list == nullptr ? nullptr : list->array_items();
  auto word = [](const Json& from, size_t i) {
    const Json::Array* words = from.array_items();
    const std::string* one =
        words == nullptr || i >= words->size() ? nullptr : (*words)[i].string();
    return one == nullptr ? std::string() : *one;
  };
  Placement::Notes& notes = out.notes.make();
  for (size_t i = 0; rejected != nullptr && i < rejected->size(); ++i) {
    const Json& one = (*rejected)[i];
    notes.rejected.push_back(Rejection{word(one, 0), word(one, 1), word(one, 2)});
  }
  notes.removed = json->get_int("removed").value_or(0);
  notes.needs = json->get_text("needs");
  Epochs epochs;
  epochs.catalog = json->get_text("catalog");
  epochs.policy = json->get_text("policy");
  epochs.health = static_cast<uint64_t>(json->get_int("health").value_or(0));
  out.made_from = LocalPtr<const Epochs>::make(std::move(epochs));
}

/// Nothing in it says how long it may be kept; what cannot be read may not be kept at all.
bool may_lie(const std::string& data_class) {
  auto read = contract::DataClass::parse(data_class);
  return read && read->keep_s == contract::kKeepUnlimited;
}

class BatchRoad final : public Road {
 public:
  BatchRoad(Road& inner, BatchRoadParts parts) : inner_(inner), p_(parts) {}

  Task<ModelResult> call_model(Context ctx, ModelCall&& call, providers::Sink* sink) override {
    const bool may_wait = call.batch_within && call.service_class == ServiceClass::kSlow;
    if (sink != nullptr || !may_wait || call.party->session.empty() ||
        call.idempotency_key.empty()) {
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
  /// The endpoint whose batch it may go into, and why.
  Task<std::shared_ptr<const catalog::Endpoint>> endpoint_for(Context ctx, ModelCall* call,
                                                              std::string* placed);
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
  read_placed(state.placed, out.placement);
  out.provider = out.endpoint->provider;
  out.answer->response = std::move(state.response);
  out.cost = state.cost;
  out.cost_known = state.cost_known;
  out.latency.queue = std::max<Duration>(p_.loop->wall() - state.since, Duration::zero());
  out.served.path = ServiceClass::kSlow;
  AttemptRecord attempt;
  attempt.endpoint = out.endpoint;
  attempt.catalog = out.placement.catalog;
  attempt.attempt = call.attempt;
  attempt.ok = true;
  attempt.took = out.latency.queue;
  out.attempts.push_back(std::move(attempt));
  trace::Span span(ctx, p_.spans, *p_.random, "chat " + out.endpoint->model, "CLIENT");
  span.set_tenant(call.principal->tenant);
  span.set_session(call.party->session);
  span.set(trace::genai::kOperation, trace::genai::kChat);
  span.set(trace::genai::kRequestModel, call.ladder.front());
  span.set(trace::own::kEndpoint, out.endpoint->id);
  span.set(trace::own::kServiceClass, "slow");
  span.set("drover.batch", state.batch);
  if (call.reasons) describe_placement(span, out.placement);
  span.set(std::string(trace::own::kLatencyPrefix) + "batch", out.latency.queue.count());
  describe_answer(span, *out.answer);
  describe_usage(span, out.answer->response.usage, out.cost, out.cost_known);
  span.end();
  return ModelResult(std::move(out));
}

Task<std::shared_ptr<const catalog::Endpoint>> BatchRoad::endpoint_for(Context ctx, ModelCall* call,
                                                                       std::string* placed) {
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
  const std::string tenant = call->principal->tenant.str();
  co_await inner_.ask_outside(ctx, tenant, *call->data_class);
  SupposedCall supposed;
  supposed.tenant = tenant;
  supposed.data_class = *call->data_class;
  supposed.ladder = call->ladder;
  supposed.preference = call->preference;
  supposed.needs = *call->needs;
  supposed.agent = call->party->agent;
  if (call->scratch) supposed.scratch = *call->scratch;
  const Explanation places = inner_.explain(supposed);
  if (!may_lie(places.data_class)) co_return none;
  const int64_t tokens =
      call->prompt.estimated_input_tokens() + call->prompt.max_tokens_in_all().value_or(0);
  std::vector<Rejection> passed_over;
  for (const Explanation::Ranked& ranked : places.ranked) {
    const catalog::Endpoint* endpoint = catalog->find(ranked.endpoint);
    if (endpoint == nullptr) continue;
    std::string why;
    if (!takes_batches(*endpoint, now)) {
      why = "it takes no batches";
    } else if (endpoint->facts.find("attestation") != nullptr) {
      why = "a batch proves nothing";
    } else if (endpoint->context_window && tokens > *endpoint->context_window) {
      why = "the call is longer than its context window";
    }
    if (why.empty()) {
      *placed = placed_text(places, passed_over);
      co_return std::shared_ptr<const catalog::Endpoint>(catalog, endpoint);
    }
    passed_over.push_back(Rejection{ranked.endpoint, std::move(why), ""});
  }
  co_return none;
}

Task<ModelResult> BatchRoad::call_slow(Context ctx, ModelCall call) {
  std::optional<BatchState> known = p_.batches->ask(call.idempotency_key.view());
  if (!known) {
    std::string placed;
    std::shared_ptr<const catalog::Endpoint> endpoint = co_await endpoint_for(ctx, &call, &placed);
    if (endpoint != nullptr) {
      Result<BatchCall> made = p_.batches->prepare(*endpoint, call);
      if (made) made->placed = std::move(placed);
      if (made) known = co_await p_.batches->add(ctx, std::move(*made));
    }
  }
  if (known && known->what == BatchState::What::kWaiting) co_return parked(*known);
  if (known && known->what == BatchState::What::kAnswered) {
    std::optional<ModelResult> out = answered(ctx, call, std::move(*known));
    if (out) co_return std::move(*out);
  }
  if (known) {
    LOG_INFO("a call of session {} goes the ordinary way: {}", call.party->session,
             known->error.to_string());
    p_.batches->forget(call.idempotency_key.view());
  }
  co_return co_await inner_.call_model(std::move(ctx), std::move(call), nullptr);
}

}  // namespace

Task<bool> rules_leave(Context ctx, Road* road, const catalog::CatalogHolder* catalog,
                       std::string endpoint, std::string tenant, std::string data_class) {
  auto data = contract::DataClass::parse(data_class);
  std::shared_ptr<const catalog::Catalog> now = catalog->get();
  const catalog::Endpoint* there = now->find(endpoint);
  if (!data || there == nullptr) co_return false;
  co_await road->ask_outside(ctx, tenant, *data);
  SupposedCall call;
  call.tenant = std::move(tenant);
  call.data_class = std::move(*data);
  call.ladder.push_back(there->model);
  const Explanation places = road->explain(call);
  co_return std::none_of(places.rejected.begin(), places.rejected.end(), [&](const Rejection& r) {
    return r.endpoint == endpoint && !r.rule.empty();
  });
}

std::unique_ptr<Road> make_batch_road(Road& inner, BatchRoadParts parts) {
  return std::make_unique<BatchRoad>(inner, parts);
}

}  // namespace drover::road
