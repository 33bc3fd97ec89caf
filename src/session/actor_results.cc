// What effects bring back to a session's actor: answers of models, tools and planners, results of
// workers; and what becomes of an effect that nobody does any more.

#include <algorithm>

#include "base/limits/session.h"
#include "contract/data_class.h"
#include "session/actor.h"
#include "session/actor_drafts.h"
#include "session/plan.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

constexpr int kFailuresMax = 5;

}  // namespace

// --- Workers ---

Result<uint64_t> Actor::work(Command& command, Batch& batch, std::optional<Error>& refusal) {
  if (pending(command.sequence, command.attempt)) {
    if (state_.plan && state_.plan->sequence == command.sequence) return plan_work(command, batch);
    for (const PendingToolCall& call : state_.tool_calls) {
      if (call.sequence == command.sequence && call.on_worker()) return tool_work(command, batch);
    }
    return fail(Code::kNotFound, "no worker was asked to do that");
  }
  refusal =
      Error(Code::kAborted,
            "another attempt at this effect is the current one, or it is done, or was stopped")
          .with_reason("superseded");
  // A late result is recorded, so that the journal shows what the other attempt did.
  const LeasedWork* late = state_.find_leased(command.sequence);
  if (late == nullptr || !late->untold(command.attempt)) return fail(*refusal);
  const bool plan = late->plan;
  Json payload = Json::object();
  payload.set("ignored", "a late result of attempt " + std::to_string(command.attempt));
  if (auto content = command.payload.get_string("content")) payload.set("content", *content);
  Draft d = by(plan ? kind::kPlan : kind::kToolResult, std::move(payload), command.actor,
               command.sequence);
  d.attempt = command.attempt;
  // Ignored or not, the journal holds what it says.
  d.data_class = class_of_result(command);
  return batch.add(std::move(d));
}

/// What its queue's results bring, by the operator's word, and what this one states.
std::string Actor::class_of_result(const Command& command) const {
  return contract::join_texts(services_.effects->guard().brings(state_.agent.planner.name()),
                              command.data_class);
}

Result<uint64_t> Actor::plan_work(Command& command, Batch& batch) {
  const Json* plan = command.payload.find("plan");
  if (plan == nullptr) return fail(Code::kInvalidArgument, "this item asks for a 'plan'");
  TRY_VOID(check_new_plan(*plan));
  TRY_VOID(check_waits(state_, *plan));
  put_down(command.sequence);
  Json payload = take_member(command.payload, "plan");
  payload.set("planner", state_.agent.planner.name());
  Draft d = by(kind::kPlan, std::move(payload), command.actor, command.sequence);
  d.attempt = command.attempt;
  d.data_class = class_of_result(command);
  return batch.add(std::move(d));
}

Result<uint64_t> Actor::tool_work(Command& command, Batch& batch) {
  if (!command.payload.get_string("content")) {
    return fail(Code::kInvalidArgument, "this item asks for a text 'content'");
  }
  const Json* plan = command.payload.find("plan");
  bool next = plan != nullptr && !plan->is_null();
  if (next) {
    TRY_VOID(check_new_plan(*plan));
    TRY_VOID(check_waits(state_, *plan));
  }
  put_down(command.sequence);
  Json planned = take_member(command.payload, "plan");
  Json payload = Json::object(4);
  for (const PendingToolCall& call : state_.tool_calls) {
    if (call.sequence != command.sequence) continue;
    payload.set("call_id", call.call.id).set("name", call.call.name);
  }
  payload.set("content", take_member(command.payload, "content"));
  if (command.payload.get_bool("is_error").value_or(false)) payload.set("is_error", true);
  Draft d = by(kind::kToolResult, std::move(payload), command.actor, command.sequence);
  d.attempt = command.attempt;
  std::string data_class = class_of_result(command);
  d.data_class = data_class;
  TRY(uint64_t sequence, batch.add(std::move(d)));
  // What is next counts only if this was the last thing that the planner waited for, and if the
  // budgets allow a step: otherwise it is asked like any planner, and its limits speak.
  if (next && state_.plan_due && state_.agent.planner.set() && step_allowed()) {
    planned.set("planner", state_.agent.planner.name());
    Draft decided = by(kind::kPlan, std::move(planned), command.actor);
    decided.data_class = std::move(data_class);
    TRY_VOID(batch.add(std::move(decided)));
  }
  return sequence;
}

Result<void> Actor::work_given_up(uint64_t sequence, uint32_t attempt, Batch& batch) {
  if (!pending(sequence, attempt)) return {};
  put_down(sequence);
  return add_new_attempts(batch);
}

