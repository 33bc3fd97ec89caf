#include "session/actor.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/log.h"

namespace drover::session {
namespace {

constexpr size_t kInboxMax = 256;
constexpr size_t kLoadSlice = 512;
constexpr Duration kIdleBeforeSleep = 10s;
constexpr int kModelAttemptsMax = 5;
constexpr Duration kRetryFirst = 500ms;
constexpr Duration kRetryMost = 30s;

Draft plain(std::string_view kind, Json payload, contract::Actor actor) {
  Draft d;
  d.kind = std::string(kind);
  d.payload = std::move(payload);
  d.actor = std::move(actor);
  return d;
}

contract::Actor system_actor() {
  contract::Actor a;
  a.type = "system";
  return a;
}

}  // namespace

Actor::Actor(Services services, SessionId id, TenantId tenant, std::shared_ptr<Notifier> notifier)
    : services_(services), notifier_(std::move(notifier)), inbox_(kInboxMax) {
  state_.id = std::move(id);
  state_.tenant = std::move(tenant);
}

bool Actor::send(Command command) {
  if (asleep_) return false;
  return inbox_.try_send(Input(std::move(command)));
}

store::SessionRow Actor::row() const {
  store::SessionRow row;
  row.id = state_.id;
  row.tenant = state_.tenant;
  row.agent = state_.agent.name;
  row.agent_version = state_.agent.version;
  bool busy = state_.status == Status::kRunning || retry_model_;
  row.status = state_.status == Status::kEnded ? "ended" : busy ? "running" : "waiting";
  if (state_.status == Status::kEnded) row.end_reason = state_.reason;
  row.created = created_;
  row.updated = services_.loop->wall();
  row.last_sequence = state_.last_sequence;
  row.last_hash = state_.last_hash;
  row.trace_id = state_.trace_id;
  return row;
}

Task<Result<void>> Actor::load(Context ctx) {
  SessionId id = state_.id;
  TenantId tenant = state_.tenant;
  state_ = State();
  state_.id = id;
  state_.tenant = tenant;
  running_.clear();
  retry_model_ = retry_scheduled_ = false;
  for (;;) {
    auto events = co_await services_.journal->read(ctx, id, state_.last_sequence + 1, kLoadSlice);
    if (!events) {
      bool fresh = events.error().code == Code::kNotFound && state_.last_sequence == 0;
      if (fresh) break;  // about to be started
      co_return fail(std::move(events).error());
    }
    for (const contract::Event& event : *events) {
      if (event.sequence == 1) created_ = event.time;
      CO_TRY_VOID(fold(state_, event));
    }
    if (events->size() < kLoadSlice) break;
  }
  loaded_ = true;
  co_return Result<void>();
}

Task<Result<void>> Actor::commit(Context ctx, Batch& batch) {
  if (batch.empty()) co_return Result<void>();
  uint64_t expected = batch.expected_last();
  std::vector<contract::Event> events = batch.take();
  store::SessionRow index = row();
  Context finish = ctx.detached();  // a commit that has begun is never abandoned half known
  auto done =
      co_await services_.journal->append(finish, std::move(index), expected, std::move(events));
  if (done) notifier_->notify();
  co_return done;
}

Result<void> Actor::take_command(Command& command, Batch& batch) {
  std::string_view kind = contract::kind::kObservation;
  if (command.kind == Command::Kind::kStart) {
    kind = contract::kind::kSessionStarted;
    created_ = services_.loop->wall();
  } else if (command.kind == Command::Kind::kReward) {
    kind = contract::kind::kReward;
  } else if (command.kind == Command::Kind::kCancel) {
    kind = contract::kind::kSessionEnded;
  }
  bool over = state_.status == Status::kEnded && command.kind != Command::Kind::kReward;
  if (over || (state_.status == Status::kNew && command.kind != Command::Kind::kStart)) {
    if (command.answer != nullptr) {
      std::string why = over ? "the session has ended (" + state_.reason + ")" : "no such session";
      command.answer->set(fail(over ? Code::kFailedPrecondition : Code::kNotFound, why));
    }
    return {};
  }
  auto added = batch.add(plain(kind, std::move(command.payload), std::move(command.actor)));
  if (!added) {
    if (command.answer != nullptr) command.answer->set(fail(added.error()));
    return fail(added.error());
  }
  if (command.answer != nullptr) {
    Waiting w;
    w.answer = std::move(command.answer);
    w.sequence = *added;
    waiting_.push_back(std::move(w));
  }
  if (command.kind == Command::Kind::kCancel) {
    effects_->cancel("the session was cancelled");
  } else if (command.kind == Command::Kind::kMessage && state_.model_call) {
    // A call that had failed is tried again at once, with the message in its prompt.
    retry_model_ = false;
    return add_new_attempts(batch);
  }
  return {};
}

bool Actor::pending(const Finished& finished) const {
  if (finished.model) {
    return state_.model_call && state_.model_call->sequence == finished.sequence &&
           state_.model_call->attempt == finished.attempt;
  }
  return std::any_of(
      state_.tool_calls.begin(), state_.tool_calls.end(), [&](const PendingToolCall& p) {
        return p.sequence == finished.sequence && p.attempt == finished.attempt && !p.done;
      });
}

Result<void> Actor::take_finished(Finished& finished, Batch& batch) {
  running_.erase(finished.sequence);
  if (!pending(finished)) return {};  // superseded, or the session has ended meanwhile
  for (Draft& draft : finished.result.drafts) TRY_VOID(batch.add(std::move(draft)));
  if (!finished.model) return {};
  bool failed = state_.model_call.has_value();
  model_failures_ = failed ? model_failures_ + 1 : 0;
  retry_model_ = failed && finished.result.retry && model_failures_ < kModelAttemptsMax;
  return {};
}

Result<void> Actor::add_new_attempts(Batch& batch) {
  // Effects that the journal knows and nobody is doing: after a restart, or a failed model call.
  if (state_.model_call && running_.count(state_.model_call->sequence) == 0) {
    Draft d = plain(contract::kind::kModelCall, Json::object(), system_actor());
    d.causation = state_.model_call->sequence;
    d.attempt = state_.model_call->attempt + 1;
    TRY_VOID(batch.add(std::move(d)));
  }
  for (size_t i = 0; i < state_.tool_calls.size(); ++i) {
    const PendingToolCall& p = state_.tool_calls[i];
    if (p.sequence == 0 || p.done || running_.count(p.sequence) != 0) continue;
    Draft d = plain(contract::kind::kToolCall, Json::object().set("index", static_cast<int64_t>(i)),
                    system_actor());
    d.causation = p.sequence;
    d.attempt = p.attempt + 1;
    TRY_VOID(batch.add(std::move(d)));
  }
  return {};
}

Result<void> Actor::add_decisions(Batch& batch) {
  for (;;) {
    std::vector<Effect> effects = decide(state_);
    if (effects.empty()) return {};
    for (Effect& effect : effects) {
      Draft d = plain("", Json::object(), system_actor());
      if (effect.kind == Effect::Kind::kModelCall) {
        d.kind = contract::kind::kModelCall;
        d.attempt = 1;
        d.payload.set("step", state_.steps + 1);
        Json ladder = Json::array();
        for (const std::string& m : state_.agent.models) ladder.push(m);
        d.payload.set("models", std::move(ladder));
        d.payload.set("messages", static_cast<int64_t>(state_.messages.size()));
        d.payload.set("prompt_hash", state_.prompt_hash);
      } else if (effect.kind == Effect::Kind::kToolCall) {
        d.kind = contract::kind::kToolCall;
        d.attempt = 1;
        size_t index = 0;
        while (state_.tool_calls[index].call_index != effect.call_index) ++index;
        d.payload.set("index", static_cast<int64_t>(index));
        d.payload.set("call_index", effect.call_index);
        d.payload.set("call_id", effect.call.id);
        d.payload.set("name", effect.call.name);
        d.payload.set("arguments", effect.call.arguments);
        d.payload.set("idempotency_key", idempotency_key(state_.id, state_.last_sequence + 1));
      } else if (effect.kind == Effect::Kind::kEnd) {
        d.kind = contract::kind::kSessionEnded;
        d.payload.set("reason", effect.reason);
      } else {
        d.kind = contract::kind::kWaitStarted;
        d.payload.set("for", effect.reason);
      }
      TRY_VOID(batch.add(std::move(d)));
    }
  }
}

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
  } else {
    retry_scheduled_ = false;
    if (retry_model_) status = add_new_attempts(batch);
    retry_model_ = false;
  }
}

