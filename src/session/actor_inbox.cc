// What arrives at a session's actor: commands from outside, finished effects, lost leases.

#include <algorithm>

#include "base/limits/session.h"
#include "session/actor.h"
#include "session/plan.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

constexpr int kFailuresMax = 5;

Draft by(std::string_view kind, Json payload, contract::Actor actor, uint64_t causation = 0) {
  Draft d = system_draft(kind, std::move(payload), causation);
  d.actor = std::move(actor);
  return d;
}

tl::unexpected<Error> refused(std::string message, std::string reason = "") {
  return tl::unexpected<Error>(
      Error(Code::kFailedPrecondition, std::move(message)).with_reason(std::move(reason)));
}

Json take_member(Json& payload, std::string_view key) {
  Json* found = payload.find(key);
  if (found == nullptr) return Json();
  Json out = std::move(*found);
  payload.erase(key);
  return out;
}

}  // namespace

void Actor::take(Input input, Batch& batch, Result<void>& status) {
  if (!status) {  // an earlier input broke the state: nobody may be left without an answer
    if (auto* c = std::get_if<Command>(&input); c != nullptr && c->answer != nullptr) {
      c->answer->set(fail(status.error()));
    }
    return;
  }
  if (auto* command = std::get_if<Command>(&input)) {
    status = take_command(*command, batch);
  } else if (auto* finished = std::get_if<Finished>(&input)) {
    status = take_finished(*finished, batch);
  } else if (auto* lost = std::get_if<WorkLost>(&input)) {
    status = work_given_up(*lost, batch);
  } else {
    retry_scheduled_ = false;
    if (retry_) status = add_new_attempts(batch);
    retry_ = false;
  }
}

Result<void> Actor::take_command(Command& command, Batch& batch) {
  bool afterwards =
      command.kind == Command::Kind::kReward || command.kind == Command::Kind::kChildEnded;
  bool over = state_.status == Status::kEnded && !afterwards;
  if (over || (state_.status == Status::kNew && command.kind != Command::Kind::kStart)) {
    if (command.answer != nullptr) {
      std::string why = over ? "the session has ended (" + state_.reason + ")" : "no such session";
      command.answer->set(fail(over ? Code::kFailedPrecondition : Code::kNotFound, why));
    }
    return {};
  }
  auto answer = std::move(command.answer);
  std::optional<Error> refusal;
  uint64_t before = state_.last_sequence;
  auto added = command.kind == Command::Kind::kWork ? work(command, batch, refusal)
                                                    : draft_command(command, batch);
  if (!added) {
    bool untouched = state_.last_sequence == before;
    if (answer != nullptr) answer->set(fail(added.error()));
    // A command that was refused before anything was folded harms nobody else.
    return untouched && added.error().code != Code::kDataLoss ? Result<void>()
                                                              : fail(std::move(added).error());
  }
  if (answer != nullptr) {
    Waiting w;
    w.answer = std::move(answer);
    w.sequence = *added;
    w.refusal = std::move(refusal);
    waiting_.push_back(std::move(w));
  }
  return {};
}

Result<uint64_t> Actor::draft_command(Command& command, Batch& batch) {
  switch (command.kind) {
    case Command::Kind::kStart:
      return start(command, batch);
    case Command::Kind::kMessage:
      return message(command, batch);
    case Command::Kind::kReward:
      return batch.add(by(kind::kReward, std::move(command.payload), std::move(command.actor)));
    case Command::Kind::kMove:
      return batch.add(by(kind::kAgentChanged, std::move(command.payload), command.actor));
    case Command::Kind::kCancel:
      return cancel(std::move(command.payload), std::move(command.actor), batch);
    case Command::Kind::kSignal:
      if (state_.signals.size() >= limits::kSignalsKeptMax) {
        return fail(Code::kResourceExhausted,
                    "too many signals wait for this session to take them");
      }
      return batch.add(by(kind::kSignal, std::move(command.payload), std::move(command.actor)));
    case Command::Kind::kResolve:
      return resolve(command, batch);
    case Command::Kind::kExtension:
      return extension(command, batch);
    case Command::Kind::kChildEnded:
      return child_ended(command, batch);
    case Command::Kind::kAccountsRenewed:
      if (state_.over_budget && state_.over_budget->scope == "account") TRY_VOID(go_on(batch));
      return 0;
    case Command::Kind::kTimer:
      return timers(batch);
    case Command::Kind::kWork:
    case Command::Kind::kNudge:
      break;
  }
  return 0;
}

Result<uint64_t> Actor::cancel(Json payload, contract::Actor who, Batch& batch) {
  ending_ = true;
  effects_->cancel("the session was cancelled");
  TRY_VOID(settle_abandoned(batch));
  return batch.add(by(kind::kSessionEnded, std::move(payload), std::move(who)));
}

