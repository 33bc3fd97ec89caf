#pragma once
// Internal to src/road: what a model call leaves behind in spans and metrics, under OpenTelemetry's
// names (trace/genai.h). Never content, never credentials.

#include <string>
#include <unordered_map>

#include "road/flight.h"
#include "trace/metrics.h"

namespace drover::road {

/// Input, output, cache reads and writes, reasoning.
inline constexpr size_t kTokenClassCount = 5;

class RoadMetrics {
 public:
  /// `metrics` may be null: then nothing is counted.
  explicit RoadMetrics(trace::Metrics* metrics);
  RoadMetrics(const RoadMetrics&) = delete;
  void attempt(const catalog::Endpoint& endpoint, const Error* error);
  void failover(const catalog::Endpoint& from, const catalog::Endpoint& to, const Error& error);
  void downgraded(std::string_view agent, size_t from, size_t to, std::string_view signal);
  void circuit_opened(const catalog::Endpoint& endpoint);
  void settled(const catalog::Endpoint& endpoint, std::string_view provider,
               const contract::Usage& usage, Money cost, bool cost_known);
  /// The call's good end.
  void finished(const catalog::Endpoint& endpoint, std::string_view otel_provider, Duration took,
                Duration first_token, bool streamed);
  /// Its other ends. `provider` is empty where no endpoint was tried.
  void failed(std::string_view provider, std::string_view model, const Error& error, Duration took);
  void drained(bool to_the_end);

 private:
  /// The series of calls that go well at one endpoint: found once by their labels, since that takes
  /// longer than all the counting. Null until first used.
  struct Lines {
    trace::Series* attempts = nullptr;
    trace::Series* token_total[kTokenClassCount] = {};
    trace::Series* tokens[kTokenClassCount] = {};
    trace::Series* cost = nullptr;
    trace::Series* duration = nullptr;
    trace::Series* first_chunk = nullptr;
  };
  Lines& lines_of(const catalog::Endpoint& endpoint);

  /// By the endpoint's number, which no other ever has, whatever a reload makes of its id. Bounded
  /// by limits::kEndpointsMax.
  std::unordered_map<uint64_t, Lines> lines_;
  std::pair<const uint64_t, Lines>* last_ = nullptr;  // of lines_, that was asked for last
  trace::Family* duration_ = nullptr;
  trace::Family* first_chunk_ = nullptr;
  trace::Family* tokens_ = nullptr;
  trace::Family* attempts_ = nullptr;
  trace::Family* failovers_ = nullptr;
  trace::Family* downgrades_ = nullptr;
  trace::Family* circuits_ = nullptr;
  trace::Family* token_total_ = nullptr;
  trace::Family* cost_total_ = nullptr;
  trace::Family* unpriced_ = nullptr;
  trace::Family* estimated_ = nullptr;
  trace::Family* drains_ = nullptr;
};

/// What is known before anything is tried.
void describe_call(trace::Span& span, const Flight& flight);
/// Where a call may run and why not elsewhere, as text.
void describe_placement(trace::Span& span, const Placement& placement);
void describe_attempt(trace::Span& span, const catalog::Endpoint& endpoint,
                      std::string_view otel_provider, int attempt);
void describe_answer(trace::Span& span, const providers::Answer& answer);
void describe_usage(trace::Span& span, const contract::Usage& usage, Money cost, bool cost_known);
/// A failed call or attempt. What a provider says may hold what it was sent: of bound data its
/// words stay out of the trace, which may be kept elsewhere.
void describe_failure(trace::Span& span, const Error& error, bool bound);
/// Where it is not what every call is: fast without anybody having said so.
void describe_class(trace::Span& span, const Flight& flight);
void describe_latency(trace::Span& span, const LatencyParts& latency);

/// "overloaded", or the code's name where there is no reason.
std::string error_type(const Error& error);

}  // namespace drover::road