/// As if the worker had answered that it ran out of time: the lease is gone, a late result is
/// ignored, and the session pauses.
Result<void> Actor::work_out_of_time(const Command& over, Batch& batch) {
  if (!pending(over.sequence, over.attempt)) return {};
  OverBudget by{"time", over.payload.get_text("scope"), over.payload.get_text("limit")};
  if (time_limit(by.scope) != by.limit) {
    // More was granted meanwhile, or its agent is another. The clock is not asked: it may have been
    // put back.
    WorkKey key{state_.id, over.sequence, over.attempt};
    end_work_in_time(key);
    return {};
  }
  Finished finished;
  finished.sequence = over.sequence;
  finished.attempt = over.attempt;
  if (state_.plan && state_.plan->sequence == over.sequence) {
    finished.kind = EffectKind::kPlan;
    Error error(Code::kDeadlineExceeded,
                "the " + by.scope + "'s time was over before a worker had answered");
    Json payload = Json::object().set("planner", state_.agent.planner.name());
    payload.set("error", error_json(error));
    finished.result.drafts.push_back(
        system_draft(kind::kPlan, std::move(payload), over.sequence, over.attempt));
  }
  finished.result.cut = std::move(by);
  return take_finished(finished, batch);
}

// --- Effects ---

bool Actor::pending(uint64_t sequence, uint32_t attempt) const {
  auto is = [&](const std::optional<PendingEffect>& e) {
    return e && e->sequence == sequence && e->attempt == attempt && !e->failed;
  };
  if (is(state_.model_call) || is(state_.plan)) return true;
  return std::any_of(
      state_.tool_calls.begin(), state_.tool_calls.end(), [&](const PendingToolCall& p) {
        return p.sequence == sequence && p.attempt == attempt && !p.done && !p.failed;
      });
}

Result<void> Actor::take_finished(Finished& finished, Batch& batch) {
  put_down(finished.sequence);
  // Superseded, or the session has ended meanwhile, perhaps in this very batch: what it cost was
  // counted when it was given up.
  if (!pending(finished.sequence, finished.attempt)) return {};
  if (finished.kind == EffectKind::kPlan) refuse_overfull(state_, finished.result);
  if (finished.result.parked) {
    failures_ = 0;
    for (Draft& draft : finished.result.drafts) TRY_VOID(add(batch, std::move(draft)));
    return {};
  }
  for (Draft& draft : finished.result.drafts) TRY_VOID(batch.add(std::move(draft)));
  if (finished.kind == EffectKind::kModel) TRY_VOID(settle(finished, batch));
  if (finished.result.cut) return cut(finished, batch);
  if (finished.kind == EffectKind::kTool) return {};
  const auto& effect = finished.kind == EffectKind::kModel ? state_.model_call : state_.plan;
  bool failed = effect.has_value();
  failures_ = failed ? failures_ + 1 : 0;
  // The last attempt that it may have leaves it to a person, whatever the error allows.
  retry_ = failed && finished.result.retry && failures_ < kFailuresMax && !effect->exhausted();
  return {};
}

Result<void> Actor::leave_batch(Batch& batch, std::string_view outcome) {
  const Wait* wait = state_.find_wait("batch");
  if (wait == nullptr || !state_.model_call) return {};
  const uint64_t sequence = wait->sequence;
  Json payload = Json::object();
  payload.set("wait_id", wait_id(sequence)).set("for", "batch").set("outcome", outcome);
  TRY_VOID(batch.add(system_draft(kind::kWaitResolved, std::move(payload), sequence)));
  if (state_.reservation.open) {
    // The next attempt reserves anew, and takes the answer or makes one: nothing is used yet.
    Json nothing = Json::object();
    nothing.set("reservation", idempotency_key(state_.id, state_.model_call->sequence));
    nothing.set("tokens", 0).set("cost_usd", Money().usd());
    TRY_VOID(batch.add(system_draft(kind::kBudgetSettled, std::move(nothing),
                                    state_.model_call->sequence, state_.model_call->attempt)));
  }
  count_in_pool();
  return add_new_attempts(batch);
}

/// The reservation is replaced by what was used; more than was set aside is a fact to be seen.
Result<void> Actor::settle(const Finished& finished, Batch& batch) {
  const EffectResult& result = finished.result;
  Reservation reserved = state_.reservation;
  if (!reserved.open && result.tokens == 0 && result.cost.is_zero()) return {};
  Json payload = Json::object();
  payload.set("reservation", idempotency_key(state_.id, finished.sequence));
  payload.set("tokens", result.tokens).set("cost_usd", result.cost.usd());
  if (result.estimated) payload.set("estimated", true);
  TRY_VOID(batch.add(
      system_draft(kind::kBudgetSettled, std::move(payload), finished.sequence, finished.attempt)));
  bool tokens = result.tokens > reserved.tokens;
  if (!reserved.open || (!tokens && result.cost <= reserved.cost)) return {};
  if (state_.status == Status::kEnded) return {};
  Json over = Json::object();
  over.set("budget", tokens ? "tokens" : "money").set("scope", "step").set("effect", "overshot");
  over.set("limit", tokens ? std::to_string(reserved.tokens) : reserved.cost.usd());
  over.set("used", tokens ? std::to_string(result.tokens) : result.cost.usd());
  TRY_VOID(batch.add(system_draft(kind::kBudgetExceeded, std::move(over), finished.sequence)));
  return {};
}

