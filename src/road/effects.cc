#include "road/effects.h"

#include "road/telemetry.h"
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
  duration_ =
      &metrics->histogram("drover_effect_duration_seconds", "Duration of tool and memory effects.",
                          {"gen_ai_operation_name"}, trace::duration_bounds());
}

Result<void> Effects::begin(const Context& ctx, EffectCall call, Running& out) {
  out.started = ctx.loop().mono();
  out.part = call.part;
  out.span = trace::Span(ctx, spans_, *random_, std::move(call.span_name), "INTERNAL");
  out.span.set_tenant(call.principal.tenant);
  out.span.set(genai::kOperation, call.operation);
  if (!call.session.empty()) {
    out.span.set_session(call.session);
    out.span.set(genai::kConversation, call.session);
  }
  if (!call.agent.empty()) out.span.set(genai::kAgentName, call.agent);
  for (auto& [key, value] : call.attributes) out.span.set(key, std::move(value));
  out.operation = std::move(call.operation);
  out.bound = guard_.bound(call.principal.tenant, call.data_class);
  if (out.bound) out.span.set("drover.data_class", call.data_class);
  const TenantId& owner = call.owner.empty() ? call.principal.tenant : call.owner;
  Result<void> allowed = identity::authorise(call.principal, call.action, owner);
  if (allowed) allowed = ctx.check();
  out.admitted = ctx.loop().mono();
  return allowed;
}

LatencyParts Effects::end(const Context& ctx, Running& running, const Error* error) {
  MonoTime now = ctx.loop().mono();
  LatencyParts out;
  out.queue = running.admitted - running.started;
  out.*running.part += now - running.admitted;
  if (error != nullptr) describe_failure(running.span, *error, running.bound);
  describe_latency(running.span, out);
  running.span.end();
  if (total_ != nullptr) {
    std::string outcome = error == nullptr ? "ok" : error_type(*error);
    total_->with({running.operation, outcome}).add(1);
    duration_->with({running.operation})
        .observe(static_cast<double>((now - running.started).count()) * 1e-9);
  }
  return out;
}

}  // namespace drover::road
