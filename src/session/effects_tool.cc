#include "session/effects.h"
#include "trace/span.h"

namespace drover::session {
namespace {

Draft draft_for(const ToolTask& task, std::string_view kind, Json payload) {
  Draft d;
  d.kind = std::string(kind);
  d.payload = std::move(payload);
  d.causation = task.sequence;
  d.attempt = task.attempt;
  d.actor.type = "tool";
  d.actor.id = task.call.name;
  return d;
}

Json result_json(const ToolTask& task, std::string content, bool is_error, Duration took) {
  Json out = Json::object();
  out.set("call_id", task.call.id);
  out.set("name", task.call.name);
  out.set("content", std::move(content));
  if (is_error) out.set("is_error", true);
  out.set("latency_us", took.count() / 1000);
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

Task<Result<tools::ToolOutcome>> call_tool(Context ctx, Services services, const ToolTask* task) {
  CO_TRY(auto bound, co_await services.tools->list(ctx, task->servers));
  tools::ToolInvocation invocation;
  for (const tools::BoundTool& tool : bound) {
    if (tool.definition.name == task->call.name) invocation.server = tool.server;
  }
  if (invocation.server.empty()) {
    // The model made a name up: it is told so and may correct itself.
    tools::ToolOutcome unknown;
    unknown.content = "Error: there is no tool named '" + task->call.name + "'";
    unknown.is_error = true;
    co_return unknown;
  }
  invocation.tool = task->call.name;
  invocation.arguments = task->call.arguments;
  invocation.meta = call_meta(*task);
  invocation.idempotency_key = idempotency_key(task->session, task->sequence);
  invocation.attempt = static_cast<int>(task->attempt);
  co_return co_await services.tools->call(ctx, std::move(invocation));
}

}  // namespace

Task<EffectResult> run_tool_call(Context ctx, Services services, ToolTask task) {
  MonoTime start = services.loop->mono();
  trace::Span span(ctx, services.spans, *services.random, "execute_tool " + task.call.name);
  span.set_tenant(task.tenant);
  span.set_session(task.session.str());
  span.set("gen_ai.operation.name", "execute_tool");
  span.set("gen_ai.tool.name", task.call.name);
  span.set("gen_ai.tool.call.id", task.call.id);
  EffectResult out;
  Context inner = span.context();
  bool memory = services.memory != nullptr && !task.memory_namespace.empty() &&
                services.memory->offers(task.call.name);
  std::string content;
  bool is_error = false;
  if (memory) {
    auto done = co_await services.memory->call(inner, task.tenant, task.memory_namespace,
                                               task.session, task.call);
    if (done) {
      content = std::move(done->content);
      is_error = done->is_error;
      if (!done->event_kind.empty()) {
        out.drafts.push_back(draft_for(task, done->event_kind, std::move(done->event_payload)));
      }
    } else {
      content = "Error: " + done.error().message;
      is_error = true;
      span.fail(done.error());
    }
  } else {
    auto done = co_await call_tool(inner, services, &task);
    if (done) {
      content = std::move(done->content);
      is_error = done->is_error;
    } else {
      out.retry = done.error().retry != Retry::kNever && done.error().code != Code::kCancelled;
      content = "Error: " + done.error().message;
      is_error = true;
      span.fail(done.error());
    }
  }
  if (is_error) span.set("error.type", "tool_error");
  span.end();
  Duration took = services.loop->mono() - start;
  out.drafts.push_back(draft_for(task, contract::kind::kToolResult,
                                 result_json(task, std::move(content), is_error, took)));
  co_return out;
}

}  // namespace drover::session
