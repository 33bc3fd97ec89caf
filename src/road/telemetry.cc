#include "road/telemetry.h"

#include <iterator>
#include <span>

#include "base/limits/catalog.h"
#include "trace/genai.h"

namespace drover::road {
namespace {

namespace genai = trace::genai;
namespace own = trace::own;

struct TokenClass {
  std::string_view name;
  std::optional<int64_t> contract::Usage::* count;
  bool whole = false;  // no part of another
};
constexpr TokenClass kTokenClasses[] = {
    {"input", &contract::Usage::input_tokens, true},
    {"output", &contract::Usage::output_tokens, true},
    {"cache_read", &contract::Usage::cache_read_tokens},
    {"cache_write", &contract::Usage::cache_write_tokens},
    {"reasoning", &contract::Usage::reasoning_tokens},
};
static_assert(std::size(kTokenClasses) == kTokenClassCount);

}  // namespace

std::string error_type(const Error& error) {
  return error.reason.empty() ? std::string(code_name(error.code)) : error.reason;
}

RoadMetrics::RoadMetrics(trace::Metrics* m) {
  if (m == nullptr) return;
  duration_ = &m->histogram(
      "gen_ai_client_operation_duration_seconds", "Duration of model calls, all attempts included.",
      {"gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "error_type"},
      trace::duration_bounds());
  first_chunk_ =
      &m->histogram("gen_ai_client_operation_time_to_first_chunk_seconds",
                    "Time from the call to its first visible output.",
                    {"gen_ai_provider_name", "gen_ai_request_model"}, trace::duration_bounds());
  tokens_ = &m->histogram("gen_ai_client_token_usage", "Tokens of one call.",
                          {"gen_ai_token_type", "gen_ai_provider_name", "gen_ai_request_model"},
                          trace::token_bounds());
  attempts_ = &m->counter("drover_attempts_total", "Attempts at endpoints, by outcome.",
                          {"endpoint", "outcome"});
  failovers_ = &m->counter("drover_failovers_total", "Calls moved to another endpoint.",
                           {"from", "to", "reason"});
  downgrades_ = &m->counter("drover_downgrades_total",
                            "Agents that moved on their downgrade ladder, by the rung they came to "
                            "(0: nothing is given up), and what was scarce.",
                            {"agent", "rung", "signal"});
  circuits_ = &m->counter("drover_circuits_opened_total", "Endpoints or credentials left alone.",
                          {"endpoint"});
  token_total_ =
      &m->counter("drover_tokens_total",
                  "Tokens by class; cache classes are part of input, reasoning is part of output.",
                  {"class", "provider", "model"});
  cost_total_ = &m->counter("drover_cost_usd_total", "Money spent, where the price is known.",
                            {"provider", "model"});
  unpriced_ = &m->counter("drover_unpriced_calls_total", "Calls whose price is unknown.",
                          {"provider", "model"});
  estimated_ = &m->counter("drover_usage_estimated_total",
                           "Calls without usage from their provider: tokens are estimates.",
                           {"provider", "model"});
  drains_ =
      &m->counter("drover_drains_total",
                  "Calls whose client left, by whether they were read to their end.", {"outcome"});
}

RoadMetrics::Lines& RoadMetrics::lines_of(const catalog::Endpoint& endpoint) {
  // A call asks for its own several times.
  if (last_ == nullptr || last_->first != endpoint.number) {
    if (lines_.size() >= limits::kEndpointsMax && !lines_.contains(endpoint.number)) {
      lines_.clear();
    }
    last_ = &*lines_.try_emplace(endpoint.number).first;
  }
  // Those that are in no catalog have no number to tell them apart.
  if (endpoint.number == 0) last_->second = Lines();
  return last_->second;
}

void RoadMetrics::attempt(const catalog::Endpoint& endpoint, const Error* error) {
  if (attempts_ == nullptr) return;
  if (error != nullptr) {
    attempts_->with({endpoint.id, error_type(*error)}).add(1);
    return;
  }
  trace::Series*& ok = lines_of(endpoint).attempts;
  if (ok == nullptr) ok = &attempts_->with({endpoint.id, "ok"});
  ok->add(1);
}

void RoadMetrics::failover(const catalog::Endpoint& from, const catalog::Endpoint& to,
                           const Error& error) {
  if (failovers_ != nullptr) failovers_->with({from.id, to.id, error_type(error)}).add(1);
}

void RoadMetrics::downgraded(std::string_view agent, size_t from, size_t to,
                             std::string_view signal) {
  if (downgrades_ == nullptr) return;
  std::string_view why = to > from ? signal : "over";
  downgrades_->with({agent, std::to_string(to), why}).add(1);
}

void RoadMetrics::circuit_opened(const catalog::Endpoint& endpoint) {
  if (circuits_ != nullptr) circuits_->with({endpoint.id}).add(1);
}

void RoadMetrics::settled(const catalog::Endpoint& endpoint, std::string_view provider,
                          const contract::Usage& usage, Money cost, bool cost_known) {
  if (tokens_ == nullptr) return;
  Lines& lines = lines_of(endpoint);
  for (size_t i = 0; i < std::size(kTokenClasses); ++i) {
    const TokenClass& c = kTokenClasses[i];
    const std::optional<int64_t>& count = usage.*c.count;
    if (!count) continue;
    trace::Series*& total = lines.token_total[i];
    if (total == nullptr) total = &token_total_->with({c.name, provider, endpoint.model});
    total->add(static_cast<double>(*count));
    if (!c.whole) continue;
    trace::Series*& tokens = lines.tokens[i];
    if (tokens == nullptr) tokens = &tokens_->with({c.name, provider, endpoint.model});
    tokens->observe(static_cast<double>(*count));
  }
  if (cost_known) {
    if (lines.cost == nullptr) lines.cost = &cost_total_->with({provider, endpoint.model});
    lines.cost->add(cost.to_double());
  } else {
    unpriced_->with({provider, endpoint.model}).add(1);
  }
  if (usage.estimated) estimated_->with({provider, endpoint.model}).add(1);
}

void RoadMetrics::finished(const catalog::Endpoint& endpoint, std::string_view otel_provider,
                           Duration took, Duration first_token, bool streamed) {
  if (duration_ == nullptr) return;
  Lines& lines = lines_of(endpoint);
  if (lines.duration == nullptr) {
    lines.duration = &duration_->with({genai::kChat, otel_provider, endpoint.model, ""});
  }
  lines.duration->observe(to_seconds(took));
  if (!streamed || first_token <= Duration::zero()) return;
  if (lines.first_chunk == nullptr) {
    lines.first_chunk = &first_chunk_->with({otel_provider, endpoint.model});
  }
  lines.first_chunk->observe(to_seconds(first_token));
}

void RoadMetrics::failed(std::string_view provider, std::string_view model, const Error& error,
                         Duration took) {
  if (duration_ == nullptr) return;
  duration_->with({genai::kChat, provider, model, error_type(error)}).observe(to_seconds(took));
}

void RoadMetrics::drained(bool to_the_end) {
  if (drains_ != nullptr) drains_->with({to_the_end ? "complete" : "cut"}).add(1);
}

void describe_call(trace::Span& span, const Flight& flight) {
  span.set_tenant(flight.call.principal->tenant);
  span.set(genai::kOperation, genai::kChat);
  span.set(genai::kRequestModel, flight.call.ladder.front());
  if (flight.streamed) span.set(genai::kRequestStream, true);
  if (auto max = flight.call.prompt.max_tokens()) span.set(genai::kRequestMaxTokens, *max);
  const Party& party = *flight.call.party;
  if (!party.session.empty()) {
    span.set_session(party.session);
    span.set(genai::kConversation, party.session);
  }
  if (!party.agent.empty()) span.set(genai::kAgentName, party.agent);
}

void describe_placement(trace::Span& span, const Placement& placement) {
  constexpr size_t kRejectedBytesMax = 4096;
  std::string text;
  for (const catalog::Endpoint* e : placement.endpoints) {
    if (!text.empty()) text += ", ";
    text += e->id;
  }
  span.set(own::kPlacement, text);
  text.clear();
  for (const Rejection& r : placement.notes->rejected) {
    if (text.size() > kRejectedBytesMax) {
      text += "; …";
      break;
    }
    if (!text.empty()) text += "; ";
    text += r.endpoint + " -> " + (r.rule.empty() ? "" : r.rule + ": ") + r.reason;
  }
  if (!text.empty()) span.set(own::kPlacementRejected, text);
  span.set(own::kPlacementEpochs, placement.epochs().catalog + " " + placement.epochs().policy +
                                      " " + std::to_string(placement.epochs().health));
}

void describe_attempt(trace::Span& span, const catalog::Endpoint& endpoint,
                      std::string_view otel_provider, int attempt) {
  span.set(genai::kProvider, otel_provider);
  span.set(own::kEndpoint, endpoint.id);
  span.set(own::kAttempt, attempt);
  if (!endpoint.region.empty()) span.set(own::kRegion, endpoint.region);
  if (!endpoint.zone.empty()) span.set(own::kZone, endpoint.zone);
}

void describe_answer(trace::Span& span, const providers::Answer& answer) {
  const contract::ChatResponse& response = answer.response;
  if (!response.id.empty()) span.set(genai::kResponseId, response.id);
  if (!response.model.empty()) span.set(genai::kResponseModel, response.model);
  if (!response.service_tier.empty()) span.set(own::kServiceTier, response.service_tier);
  if (!response.request_id.empty()) span.set(own::kRequestId, response.request_id);
  if (!response.system_fingerprint.empty()) {
    span.set(own::kFingerprint, response.system_fingerprint);
  }
  const std::string_view reasons[] = {
      response.native_finish_reason.empty()
          ? std::string_view(contract::finish_reason_name(response.finish_reason))
          : std::string_view(response.native_finish_reason)};
  span.set(genai::kFinishReasons, std::span<const std::string_view>(reasons));
}

void describe_usage(trace::Span& span, const contract::Usage& usage, Money cost, bool cost_known) {
  if (usage.input_tokens) span.set(genai::kInputTokens, *usage.input_tokens);
  if (usage.output_tokens) span.set(genai::kOutputTokens, *usage.output_tokens);
  if (usage.cache_read_tokens) span.set(genai::kCacheReadTokens, *usage.cache_read_tokens);
  if (usage.cache_write_tokens) span.set(genai::kCacheWriteTokens, *usage.cache_write_tokens);
  if (usage.reasoning_tokens) span.set(genai::kReasoningTokens, *usage.reasoning_tokens);
  if (usage.estimated) span.set(own::kUsageEstimated, true);
  if (cost_known) span.set(own::kCost, cost);
}

void describe_failure(trace::Span& span, const Error& error, bool bound) {
  // A refusal by the rules is in words of our own: the rule, the place, the class.
  if (!bound || policy::is_denial(error)) {
    span.fail(error);
    return;
  }
  Error told(error.code, "its words are kept with the data, in the session's journal");
  told.reason = error.reason;
  span.fail(told);
}

void describe_class(trace::Span& span, const Flight& flight) {
  if (!flight.stated && flight.seat.path != ServiceClass::kSlow) return;
  span.set(own::kServiceClass, service_class_name(flight.seat.path));
  if (flight.round > 0) span.set(own::kRounds, static_cast<int64_t>(flight.round + 1));
}

void describe_latency(trace::Span& span, const LatencyParts& latency) {
  struct Part {
    store::AttributeName name;
    Duration LatencyParts::* part;
  };
  constexpr Part kParts[] = {
      {own::kLatencyQueue, &LatencyParts::queue},
      {own::kLatencyPlacement, &LatencyParts::placement},
      {own::kLatencyNetwork, &LatencyParts::network},
      {own::kLatencyModel, &LatencyParts::model},
      {own::kLatencyTool, &LatencyParts::tool},
      {own::kLatencyStore, &LatencyParts::store},
      {own::kLatencySync, &LatencyParts::sync},
      {own::kLatencyOther, &LatencyParts::other},
  };
  for (const Part& part : kParts) {
    Duration took = latency.*part.part;
    if (took != Duration::zero()) span.set(part.name, static_cast<int64_t>(took.count()));
  }
}

}  // namespace drover::road