/// A call that is given up may be billed all the same: its input is counted as an estimate, the
/// rest of its reservation is free again.
Result<void> Actor::settle_abandoned(Batch& batch) {
  if (!state_.model_call || !state_.reservation.open) return {};
  int64_t input = std::min(state_.input_tokens_estimate(), state_.reservation.tokens);
  Json payload = Json::object();
  payload.set("reservation", idempotency_key(state_.id, state_.model_call->sequence));
  payload.set("tokens", input);
  payload.set("cost_usd", services_.road->ceiling(state_.agent.models, input, 0).usd());
  payload.set("estimated", true);
  TRY_VOID(batch.add(system_draft(kind::kBudgetSettled, std::move(payload),
                                  state_.model_call->sequence, state_.model_call->attempt)));
  return {};
}

Result<uint64_t> Actor::start(Command& command, Batch& batch) {
  if (state_.status != Status::kNew) {
    return fail(Code::kAlreadyExists, state_.id.str() + " exists");
  }
  Json first = take_member(command.payload, "message");
  Json plan = take_member(command.payload, "plan");
  created_ = services_.loop->wall();
  Draft started = by(kind::kSessionStarted, std::move(command.payload), command.actor);
  started.data_class = std::move(command.data_class);
  TRY(uint64_t sequence, batch.add(std::move(started)));
  if (!first.is_null()) {
    Json payload = Json::object().set("message", std::move(first));
    TRY(uint64_t said, batch.add(by(kind::kObservation, std::move(payload), command.actor)));
    (void)said;
  }
  if (!plan.is_null()) {
    plan.set("planner", state_.agent.planner.name());
    TRY(uint64_t planned, batch.add(by(kind::kPlan, std::move(plan), command.actor)));
    (void)planned;
  }
  return sequence;
}

Result<uint64_t> Actor::message(Command& command, Batch& batch) {
  Draft said = by(kind::kObservation, std::move(command.payload), std::move(command.actor));
  said.data_class = std::move(command.data_class);
  TRY(uint64_t sequence, batch.add(std::move(said)));
  // A call that had failed is tried again at once, with the message in its prompt.
  bool given_up =
      (state_.model_call && state_.model_call->failed) || (state_.plan && state_.plan->failed);
  if (given_up && !state_.over_budget) {
    retry_ = false;
    failures_ = 0;
    TRY_VOID(add_new_attempts(batch));
  }
  return sequence;
}

Result<uint64_t> Actor::resolve(Command& command, Batch& batch) {
  std::string id(command.payload.get_string("wait_id").value_or(""));
  const Wait* wait = state_.find_wait(parse_wait_id(id));
  if (wait == nullptr) {
    return refused("no wait '" + id + "' is open: it was answered already, or never was",
                   "not_open");
  }
  if (wait->what != "approval") {
    return refused("'" + id + "' waits for " + wait->what + ", not for an approval",
                   "not_approval");
  }
  if (command.payload.get_string("outcome") == "edited" && wait->call_index) {
    auto arguments = command.payload.get_string("arguments");
    if (!arguments || !Json::parse(*arguments)) {
      return fail(Code::kInvalidArgument, "'arguments' must be the tool's arguments as JSON");
    }
  }
  command.payload.set("for", wait->what);
  return batch.add(by(kind::kWaitResolved, std::move(command.payload), std::move(command.actor),
                      wait->sequence));
}

Result<uint64_t> Actor::extension(Command& command, Batch& batch) {
  std::string id(command.payload.get_string("request_id").value_or(""));
  uint64_t causation = 0;
  if (!id.empty()) {
    auto it = std::find_if(state_.extensions.begin(), state_.extensions.end(),
                           [&](const Extension& e) { return e.request_id == id; });
    if (it == state_.extensions.end()) {
      return refused("no request '" + id + "' is open: it was decided already, or never was",
                     "not_open");
    }
    causation = it->sequence;
    bool granted = command.payload.get_bool("granted").value_or(false);
    // Granted without amounts: as asked.
    if (granted && command.payload.find("tokens") == nullptr &&
        command.payload.find("time_ms") == nullptr) {
      command.payload.set("tokens", it->tokens);
      command.payload.set("time_ms", static_cast<int64_t>(it->time.count() / 1'000'000));
    }
  } else {
    command.payload.set("request_id", "raise" + std::to_string(state_.last_sequence + 1));
  }
  TRY(uint64_t sequence, batch.add(by(kind::kBudgetExtensionDecided, std::move(command.payload),
                                      std::move(command.actor), causation)));
  count_in_pool();
  TRY_VOID(add_new_attempts(batch));
  return sequence;
}

