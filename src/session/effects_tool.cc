#include <algorithm>

#include "contract/data_class.h"
#include "memory/memory.h"
#include "session/own_store.h"
#include "session/scratch_hop.h"

namespace drover::session {
namespace {

Draft tool_draft(const ToolTask& task, std::string_view kind, Json payload) {
  Draft d;
  d.kind = std::string(kind);
  d.payload = std::move(payload);
  d.causation = task.sequence;
  d.attempt = task.attempt;
  d.actor.type = "tool";
  d.actor.id = task.call.name;
  return d;
}

Json tool_result_json(const ToolTask& task, std::string content, bool is_error, Duration took,
                      const tools::CallReport& report) {
  Json out = Json::object();
  out.set("call_id", task.call.id);
  out.set("name", task.call.name);
  out.set("content", std::move(content));
  if (is_error) out.set("is_error", true);
  out.set("latency_us", took.count() / 1000);
  if (report.coalesced) out.set("coalesced", true);
  if (report.batch > 0) out.set("batch", static_cast<int64_t>(report.batch));
  if (report.tries > 1) out.set("tries", report.tries);
  return out;
}

Json::Object call_meta(const ToolTask& task) {
  Json::Object meta;
  meta.emplace_back("drover/session", Json(task.session.str()));
  meta.emplace_back("drover/agent", Json(task.agent_name));
  meta.emplace_back("drover/sequence", Json(task.sequence));
  meta.emplace_back("drover/position", Json(task.call_index));
  if (!task.labels.is_null()) meta.emplace_back("drover/labels", task.labels);
  return meta;
}

/// For whom it is called: calls that differ in any of it are never made one (tools/tool_set.h).
tools::CallOrigin origin_of(const ToolTask& task) {
  tools::CallOrigin out;
  out.tenant = task.tenant.str();
  Json principal = Json::array();
  principal.push(task.key).push(task.agent_name);
  principal.push(task.labels);
  out.principal = principal.dump();
  out.data_class = task.data_class;
  out.session = task.session.str();
  return out;
}

/// What an executor hands back through the road.
struct Done {
  std::string content;
  bool is_error = false;
  std::string data_class;  // of what it brings
  std::string event_kind;  // of memory's own event, before the result
  Json event_payload;
};

/// The store that the task's memory lies in: its session's scratch data moves, other memory does
/// not.
std::string store_of(const Services& services, const ToolTask& task) {
  return has_scratch(services, task.memory_namespace) ? scratch_store_name(task.scratch_store)
                                                      : road::kOwnStore;
}

Task<Result<void>> may_see(Context ctx, Services services, policy::ThingKind kind, std::string name,
                           const ToolTask* task, std::string data_class) {
  co_await services.effects->guard().prepare(ctx, kind, name, task->tenant, data_class);
  co_return services.effects->guard().check(kind, name, task->tenant, data_class);
}

/// Whether the rules leave one of these models for data of that class.
Result<void> readable(const road::Explanation& places, const std::vector<std::string>& models,
                      const std::string& both) {
  bool usable = !places.ranked.empty() || places.rejected.empty();
  for (const road::Rejection& r : places.rejected) {
    // One that cannot serve just now; a model that nobody serves stands there by its own name.
    bool unknown = std::find(models.begin(), models.end(), r.endpoint) != models.end();
    usable = usable || (r.rule.empty() && !unknown);
  }
  if (usable) return {};
  const bool unasked = std::any_of(places.rejected.begin(), places.rejected.end(),
                                   [](const road::Rejection& r) { return r.unasked; });
  std::string why = "no model of this agent may see data of the class " + both;
  if (!places.rejected.empty()) {
    const road::Rejection& first = places.rejected.front();
    why += ": " + first.endpoint + " -> " + first.rule + ": " + first.reason;
  }
  return fail(policy::refused(std::move(why), policy::kNoPlace, unasked));
}

/// A record comes to the session only if something can still be done with both together: the store
/// may hold it, and the journal, and one of the session's models may see it. A session that read
/// what it may not use would end there.
Task<Result<void>> may_read(Context ctx, Services services, const ToolTask* task,
                            std::string data_class) {
  std::string both = contract::join_texts(task->data_class, data_class);
  if (both == task->data_class) co_return Result<void>();
  const std::string store = store_of(services, *task);
  CO_TRY_VOID(co_await may_see(ctx, services, policy::ThingKind::kStore, store, task, both));
  // What is read is journalled, wherever the record lies.
  if (store != road::kOwnStore) {
    CO_TRY_VOID(co_await own_store_holds(ctx, services, task->tenant, both));
  }
  if (task->models.empty()) co_return Result<void>();
  CO_TRY(contract::DataClass data, contract::DataClass::parse(both));
  co_await services.road->ask_outside(ctx, task->tenant.str(), data);
  road::SupposedCall call;
  call.tenant = task->tenant.str();
  call.data_class = std::move(data);
  call.ladder = task->models;
  co_return readable(services.road->explain(call), task->models, both);
}

Task<Result<Done>> use_memory(Context ctx, Services services, const ToolTask* task) {
  std::string store = store_of(services, *task);
  CO_TRY_VOID(
      co_await may_see(ctx, services, policy::ThingKind::kStore, store, task, task->data_class));
  memory::Scope scope;
  CO_TRY(scope.name_space,
         memory_namespace(task->memory_namespace, task->labels, task->agent_name, task->session));
  if (services.scratch != nullptr) scope.store = std::move(store);
  scope.tenant = task->tenant;
  scope.source = task->session;
  scope.data_class = task->data_class;
  scope.may_see = [services, task](Context below, std::string data_class) {
    return may_read(below, services, task, std::move(data_class));
  };
  CO_TRY(auto outcome, co_await services.memory->call(ctx, std::move(scope), task->call));
  Done done;
  done.data_class = std::move(outcome.data_class);
  done.content = std::move(outcome.content);
  done.is_error = outcome.is_error;
  done.event_kind = std::move(outcome.event_kind);
  done.event_payload = std::move(outcome.event_payload);
  co_return done;
}

Task<Result<Done>> use_tool(Context ctx, Services services, const ToolTask* task) {
  if (task->refused) co_return fail(*task->refused);
  CO_TRY(auto bound, co_await services.tools->list(ctx, task->servers));
  tools::ToolInvocation invocation;
  for (const tools::BoundTool& tool : bound) {
    if (tool.definition.name == task->call.name) invocation.server = tool.server;
  }
  if (invocation.server.empty()) {
    // The model made a name up: it is told so and may correct itself.
    Done unknown;
    unknown.content = "Error: there is no tool named '" + task->call.name + "'";
    unknown.is_error = true;
    co_return unknown;
  }
  CO_TRY_VOID(co_await may_see(ctx, services, policy::ThingKind::kTool, invocation.server, task,
                               task->data_class));
  std::string brings = services.effects->guard().brings(invocation.server);
  if (!brings.empty()) {
    // Its result would be journalled.
    std::string both = contract::join_texts(task->data_class, brings);
    CO_TRY_VOID(co_await own_store_holds(ctx, services, task->tenant, std::move(both)));
  }
  invocation.tool = task->call.name;
  invocation.arguments = task->call.arguments;
  invocation.meta = call_meta(*task);
  invocation.idempotency_key = idempotency_key(task->session, task->sequence);
  invocation.attempt = static_cast<int>(task->attempt);
  invocation.origin = origin_of(*task);
  invocation.report = task->report;
  CO_TRY(auto outcome, co_await services.tools->call(ctx, std::move(invocation)));
  Done done;
  done.content = std::move(outcome.content);
  done.is_error = outcome.is_error;
  done.data_class = std::move(brings);
  co_return done;
}

}  // namespace

Task<EffectResult> run_tool_call(Context ctx, Services services, ToolTask task) {
  bool memory = services.memory != nullptr && !task.memory_namespace.empty() && !task.refused &&
                services.memory->offers(task.call.name);
  identity::Principal who = identity::Principal::system(task.tenant);
  std::string session = task.session.str();
  tools::CallReport report;
  task.report = &report;
  road::EffectCall call =
      memory ? road::memory_effect(who, session, task.agent_name, task.memory_namespace,
                                   services.memory->writes(task.call.name))
             : road::tool_effect(who, session, task.agent_name, task.call.name, task.call.id);
  call.data_class = task.data_class;
  const ToolTask* what = &task;
  call.report = task.report;
  std::function<Task<Result<Done>>(Context)> executor = [services, what, memory](Context below) {
    return memory ? use_memory(below, services, what) : use_tool(below, services, what);
  };
  Context bounded = task.time_left ? ctx.with_timeout(task.time_left->left) : ctx;
  auto outcome = co_await road::run_effect<Done>(bounded, services.effects, std::move(call),
                                                 std::move(executor));
  EffectResult out;
  if (!outcome.result && task.time_left && bounded.remaining() == Duration{} && ctx.check()) {
    out.cut = task.time_left->budget();  // no result: another attempt follows once it is raised
    co_return out;
  }
  Done done;
  if (outcome.result) {
    done = std::move(*outcome.result);
  } else {
    const Error& error = outcome.result.error();
    out.retry = error.retry != Retry::kNever && error.code != Code::kCancelled;
    done.content = "Error: " + error.message;
    done.is_error = true;
  }
  if (!done.event_kind.empty()) {
    out.drafts.push_back(tool_draft(task, done.event_kind, std::move(done.event_payload)));
  }
  Json result = tool_result_json(task, std::move(done.content), done.is_error,
                                 outcome.latency.total(), report);
  Draft last = tool_draft(task, contract::kind::kToolResult, std::move(result));
  last.data_class = std::move(done.data_class);
  out.drafts.push_back(std::move(last));
  co_return out;
}

}  // namespace drover::session