Context Actor::turn_context() {
  if (!turn_) {
    // The journal knows the trace's id; its first half stands for the session itself, the parent
    // of every turn.
    Context base = effects_->context();
    if (auto id = from_hex(state_.trace_id); id && id->size() == 16) {
      SpanContext session;
      std::copy(id->begin(), id->end(), session.trace_id.begin());
      std::copy_n(id->begin(), 8, session.span_id.begin());
      base = base.with_span(session);
    }
    turn_.emplace(base, services_.spans, *services_.random, "invoke_agent " + state_.agent.name);
    turn_->set_tenant(state_.tenant);
    turn_->set_session(state_.id.str());
    turn_->set("gen_ai.operation.name", "invoke_agent");
    turn_->set("gen_ai.agent.name", state_.agent.name);
    turn_->set("gen_ai.agent.version", state_.agent.version);
    turn_->set("gen_ai.conversation.id", state_.id.str());
  }
  return turn_->context();
}

void Actor::end_turn() {
  if (!turn_) return;
  turn_->set("drover.session.status", status_name(state_.status));
  turn_->end();
  turn_.reset();
}

void Actor::start_effects() {
  if (state_.status == Status::kEnded) return;
  if (state_.model_call && state_.status == Status::kRunning &&
      running_.insert(state_.model_call->sequence).second) {
    ModelTask task;
    task.session = state_.id;
    task.tenant = state_.tenant;
    task.agent = state_.agent;
    task.messages = state_.messages;
    task.prompt_hash = state_.prompt_hash;
    task.sequence = state_.model_call->sequence;
    task.attempt = state_.model_call->attempt;
    effects_->spawn(do_model(turn_context(), std::move(task)));
  }
  for (size_t i = 0; i < state_.tool_calls.size(); ++i) {
    const PendingToolCall& p = state_.tool_calls[i];
    if (p.sequence == 0 || p.done || running_.size() >= limits::kParallelToolCallsMax) continue;
    if (!running_.insert(p.sequence).second) continue;
    ToolTask task;
    task.session = state_.id;
    task.tenant = state_.tenant;
    task.agent_name = state_.agent.name;
    task.memory_namespace = state_.agent.memory_namespace;
    task.servers = state_.agent.tools;
    task.labels = state_.labels;
    task.call = p.call;
    task.call_index = p.call_index;
    task.sequence = p.sequence;
    task.attempt = p.attempt;
    effects_->spawn(do_tool(turn_context(), std::move(task)));
  }
}