Result<uint64_t> Actor::child_ended(Command& command, Batch& batch) {
  if (state_.status == Status::kEnded) return 0;
  SessionId child(std::string(command.payload.get_string("child").value_or("")));
  for (const ChildGroup& group : state_.groups) {
    for (const ChildTask& task : group.tasks) {
      if (task.child != child || task.ended) continue;
      uint64_t causation = task.sequence;
      Draft d =
          by(kind::kChildEnded, std::move(command.payload), std::move(command.actor), causation);
      d.data_class = std::move(command.data_class);
      return batch.add(std::move(d));
    }
  }
  return 0;  // told already, or nobody waits for it any more
}

Result<uint64_t> Actor::timers(Batch& batch) {
  WallTime now = services_.loop->wall();
  uint64_t last = 0;
  std::vector<Wait> open = state_.waits;
  for (const Wait& wait : open) {
    if (!wait.until || *wait.until > now) continue;
    Json payload = Json::object();
    payload.set("wait_id", wait_id(wait.sequence)).set("for", wait.what);
    payload.set("outcome", wait.what == "timer" ? "due" : "expired");
    TRY(last, batch.add(system_draft(kind::kWaitResolved, std::move(payload), wait.sequence)));
  }
  armed_.reset();
  return last;
}

// --- Workers ---

Result<uint64_t> Actor::work(Command& command, Batch& batch, std::optional<Error>& refusal) {
  if (pending(command.sequence, command.attempt)) {
    bool plan = state_.plan && state_.plan->sequence == command.sequence;
    return plan ? plan_work(command, batch) : tool_work(command, batch);
  }
  // A late result is recorded, so that the journal shows what the other attempt did.
  bool known = state_.plan && state_.plan->sequence == command.sequence;
  bool plan = known;
  for (const PendingToolCall& call : state_.tool_calls) {
    known = known || (call.sequence != 0 && call.sequence == command.sequence);
  }
  refusal =
      Error(Code::kAborted, "another attempt at this effect is the current one, or it is done")
          .with_reason("superseded");
  if (!known) return fail(*refusal);
  Json payload = Json::object();
  payload.set("ignored", "a result of attempt " + std::to_string(command.attempt) +
                             " that is not the current one");
  if (auto content = command.payload.get_string("content")) payload.set("content", *content);
  Draft d = by(plan ? kind::kPlan : kind::kToolResult, std::move(payload), command.actor,
               command.sequence);
  d.attempt = command.attempt;
  return batch.add(std::move(d));
}

Result<uint64_t> Actor::plan_work(Command& command, Batch& batch) {
  const Json* plan = command.payload.find("plan");
  if (plan == nullptr) return fail(Code::kInvalidArgument, "this item asks for a 'plan'");
  TRY_VOID(check_plan(*plan));
  TRY_VOID(check_waits(state_, *plan));
  put_down(command.sequence);
  Json payload = take_member(command.payload, "plan");
  payload.set("planner", state_.agent.planner.name());
  Draft d = by(kind::kPlan, std::move(payload), command.actor, command.sequence);
  d.attempt = command.attempt;
  return batch.add(std::move(d));
}

Result<uint64_t> Actor::tool_work(Command& command, Batch& batch) {
  if (!command.payload.get_string("content")) {
    return fail(Code::kInvalidArgument, "this item asks for a text 'content'");
  }
  const Json* plan = command.payload.find("plan");
  bool next = plan != nullptr && !plan->is_null();
  if (next) {
    TRY_VOID(check_plan(*plan));
    TRY_VOID(check_waits(state_, *plan));
  }
  put_down(command.sequence);
  Json planned = take_member(command.payload, "plan");
  Json payload = Json::object();
  for (const PendingToolCall& call : state_.tool_calls) {
    if (call.sequence != command.sequence) continue;
    payload.set("call_id", call.call.id).set("name", call.call.name);
  }
  payload.set("content", take_member(command.payload, "content"));
  if (command.payload.get_bool("is_error").value_or(false)) payload.set("is_error", true);
  Draft d = by(kind::kToolResult, std::move(payload), command.actor, command.sequence);
  d.attempt = command.attempt;
  d.data_class = services_.effects->guard().brings(state_.agent.planner.name());
  TRY(uint64_t sequence, batch.add(std::move(d)));
  // What is next counts only if this was the last thing that the planner waited for, and if the
  // budgets allow a step: otherwise it is asked like any planner, and its limits speak.
  if (next && state_.plan_due && state_.agent.planner.set() && step_allowed()) {
    planned.set("planner", state_.agent.planner.name());
    TRY(uint64_t decided, batch.add(by(kind::kPlan, std::move(planned), command.actor)));
    (void)decided;
  }
  return sequence;
}

