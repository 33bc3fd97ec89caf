// What arrives at a session's actor, and commands from outside.

#include <algorithm>

#include "base/limits/session.h"
#include "contract/retention.h"
#include "session/actor.h"
#include "session/actor_drafts.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

Failure refused(std::string message, std::string reason = "") {
  return Failure(
      Error(Code::kFailedPrecondition, std::move(message)).with_reason(std::move(reason)));
}

}  // namespace

void Actor::take(Input& input, Batch& batch, Result<void>& status) {
  if (!status) {  // an earlier input broke the state: nobody may be left without an answer
    auto* c = std::get_if<std::unique_ptr<Command>>(&input);
    if (c != nullptr && (*c)->answer != nullptr) (*c)->answer->set(fail(status.error()));
    return;
  }
  if (auto* command = std::get_if<std::unique_ptr<Command>>(&input)) {
    status = take_command(**command, batch);
  } else if (auto* finished = std::get_if<Finished>(&input)) {
    status = take_finished(*finished, batch);
  } else if (std::holds_alternative<RetryDue>(input)) {
    retry_scheduled_ = false;
    if (retry_) status = add_new_attempts(batch);
    retry_ = no_place_ = ask_later_ = false;
  }
}

Result<void> Actor::take_command(Command& command, Batch& batch) {
  bool afterwards =
      command.kind == Command::Kind::kReward || command.kind == Command::Kind::kChildEnded;
  // A start that comes again is told that the session exists, also when it has ended meanwhile.
  bool starts = command.kind == Command::Kind::kStart;
  bool over = state_.status == Status::kEnded && !afterwards && !starts;
  if (over || (state_.status == Status::kNew && !starts)) {
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
    case Command::Kind::kBatchEnded:
      TRY_VOID(leave_batch(batch, "done"));
      return 0;
    case Command::Kind::kTimer:
      return timers(batch);
    case Command::Kind::kWorkLost:
      TRY_VOID(work_given_up(command.sequence, command.attempt, batch));
      return 0;
    case Command::Kind::kWorkTimeOver:
      TRY_VOID(work_out_of_time(command, batch));
      return 0;
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

/// Nobody heard the end of the attempt: it may be billed in full, so all that was reserved for it
/// counts as used. The step counts its input only: a step that one crash has emptied could never be
/// gone on with.
Result<void> Actor::settle_abandoned(Batch& batch) {
  if (!state_.model_call || !state_.reservation.open) return {};
  const Reservation& held = state_.reservation;
  Json payload = Json::object();
  payload.set("reservation", idempotency_key(state_.id, state_.model_call->sequence));
  payload.set("tokens", held.tokens).set("cost_usd", held.cost.usd());
  payload.set("step_tokens", std::min(state_.input_tokens_estimate(), held.tokens));
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
      (state_.model_call && state_.model_call->failed && state_.find_wait("batch") == nullptr) ||
      (state_.plan && state_.plan->failed);
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
  } else if (command.payload.get_string("budget") == "account" &&
             !(state_.over_budget && state_.over_budget->scope == "account")) {
    return refused(state_.over_budget
                       ? "what stopped it is the budget of its " + state_.over_budget->scope +
                             ": raise that (`drover session budget`)"
                       : "no budget has stopped it",
                   "not_open");
  } else if (command.payload.get_string("budget") == "subtask" && !state_.subtask.set()) {
    return refused("it has no budget of its own: raise that of its step, its session or its tree",
                   "not_open");
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
  SessionId child(command.payload.get_text("child"));
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
    if (wait.what == "batch") {
      TRY_VOID(leave_batch(batch, "expired"));
      continue;
    }
    Json payload = Json::object();
    payload.set("wait_id", wait_id(wait.sequence)).set("for", wait.what);
    payload.set("outcome", wait.what == "timer" ? "due" : "expired");
    TRY(last, batch.add(system_draft(kind::kWaitResolved, std::move(payload), wait.sequence)));
  }
  armed_.reset();
  return batch.empty() ? retire(batch) : last;
}

/// Nobody works on it: all that it is busy with is on offer, and no worker has taken any.
bool Actor::only_offers() const {
  if (offered_.empty() || !quiet()) return false;
  return std::none_of(offered_.begin(), offered_.end(),
                      [this](const auto& item) { return services_.work->leased(item.second); });
}

/// Its retention has ended while it waited: it ends, and is purged in its turn.
Result<uint64_t> Actor::retire(Batch& batch) {
  std::optional<WallTime> until = state_.kept_until();
  if (!until || *until > services_.loop->wall()) return 0;
  if (state_.status != Status::kWaiting && !only_offers()) return 0;
  Json why = Json::object().set("reason", contract::kRetentionOver);
  why.set("explanation", "its retention has ended");
  return cancel(std::move(why), system_draft("", Json()).actor, batch);
}

}  // namespace drover::session