Task<void> Actor::do_model(Context ctx, ModelTask task) {
  Finished finished;
  finished.sequence = task.sequence;
  finished.attempt = task.attempt;
  finished.model = true;
  finished.result = co_await run_model_call(ctx, services_, std::move(task));
  if (ctx.cancelled()) co_return;  // the effect stays pending, or its session has ended
  Input input(std::move(finished));
  auto sent = co_await inbox_.send(ctx, std::move(input));
  (void)sent;
}

Task<void> Actor::do_tool(Context ctx, ToolTask task) {
  Finished finished;
  finished.sequence = task.sequence;
  finished.attempt = task.attempt;
  finished.result = co_await run_tool_call(ctx, services_, std::move(task));
  if (ctx.cancelled()) co_return;
  Input input(std::move(finished));
  auto sent = co_await inbox_.send(ctx, std::move(input));
  (void)sent;
}

Task<void> Actor::wake_later(Context ctx, Duration d) {
  auto slept = co_await async::sleep_for(ctx, d);
  if (!slept) co_return;
  Input input{RetryDue()};
  auto sent = co_await inbox_.send(ctx, std::move(input));
  (void)sent;
}

void Actor::schedule_retry() {
  if (!retry_model_ || retry_scheduled_ || state_.status != Status::kWaiting) return;
  retry_scheduled_ = true;
  Duration wait = kRetryFirst * (1 << std::min(model_failures_, 8));
  wait = std::min<Duration>(wait, kRetryMost);
  wait -= Duration(
      static_cast<int64_t>(services_.random->below(static_cast<uint64_t>(wait.count() / 4 + 1))));
  effects_->spawn(wake_later(effects_->context(), wait));
}

