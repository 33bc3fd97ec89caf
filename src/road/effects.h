#pragma once
// Tools and memory on the one road: an effect that is not a model call is authorised, timed and
// traced here, whatever carries it out. The executor is handed in, so this knows no tool and no
// store.
//
//   EffectOutcome<ToolResult> out = co_await run_effect<ToolResult>(
//       ctx, effects, tool_effect(principal, session, agent, name, call_id), executor);
//
// A refused effect is never executed. The executor gets a context under the effect's span; its
// error is handed back unchanged. Loop thread only; `effects` outlives the task.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "road/guard.h"
#include "road/road.h"

namespace drover::tools {
struct CallReport;
}

namespace drover::road {

struct EffectCall {
  identity::Principal principal;
  identity::Action action = identity::Action::kWriteSession;
  /// Whose thing it is; the principal's own unless set.
  TenantId owner;
  std::string operation;  // gen_ai.operation.name
  std::string span_name;
  std::string session;
  std::string agent;
  /// What a tool's executor found on its way, read when the effect ends: the time that the call
  /// waited counts as queueing. May be null; outlives the effect.
  const tools::CallReport* report = nullptr;
  /// Which part of the latency it counts as.
  Duration LatencyParts::* part = &LatencyParts::tool;
  std::vector<std::pair<store::AttributeName, Json>> attributes;
  /// Of what is sent and brought, as text: words of errors about bound data stay out of the trace.
  std::string data_class;
};

EffectCall tool_effect(identity::Principal principal, std::string session, std::string agent,
                       std::string tool, std::string call_id);
/// `write` false: a read or a search.
EffectCall memory_effect(identity::Principal principal, std::string session, std::string agent,
                         std::string store, bool write);

template <typename T>
struct EffectOutcome {
  Result<T> result;
  LatencyParts latency;  // sums to the wall time of the effect
};

/// What effects need of the process. One for a road.
class Effects {
 public:
  /// All outlive this; spans, metrics and policy may be null.
  Effects(Random& random, trace::SpanSink* spans, trace::Metrics* metrics,
          const policy::PolicyHolder* policy = nullptr);
  /// Who is asked outside before a thing is judged; null: nobody.
  void set_external(ExternalRules* external) { guard_.set_external(external); }

  struct Running {
    trace::Span span;
    MonoTime started;
    MonoTime admitted;
    Duration LatencyParts::* part = nullptr;
    const tools::CallReport* report = nullptr;
    std::string operation;
    bool bound = false;
  };
  /// Starts the span; the error of a refused one ends it.
  Result<void> begin(const Context& ctx, EffectCall call, Running& out);
  LatencyParts end(const Context& ctx, Running& running, const Error* error);

  /// What tools, stores and planners may see; asked before any of them is given data.
  Guard& guard() { return guard_; }

 private:
  /// On the span and in the metrics; returns the time that was waited.
  Duration describe(Running& running, Duration whole);

  Guard guard_;
  Random* random_;
  trace::SpanSink* spans_;
  trace::Family* total_ = nullptr;
  trace::Family* duration_ = nullptr;
  trace::Family* waited_ = nullptr;
  trace::Family* tries_ = nullptr;
  trace::Family* joined_ = nullptr;
};

template <typename T>
Task<EffectOutcome<T>> run_effect(Context ctx, Effects* effects, EffectCall call,
                                  std::function<Task<Result<T>>(Context)> executor) {
  Effects::Running running;
  EffectOutcome<T> out;
  Result<void> admitted = effects->begin(ctx, std::move(call), running);
  if (!admitted) {
    out.latency = effects->end(ctx, running, &admitted.error());
    out.result = fail(std::move(admitted).error());
    co_return out;
  }
  Context below = ctx.with_span(running.span.id());
  Task<Result<T>> work = executor(below);
  out.result = co_await std::move(work);
  out.latency = effects->end(ctx, running, out.result ? nullptr : &out.result.error());
  co_return out;
}

}  // namespace drover::road