Result<void> Actor::work_given_up(const WorkLost& lost, Batch& batch) {
  if (!pending(lost.sequence, lost.attempt)) return {};
  put_down(lost.sequence);
  return add_new_attempts(batch);
}

// --- Effects ---

bool Actor::pending(uint64_t sequence, uint32_t attempt) const {
  auto is = [&](const std::optional<PendingEffect>& e) {
    return e && e->sequence == sequence && e->attempt == attempt && !e->failed;
  };
  if (is(state_.model_call) || is(state_.plan)) return true;
  return std::any_of(state_.tool_calls.begin(), state_.tool_calls.end(),
                     [&](const PendingToolCall& p) {
                       return p.sequence == sequence && p.attempt == attempt && !p.done;
                     });
}

Result<void> Actor::take_finished(Finished& finished, Batch& batch) {
  put_down(finished.sequence);
  // Superseded, or the session has ended meanwhile: what it cost was counted when it was given up.
  if (!pending(finished.sequence, finished.attempt)) return {};
  if (finished.kind == EffectKind::kPlan) refuse_overfull(state_, finished.result);
  for (Draft& draft : finished.result.drafts) TRY_VOID(batch.add(std::move(draft)));
  if (finished.kind == EffectKind::kModel) TRY_VOID(settle(finished, batch));
  if (!finished.result.cut.empty()) return cut(finished, batch);
  if (finished.kind == EffectKind::kTool) return {};
  bool failed =
      finished.kind == EffectKind::kModel ? state_.model_call.has_value() : state_.plan.has_value();
  failures_ = failed ? failures_ + 1 : 0;
  retry_ = failed && finished.result.retry && failures_ < kFailuresMax;
  return {};
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

/// A budget ended the attempt, the step's own or one of the server's: the session pauses with the
/// effect pending.
Result<void> Actor::cut(const Finished& finished, Batch& batch) {
  retry_ = false;
  if (finished.result.cut == "account") {
    Json refused = Json::object();
    refused.set("budget", "account").set("scope", "account").set("effect", "refused");
    refused.set("explanation", finished.result.cut_why);
    TRY_VOID(batch.add(system_draft(kind::kBudgetExceeded, std::move(refused), finished.sequence)));
    return {};
  }
  bool time = finished.result.cut == "time";
  Json over = Json::object();
  over.set("budget", finished.result.cut).set("scope", "step").set("effect", "cut");
  if (time && state_.step_time_max()) {
    over.set("limit", format_duration(*state_.step_time_max()));
  } else if (!time && state_.step_tokens_max()) {
    over.set("limit", std::to_string(*state_.step_tokens_max()));
    over.set("used", std::to_string(state_.step.tokens));
  }
  TRY_VOID(batch.add(system_draft(kind::kBudgetExceeded, std::move(over), finished.sequence)));
  return {};
}

/// Effects that the journal knows and nobody is doing: after a restart, a failure, a lost lease.
Result<void> Actor::add_new_attempts(Batch& batch) {
  if (state_.over_budget) return {};
  if (state_.model_call && !taken_up(state_.model_call->sequence) &&
      state_.model_call->attempt < limits::kEffectAttemptsMax) {
    Draft d = system_draft(kind::kModelCall, Json::object(), state_.model_call->sequence,
                           state_.model_call->attempt + 1);
    TRY(bool admitted, admit_model_call(std::move(d), batch));
    (void)admitted;
  }
  if (state_.plan && !taken_up(state_.plan->sequence) &&
      state_.plan->attempt < limits::kEffectAttemptsMax) {
    TRY_VOID(add(batch, system_draft(kind::kPlanRequested, Json::object(), state_.plan->sequence,
                                     state_.plan->attempt + 1)));
  }
  for (size_t i = 0; i < state_.tool_calls.size(); ++i) {
    const PendingToolCall& p = state_.tool_calls[i];
    if (p.sequence == 0 || p.done || p.waiting || p.ready) continue;
    if (p.executor == "builtin" || taken_up(p.sequence)) continue;
    if (p.attempt >= limits::kEffectAttemptsMax) {
      Json payload = Json::object();
      payload.set("call_id", p.call.id).set("name", p.call.name).set("is_error", true);
      payload.set("content", "Error: given up after " + std::to_string(p.attempt) + " attempts");
      TRY_VOID(
          batch.add(system_draft(kind::kToolResult, std::move(payload), p.sequence, p.attempt)));
      return add_new_attempts(batch);
    }
    TRY_VOID(add(batch,
                 system_draft(kind::kToolCall, Json::object().set("index", static_cast<int64_t>(i)),
                              p.sequence, p.attempt + 1)));
  }
  return {};
}

}  // namespace drover::session