void Actor::answer_all(const Result<void>& status) {
  for (Waiting& w : waiting_) {
    if (status) {
      w.answer->set(w.sequence);
    } else {
      w.answer->set(fail(status.error()));
    }
  }
  waiting_.clear();
}

/// While the journal cannot be read nobody is left waiting for it.
void Actor::refuse_commands(const Error& error) {
  while (auto input = inbox_.try_receive()) {
    if (auto* c = std::get_if<Command>(&*input); c != nullptr && c->answer != nullptr) {
      c->answer->set(fail(error));
    }
  }
}

Task<Actor::Round> Actor::round(Context ctx, async::Scope& effects, bool resumed) {
  Batch batch(state_, *services_.loop, *services_.random);
  Result<void> status;
  if (resumed && state_.status != Status::kNew && state_.status != Status::kEnded) {
    // A call that was given up waits for whoever is at the door; otherwise it is taken up again.
    if (state_.status == Status::kRunning || inbox_.size() == 0) status = add_new_attempts(batch);
    if (status) status = add_decisions(batch);
  }
  bool nothing_yet = status && batch.empty();
  if (nothing_yet) {
    Context idle = ctx.with_timeout(kIdleBeforeSleep);
    auto input = co_await inbox_.receive(idle);
    if (!input || !input->has_value()) {
      bool quiet = running_.empty() && !retry_model_;
      co_return ctx.cancelled() || quiet ? Round::kSleep : Round::kAgain;
    }
    take(std::move(**input), batch, status);
  }
  while (auto more = inbox_.try_receive()) take(std::move(*more), batch, status);
  if (status) status = add_decisions(batch);
  if (status) status = co_await commit(ctx, batch);
  answer_all(status);
  if (!status) {
    LOG_ERROR("session {}: {}", state_.id.str(), status.error().to_string());
    loaded_ = false;
    co_return status.error().code == Code::kAlreadyExists ? Round::kSleep : Round::kReload;
  }
  start_effects();
  schedule_retry();
  if (state_.status == Status::kWaiting || state_.status == Status::kEnded) end_turn();
  co_return state_.status == Status::kEnded&& inbox_.size() == 0 ? Round::kSleep : Round::kAgain;
}

Task<Actor::Round> Actor::awake(Context ctx) {
  async::Scope effects(ctx);
  effects_ = &effects;
  Round round = Round::kReload;
  auto loaded = co_await load(ctx);
  if (!loaded) {
    LOG_ERROR("session {}: {}", state_.id.str(), loaded.error().to_string());
    // A journal that contradicts itself will not get better: leave it to a person.
    if (loaded.error().code == Code::kDataLoss) round = Round::kSleep;
    refuse_commands(loaded.error());
  } else {
    bool resumed = true;  // the first round takes up what the journal left unfinished
    round = Round::kAgain;
    while (round == Round::kAgain && !ctx.cancelled()) {
      round = co_await this->round(ctx, effects, resumed);
      resumed = false;
    }
  }
  effects.cancel("the session's actor is going to sleep");
  co_await effects.join();
  end_turn();
  effects_ = nullptr;
  co_return round;
}

Task<void> Actor::run(Context ctx) {
  Duration pause = kRetryFirst;
  for (;;) {
    Round round = co_await awake(ctx);
    if (round != Round::kReload || ctx.cancelled()) break;
    auto slept = co_await async::sleep_for(ctx, pause);
    if (!slept) break;
    pause = std::min<Duration>(pause * 2, kRetryMost);
  }
  // Commands that slipped in between are told to come again; the manager does so for them.
  asleep_ = true;
  inbox_.close();
  refuse_commands(Error(Code::kAborted, "the session's actor went to sleep", Retry::kSameTarget));
}

}  // namespace drover::session
