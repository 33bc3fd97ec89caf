#include "road/effects.h"

#include <algorithm>

#include "road/telemetry.h"
#include "tools/tool_set.h"
#include "trace/genai.h"

namespace drover::road {

namespace genai = trace::genai;

EffectCall tool_effect(identity::Principal principal, std::string session, std::string agent,
                       std::string tool, std::string call_id) {
  EffectCall out;
  out.owner = principal.tenant;
  out.principal = std::move(principal);
  out.operation = genai::kExecuteTool;
  out.span_name = out.operation + ' ' + tool;
  out.session = std::move(session);
  out.agent = std::move(agent);
  out.attributes.emplace_back(genai::kToolName, std::move(tool));
  out.attributes.emplace_back(genai::kToolCallId, std::move(call_id));
  return out;
}

EffectCall memory_effect(identity::Principal principal, std::string session, std::string agent,
                         std::string store, bool write) {
  EffectCall out;
  out.action = write ? identity::Action::kWriteMemory : identity::Action::kReadMemory;
  out.owner = principal.tenant;
  out.principal = std::move(principal);
  out.operation = write ? genai::kUpsertMemory : genai::kSearchMemory;
  out.span_name = out.operation + ' ' + store;
  out.session = std::move(session);
  out.agent = std::move(agent);
  out.part = &LatencyParts::store;
  out.attributes.emplace_back(genai::kMemoryStore, std::move(store));
  return out;
}

Effects::Effects(Random& random, trace::SpanSink* spans, trace::Metrics* metrics,
                 const policy::PolicyHolder* policy)
    : guard_(policy), random_(&random), spans_(spans) {
  if (metrics == nullptr) return;
  total_ = &metrics->counter("drover_effects_total", "Tool and memory effects, by outcome.",
                             {"gen_ai_operation_name", "outcome"});
  waited_ = &metrics->histogram("drover_tool_wait_seconds",
                                "Time that tool calls waited for their turn, or for their batch.",
                                {}, trace::duration_bounds());
  tries_ =
      &metrics->counter("drover_tool_tries_total", "Tool calls as they were sent, tries included.");
  joined_ = &metrics->counter("drover_tool_calls_joined_total",
                              "Tool calls that were not sent by themselves: coalesced with an "
                              "identical one, or in a batch.",
                              {"how"});
  duration_ =
      &metrics->histogram("drover_effect_duration_seconds", "Duration of tool and memory effects.",
                          {"gen_ai_operation_name"}, trace::duration_bounds());
}

Result<void> Effects::begin(const Context& ctx, EffectCall call, Running& out) {
  out.started = ctx.loop().mono();
  out.part = call.part;
  out.report = call.report;
  out.span = trace::Span(ctx, spans_, *random_, std::move(call.span_name), "INTERNAL");
  out.span.set_tenant(call.principal.tenant);
  out.span.set(genai::kOperation, call.operation);
  if (!call.session.empty()) {
    out.span.set_session(call.session);
    out.span.set(genai::kConversation, call.session);
  }
  if (!call.agent.empty()) out.span.set(genai::kAgentName, call.agent);
  for (const auto& [key, value] : call.attributes) out.span.set(key, value);
  out.operation = std::move(call.operation);
  out.bound = guard_.bound(call.principal.tenant, call.data_class);
  if (out.bound) out.span.set("drover.data_class", call.data_class);
  const TenantId& owner = call.owner.empty() ? call.principal.tenant : call.owner;
  Result<void> allowed = identity::authorise(call.principal, call.action, owner);
  if (allowed) allowed = ctx.check();
  out.admitted = ctx.loop().mono();
  return allowed;
}

Duration Effects::describe(Running& running, Duration whole) {
  const tools::CallReport& report = *running.report;
  // Memory has none, nor has what was refused at once.
  bool nothing = report.tries == 0 && !report.coalesced && report.waited == Duration::zero();
  if (nothing) return Duration::zero();
  if (report.tries > 1) running.span.set(trace::own::kToolTries, report.tries);
  if (report.batch > 0)
    running.span.set(trace::own::kToolBatch, static_cast<int64_t>(report.batch));
  if (report.coalesced) running.span.set(trace::own::kToolCoalesced, true);
  if (waited_ != nullptr) {
    waited_->with({}).observe(to_seconds(report.waited));
    if (report.coalesced) joined_->with({"coalesced"}).add(1);
    if (report.batch > 0 && !report.coalesced) joined_->with({"batch"}).add(1);
    // A batch is sent once for all of its calls.
    if (!report.coalesced && report.tries > 0) {
      tries_->with({}).add(static_cast<double>(report.tries) /
                           static_cast<double>(std::max<size_t>(1, report.batch)));
    }
  }
  return std::min(report.waited, whole);
}

LatencyParts Effects::end(const Context& ctx, Running& running, const Error* error) {
  MonoTime now = ctx.loop().mono();
  LatencyParts out;
  if (running.report != nullptr) {
    Duration waited = describe(running, now - running.admitted);
    out.queue += waited;
    out.*running.part -= waited;
  }
  out.queue += running.admitted - running.started;
  out.*running.part += now - running.admitted;
  if (error != nullptr) describe_failure(running.span, *error, running.bound);
  describe_latency(running.span, out);
  running.span.end();
  if (total_ != nullptr) {
    std::string outcome = error == nullptr ? "ok" : error_type(*error);
    total_->with({running.operation, outcome}).add(1);
    duration_->with({running.operation}).observe(to_seconds(now - running.started));
  }
  return out;
}

}  // namespace drover::road
