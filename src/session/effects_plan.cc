#include "base/limits/session.h"
#include "http/message.h"
#include "session/effects.h"
#include "session/plan.h"

namespace drover::session {
namespace {

/// A planner is told at most this many of the latest events; the API has them all.
constexpr size_t kQuestionEventsMax = 256;

Json waits_json(const State& state) {
  Json out = Json::array();
  for (const Wait& wait : state.waits) {
    Json one = Json::object();
    one.set("wait_id", wait_id(wait.sequence)).set("for", wait.what);
    if (!wait.name.empty()) one.set("name", wait.name);
    if (wait.until) one.set("until", format_rfc3339(*wait.until));
    out.push(std::move(one));
  }
  return out;
}

Json children_json(const State& state) {
  Json out = Json::array();
  for (const ChildGroup& group : state.groups) {
    for (const ChildTask& task : group.tasks) {
      Json one = Json::object();
      if (!task.child.empty()) one.set("session", task.child.str());
      one.set("agent", task.agent.empty() ? state.agent.name : task.agent);
      one.set("status", task.ended ? task.reason : task.sequence != 0 ? "open" : "queued");
      if (task.ended) one.set("result", task.result);
      out.push(std::move(one));
    }
  }
  return out;
}

Json budget_json(const State& state) {
  Json step = Json::object();
  if (auto most = state.step_tokens_max()) step.set("tokens", *most);
  if (auto most = state.step_time_max()) {
    step.set("time_ms", static_cast<int64_t>(most->count() / 1'000'000));
  }
  Json session = Json::object();
  session.set("steps", state.steps).set("steps_max", state.agent.steps_max);
  session.set("tokens", state.tokens).set("cost_usd", state.cost.usd());
  Json out = Json::object();
  out.set("step", std::move(step)).set("session", std::move(session));
  if (state.subtask.set()) out.set("subtask", state.subtask.to_json());
  out.set("tree", state.tree.to_json());
  if (state.over_budget) {
    out.set("exceeded", Json::object()
                            .set("budget", state.over_budget->budget)
                            .set("scope", state.over_budget->scope));
  }
  return out;
}

Draft plan_draft(const PlanTask& task, Json payload, std::string data_class = "") {
  Draft d = system_draft(contract::kind::kPlan, std::move(payload), task.sequence, task.attempt);
  d.actor.type = "agent";
  d.actor.id = "planner";
  d.data_class = std::move(data_class);
  return d;
}

Json failed_plan(const PlannerSpec& planner, const Error& error) {
  return Json::object().set("planner", planner.name()).set("error", error_json(error));
}

}  // namespace

void refuse_overfull(const State& state, EffectResult& planned) {
  if (state.waits.empty()) return;  // one plan alone cannot ask for too many
  static_assert(limits::kPlanEffectsMax <= limits::kWaitsMax);
  for (Draft& draft : planned.drafts) {
    if (draft.payload.find("effects") == nullptr) continue;
    Result<void> checked = check_plan(draft.payload);
    if (checked) checked = check_waits(state, draft.payload);
    if (checked) continue;
    Error error = std::move(checked).error();
    error.retry = Retry::kSameTarget;
    draft.payload = failed_plan(state.agent.planner, error);
    planned.retry = true;
  }
}

Json question_head(const State& state) {
  Json out = Json::object();
  out.set("session", state.id.str());
  out.set("agent",
          Json::object().set("name", state.agent.name).set("version", state.agent.version));
  out.set("step", state.steps);
  if (state.plan) {
    out.set("attempt", static_cast<int64_t>(state.plan->attempt));
    out.set("idempotency_key", idempotency_key(state.id, state.plan->sequence));
  }
  if (!state.labels.is_null()) out.set("labels", state.labels);
  Json messages = Json::array();
  for (const contract::Message& m : state.messages) messages.push(contract::to_json(m));
  out.set("messages", std::move(messages));
  out.set("waits", waits_json(state));
  out.set("children", children_json(state));
  out.set("budget", budget_json(state));
  return out;
}

Json work_body(const State& state, const PendingToolCall* call) {
  if (call == nullptr) return question_head(state);
  Json out = Json::object(5);
  out.set("name", call->call.name).set("arguments", call->call.arguments);
  out.set("agent", state.agent.name);
  if (!state.labels.is_null()) out.set("labels", state.labels);
  out.set("idempotency_key", idempotency_key(state.id, call->sequence));
  return out;
}

Task<Result<void>> add_events(Context ctx, store::Journal* journal, SessionId session,
                              uint64_t from, Json* question) {
  CO_TRY(auto events, co_await journal->read(ctx, session, from, kQuestionEventsMax));
  Json list = Json::array();
  for (const contract::Event& event : events) {
    CO_TRY(Json one, Json::parse(contract::encode_event(event)));
    list.push(std::move(one));
  }
  question->set("events", std::move(list));
  co_return Result<void>();
}

namespace {

/// A planner is asked with the session's data: it is a thing like any tool, named by its origin,
/// however that is spelt.
std::string planner_thing(const std::string& url) {
  auto parsed = http::Url::parse(url);
  return parsed ? parsed->origin() : url;
}

}  // namespace

Task<EffectResult> run_plan(Context ctx, Services services, PlanTask task) {
  EffectResult out;
  const std::string thing = planner_thing(task.planner.url);
  std::string brings;  // once it has answered: an error says what is wrong with its words
  Error error(Code::kUnimplemented, "this process asks no planners over HTTP");
  if (task.refused) {
    error = *task.refused;
  } else if (services.planner != nullptr) {
    auto told = co_await add_events(
        ctx, services.journal, task.session,
        static_cast<uint64_t>(task.question.get_int("since").value_or(1)), &task.question);
    if (told) {
      co_await services.effects->guard().prepare(ctx, policy::ThingKind::kTool, thing, task.tenant,
                                                 task.data_class);
      told = services.effects->guard().check(policy::ThingKind::kTool, thing, task.tenant,
                                             task.data_class);
    }
    if (!told) error = std::move(told).error();
    PlannerQuestion question;
    question.planner = task.planner;
    task.question.erase("since");
    question.body = std::move(task.question);
    question.idempotency_key = idempotency_key(task.session, task.sequence);
    question.attempt = task.attempt;
    Duration timeout = task.planner.timeout;
    const bool budget_ends = task.time_left && task.time_left->left < timeout;
    if (budget_ends) timeout = task.time_left->left;
    Context bounded = ctx.with_timeout(timeout);
    if (told) {
      std::string stated = services.effects->guard().brings(thing);
      auto answer = co_await services.planner->ask(bounded, std::move(question));
      if (answer) brings = std::move(stated);
      Result<void> checked = answer ? check_new_plan(*answer) : Failure(answer.error());
      if (checked) {
        Json payload = Json::object();
        payload.set("effects", *answer->find("effects")).set("planner", task.planner.name());
        if (auto why = answer->get_string("explanation")) payload.set("explanation", *why);
        out.drafts.push_back(plan_draft(task, std::move(payload), std::move(brings)));
        co_return out;
      }
      error = std::move(checked).error();
      // Nonsense may be a slip: it is asked again, like a planner that cannot be reached.
      if (error.reason == "invalid_plan") error.retry = Retry::kSameTarget;
      if (budget_ends && error.code == Code::kDeadlineExceeded) out.cut = task.time_left->budget();
    }
  }
  out.retry = error.retry != Retry::kNever;
  out.drafts.push_back(plan_draft(task, failed_plan(task.planner, error), std::move(brings)));
  co_return out;
}

}  // namespace drover::session