/// A budget ended the attempt, of its step, its tree or the server: the session pauses with the
/// effect pending.
Result<void> Actor::cut(const Finished& finished, Batch& batch) {
  retry_ = false;
  const OverBudget& by = *finished.result.cut;
  const bool account = by.scope == "account";
  Json over = Json::object();
  over.set("budget", by.budget).set("scope", by.scope);
  if (!by.limit_of.empty()) over.set("limit_of", by.limit_of);
  over.set("effect", account ? "refused" : "cut");
  if (account) over.set("explanation", finished.result.cut_why);
  if (!by.limit.empty()) over.set("limit", by.limit);
  std::string used = used_text(by);
  if (!used.empty()) over.set("used", std::move(used));
  TRY_VOID(batch.add(system_draft(kind::kBudgetExceeded, std::move(over), finished.sequence)));
  return {};
}

std::string Actor::why_given_back(uint64_t sequence, uint32_t attempt) const {
  auto it = given_back_.find(sequence);
  return it != given_back_.end() && it->second.attempt == attempt ? it->second.why : "";
}

Result<void> Actor::try_again(Draft&& again, Batch& batch) {
  const uint64_t effect = again.causation;
  std::string why = why_given_back(effect, again.attempt - 1);
  if (!why.empty()) {
    again.payload.set("given_back", std::move(why));
    again.data_class = services_.effects->guard().brings(state_.agent.planner.name());
  }
  TRY(bool admitted, admit(std::move(again), batch));
  // Each that is refused says so, and is begun by nobody.
  if (admitted) given_back_.erase(effect);
  return {};
}

std::string Actor::given_back_text(Draft& draft) {
  std::string why = why_given_back(draft.causation, draft.attempt);
  if (why.empty()) return why;
  draft.data_class = services_.effects->guard().brings(state_.agent.planner.name());
  return "; the last was given back: " + why;
}

/// A model call or a plan that no attempt could finish, each cut off by a crash or a lost lease: it
/// waits for a person like any that failed.
Result<void> Actor::give_up_exhausted(Batch& batch) {
  for (const auto* effect : {&state_.model_call, &state_.plan}) {
    if (!*effect || (*effect)->failed || !(*effect)->exhausted()) continue;
    if (taken_up((*effect)->sequence)) continue;
    const bool model = effect == &state_.model_call;
    if (model) TRY_VOID(settle_abandoned(batch));
    Draft d = system_draft(model ? kind::kModelResult : kind::kPlan, Json::object(),
                           (*effect)->sequence, (*effect)->attempt);
    Error error(Code::kAborted, "given up after " + std::to_string((*effect)->attempt) +
                                    " attempts; a message to the session begins anew" +
                                    given_back_text(d));
    if (!model) d.payload.set("planner", state_.agent.planner.name());
    d.payload.set("error", error_json(error));
    TRY_VOID(batch.add(std::move(d)));
  }
  return {};
}

/// Effects that the journal knows and nobody is doing: after a restart, a failure, a lost lease.
/// While a budget stops the session those that it refused or cut wait for more; what was under way
/// beside them is finished, or refused as well.
Result<void> Actor::add_new_attempts(Batch& batch) {
  const bool stopped = state_.over_budget.has_value();
  TRY_VOID(give_up_exhausted(batch));
  const bool in_batch = state_.find_wait("batch") != nullptr;
  if (state_.model_call && !in_batch && !taken_up(state_.model_call->sequence) &&
      !(stopped && state_.model_call->failed) && !state_.model_call->exhausted()) {
    Draft d = system_draft(kind::kModelCall, Json::object(), state_.model_call->sequence,
                           state_.model_call->attempt + 1);
    TRY(bool admitted, admit_model_call(std::move(d), batch));
    (void)admitted;
  }
  if (state_.plan && !taken_up(state_.plan->sequence) && !(stopped && state_.plan->failed) &&
      !state_.plan->exhausted()) {
    TRY_VOID(try_again(system_draft(kind::kPlanRequested, Json::object(), state_.plan->sequence,
                                    state_.plan->attempt + 1),
                       batch));
  }
  for (size_t i = 0; i < state_.tool_calls.size(); ++i) {
    const PendingToolCall& p = state_.tool_calls[i];
    if (p.sequence == 0 || p.done || p.waiting || p.ready) continue;
    if (p.executor == "builtin" || taken_up(p.sequence) || (stopped && p.failed)) continue;
    if (p.attempt >= limits::kEffectAttemptsMax) {
      Draft d = system_draft(kind::kToolResult, Json::object(), p.sequence, p.attempt);
      d.payload.set("call_id", p.call.id).set("name", p.call.name).set("is_error", true);
      d.payload.set("content", "Error: given up after " + std::to_string(p.attempt) + " attempts" +
                                   given_back_text(d));
      TRY_VOID(batch.add(std::move(d)));
      return add_new_attempts(batch);
    }
    Draft again = system_draft(kind::kToolCall, Json::object(), p.sequence, p.attempt + 1);
    again.payload.set("index", static_cast<int64_t>(i));
    TRY_VOID(try_again(std::move(again), batch));
  }
  return {};
}

}  // namespace drover::session
