#include "session/actor.h"

#include <algorithm>

#include "base/log.h"
#include "session/builtins.h"
#include "session/scratch_hop.h"
#include "session/snapshot.h"
#include "session/work_queue.h"

namespace drover::session {
namespace {

constexpr size_t kInboxMax = 256;
constexpr Duration kIdleBeforeSleep = 3s;
constexpr Duration kReloadFirst = 500ms;
constexpr Duration kReloadMost = 30s;

}  // namespace

Actor::Actor(Services services, SessionId id, TenantId tenant, std::shared_ptr<Notifier> notifier)
    : services_(services),
      notifier_(std::move(notifier)),
      inbox_(kInboxMax),
      reload_pause_(kReloadFirst) {
  state_.id = std::move(id);
  state_.tenant = std::move(tenant);
}

bool Actor::send(Command& command) {
  if (asleep_ || inbox_.size() >= kInboxMax) return false;
  fresh_ = fresh_ || command.fresh;
  if (command.kind == Command::Kind::kWorkLost) {
    // At once: one that is just woken makes the other attempt before it reads this.
    std::string why = command.payload.get_text("why");
    if (!why.empty()) given_back_[command.sequence] = {command.attempt, std::move(why)};
  }
  return inbox_.try_send(Input(std::make_unique<Command>(std::move(command))));
}

bool Actor::rest() {
  if (!idle_ || inbox_.size() > 0 || !quiet()) return false;
  idle_ = false;  // told once
  return inbox_.try_send(Input(Rest()));
}

bool Actor::quiet() const {
  if (retry_ || no_place_ || ask_later_ || asking_about_workers_) return false;
  if (running_.size() > offered_.size()) return false;  // not by workers alone
  if (offered_.empty()) return true;
  // Whatever has no one to do it is begun anew by the next start: here that would be another
  // attempt with each result that wakes the session.
  if (state_.model_call && state_.find_wait("batch") == nullptr) return false;
  if (state_.plan && !running_.contains(state_.plan->sequence)) return false;
  return std::none_of(
      state_.tool_calls.begin(), state_.tool_calls.end(), [&](const PendingToolCall& p) {
        const bool waits = p.done || p.waiting || p.ready || p.executor == kBuiltinExecutor;
        return p.sequence != 0 && !waits && !running_.contains(p.sequence);
      });
}

store::SessionRow Actor::row() const {
  store::SessionRow row = row_for(state_);
  bool busy = state_.status == Status::kRunning || retry_;
  row.status = state_.status == Status::kEnded ? "ended" : busy ? "running" : "waiting";
  if (state_.status == Status::kEnded) row.end_reason = state_.reason;
  if (row.status == "waiting") row.waiting_for = state_.reason;
  if (row.status == "running") {
    // A person may be asked while other calls still run.
    for (const char* what : {"approval", "budget"}) {
      if (state_.find_wait(what) != nullptr) row.waiting_for = what;
    }
  }
  row.created = created_;
  row.due = state_.look_at();
  if (state_.status == Status::kEnded && ending_) {
    if (!state_.parent.empty()) row.pending |= store::kReportToParent;
    if (state_.open_children() > 0) row.pending |= store::kCancelChildren;
  }
  // A crash between a spawn and the child's first event leaves a parent that waits for nobody.
  if (state_.status == Status::kEnded) return row;
  if (state_.open_children() > 0) row.pending |= kEnsureChildren;
  const bool elsewhere = state_.over_budget && state_.over_budget->elsewhere();
  if ((elsewhere || awaits_room()) && !state_.parent.empty()) row.pending |= kAwaitsRaise;
  return row;
}

Task<Result<void>> Actor::load(Context ctx) {
  SessionId id = state_.id;
  TenantId tenant = state_.tenant;
  state_ = State();
  state_.id = id;
  state_.tenant = tenant;
  running_.clear();
  known_.clear();
  cancelled_.clear();
  retry_ = no_place_ = ask_later_ = retry_scheduled_ = ending_ = false;
  orphan_.reset();
  armed_.reset();
  FoldedFrom from;
  auto loaded = co_await load_state(ctx, services_.journal, id, &from);
  if (loaded) {
    state_ = std::move(*loaded);
    state_.tenant = tenant;
    created_ = state_.started;
    // Else one that is never awake for long would be read from further and further back.
    snapshot_at_ = from.snapshot_at;
    snapshot_bytes_ = from.snapshot_bytes;
    bytes_since_ = from.bytes_since;
    CO_TRY_VOID(co_await open_pool(ctx));
    CO_TRY_VOID(co_await look_for_parent(ctx));
  } else if (loaded.error().code != Code::kNotFound) {
    co_return fail(std::move(loaded).error());
  } else {
    settle_in_pool();  // it is about to be started, perhaps once more
  }
  adopt_work();
  loaded_ = true;
  co_return Result<void>();
}

Task<Result<void>> Actor::open_pool(Context ctx) {
  if (pool_ == nullptr) {
    pool_ = services_.trees->open_now(state_);
    if (pool_ == nullptr) {
      CO_TRY(pool_, co_await services_.trees->open(ctx, &state_));
    }
  }
  // After a commit of unknown outcome: what it counted of us is put right.
  settle_in_pool();
  co_return Result<void>();
}

Task<void> Actor::take_up_end(Context ctx) {
  auto row = co_await services_.journal->find(ctx, state_.id);
  if (row) tell_ending(std::move(*row));
}

Task<Result<void>> Actor::look_for_parent(Context ctx) {
  if (state_.parent.empty() || state_.status == Status::kEnded) co_return Result<void>();
  auto parent = co_await services_.journal->find(ctx, state_.parent);
  if (!parent && parent.error().code != Code::kNotFound) co_return fail(std::move(parent).error());
  if (parent) orphan_ = end_with(*parent);
  co_return Result<void>();
}

Task<Result<void>> Actor::commit(Context ctx, Batch& batch) {
  if (batch.empty()) co_return Result<void>();
  uint64_t expected = batch.expected_last();
  std::vector<contract::Event> events = batch.take();
  for (const contract::Event& event : events) {
    bytes_since_ += static_cast<int64_t>(event.payload.size());
  }
  store::SessionRow index = row();
  const bool is_signed = services_.signer != nullptr;
  const uint64_t last = index.last_sequence;
  std::string hash = is_signed ? index.last_hash : std::string();
  Context finish = ctx.detached();  // a commit that has begun is never abandoned half known
  committing_ = true;
  looked_ahead_ = false;
  post_look_ahead();
  auto done =
      co_await services_.journal->append(finish, std::move(index), expected, std::move(events));
  committing_ = false;
  if (!done) co_return done;
  tell_prepared();  // before all else that follows from the commit
  if (is_signed) services_.signer->durable(state_.id, last, std::move(hash));
  if (looked_ahead_ && !offered_.empty()) services_.work->show(state_.id);
  reload_pause_ = kReloadFirst;
  notifier_->notify();
  if (services_.live != nullptr) {
    const PendingEffect pending = state_.model_call.value_or(PendingEffect());
    services_.live->committed(state_.id, pending.sequence, pending.attempt);
  }
  co_return done;
}

void Actor::keep_snapshot() {
  if (!snapshot_due(state_.last_sequence - snapshot_at_, bytes_since_, snapshot_bytes_)) return;
  store::Snapshot snapshot = make_snapshot(state_);
  snapshot_at_ = state_.last_sequence;
  snapshot_bytes_ = snapshot.bytes.size();
  bytes_since_ = 0;
  services_.children->keep(state_.id, std::move(snapshot));
}

Result<void> Actor::add(Batch& batch, Draft&& draft) {
  // What only its place in the journal tells.
  uint64_t sequence = state_.last_sequence + 1;
  if (draft.kind == contract::kind::kWaitStarted) {
    draft.payload.set("wait_id", wait_id(sequence));
  } else if (draft.kind == contract::kind::kToolCall && draft.attempt == 1) {
    draft.payload.set("idempotency_key", idempotency_key(state_.id, sequence));
  }
  bool begins =
      draft.kind == contract::kind::kToolCall || draft.kind == contract::kind::kPlanRequested;
  uint64_t effect = draft.causation;
  TRY(uint64_t added, batch.add(std::move(draft)));
  if (begins) drafted_.insert(effect != 0 ? effect : added);
  return {};
}

Result<void> Actor::add_decisions(Batch& batch) {
  for (;;) {
    std::vector<Draft> drafts = decide(state_);
    if (drafts.empty()) return {};
    for (Draft& draft : drafts) {
      TRY(bool admitted, admit(std::move(draft), batch));
      if (!admitted) break;  // what follows is decided anew
    }
  }
}

/// Behind the write, which the journal does in the next round of the loop, and before its sync.
void Actor::post_look_ahead() {
  if (waiting_.empty()) return;
  async::Loop* loop = services_.loop;
  std::weak_ptr<int> alive = alive_;  // the actor may be gone by then
  loop->post([this, loop, alive] {
    loop->post([this, alive] {
      if (!alive.expired()) look_ahead();
    });
  });
}

void Actor::look_ahead() {
  if (!committing_ || looked_ahead_) return;
  looked_ahead_ = true;
  if (state_.status != Status::kEnded) start_tool_calls(true);
  for (Waiting& w : waiting_) {
    if (!w.refusal && w.answer->ahead) w.answer->tell = w.answer->ahead(w.sequence);
  }
}

void Actor::tell_prepared() {
  for (Waiting& w : waiting_) {
    if (w.answer->tell && !w.refusal) w.answer->tell();
  }
}

void Actor::answer_all(const Result<void>& status) {
  for (Waiting& w : waiting_) {
    if (!status) {
      w.answer->set(fail(status.error()));
    } else if (w.refusal) {
      w.answer->set(fail(std::move(*w.refusal)));
    } else {
      w.answer->set(w.sequence);
    }
  }
  waiting_.clear();
}

/// While the journal cannot be read nobody is left waiting for it.
void Actor::refuse_commands(const Error& error) {
  while (auto input = inbox_.try_receive()) {
    auto* c = std::get_if<std::unique_ptr<Command>>(&*input);
    if (c == nullptr || (*c)->answer == nullptr) continue;
    std::shared_ptr<CommandAnswer> answer = std::move((*c)->answer);
    if (asleep_) answer->unread = std::move(*c);
    answer->set(fail(error));
  }
}

Task<Actor::Round> Actor::round(Context ctx, bool resumed) {
  Batch batch(state_, *services_.loop, *services_.random);
  drafted_.clear();
  Result<void> status;
  bool late_attempts = false;
  if (orphan_ && state_.status != Status::kEnded) {
    auto ended = cancel(*orphan_, system_draft("", Json()).actor, batch);
    if (!ended) status = fail(std::move(ended).error());
  } else if (resumed && state_.status != Status::kNew && state_.status != Status::kEnded) {
    // A call that was given up lets whoever is at the door go first.
    late_attempts = state_.status != Status::kRunning && inbox_.size() > 0;
    if (!late_attempts) status = add_new_attempts(batch);
    if (status) status = add_decisions(batch);
    start_children();
    arm_timer();
  }
  if (status) status = take_raise(batch);
  bool nothing_yet = status && batch.empty();
  if (nothing_yet) {
    Context idle = ctx.with_timeout(kIdleBeforeSleep);
    idle_ = true;
    auto input = co_await inbox_.receive(idle);
    idle_ = false;
    const bool nothing =
        !input || !input->has_value() || std::holds_alternative<Rest>(input->value());
    if (nothing) {
      const bool sleeps = quiet() && inbox_.size() == 0;
      co_return ctx.cancelled() || sleeps ? Round::kSleep : Round::kAgain;
    }
    take(**input, batch, status);
  }
  while (auto more = inbox_.try_receive()) take(*more, batch, status);
  if (status && late_attempts && state_.status != Status::kEnded) status = add_new_attempts(batch);
  if (status && pool_ == nullptr && state_.status != Status::kNew) {
    status = co_await open_pool(ctx);
  }
  if (status) status = add_decisions(batch);
  count_in_pool();
  if (status) status = co_await commit(ctx, batch);
  if (status) settle_in_pool();
  if (!status) {
    LOG_ERROR("session {}: {}", state_.id.str(), status.error().to_string());
    answer_all(status);
    loaded_ = false;
    co_return status.error().code == Code::kAlreadyExists ? Round::kSleep : Round::kReload;
  }
  if (untidy()) co_await tidy_scratch(ctx);
  start_effects();
  answer_all(status);
  schedule_retry();
  keep_snapshot();
  if (state_.status == Status::kWaiting || state_.status == Status::kEnded) end_turn();
  co_return state_.status == Status::kEnded&& inbox_.size() == 0 ? Round::kSleep : Round::kAgain;
}

bool Actor::untidy() const {
  return services_.scratch != nullptr && services_.scratch->unsettled(state_.id);
}

Task<void> Actor::tidy_scratch(Context ctx) {
  // The copy of a move whose commit is still to come.
  if (state_.model_call && running_.contains(state_.model_call->sequence)) co_return;
  co_await settle_scratch(ctx, services_, state_.id, scratch_store_name(state_.scratch_store));
}

Task<Actor::Round> Actor::awake(Context ctx) {
  async::Scope effects(ctx);
  effects_ = &effects;
  Round round = Round::kReload;
  const bool fresh = std::exchange(fresh_, false) && state_.status == Status::kNew;
  Result<void> loaded;
  if (fresh) {
    loaded_ = true;
  } else {
    loaded = co_await load(ctx);
  }
  if (!loaded) {
    LOG_ERROR("session {}: {}", state_.id.str(), loaded.error().to_string());
    // A journal that contradicts itself will not get better: leave it to a person.
    if (loaded.error().code == Code::kDataLoss) round = Round::kSleep;
    refuse_commands(loaded.error());
  } else {
    if (state_.status == Status::kEnded) co_await take_up_end(ctx);
    if (untidy()) co_await tidy_scratch(ctx);
    bool resumed = true;  // the first round takes up what the journal left unfinished
    round = Round::kAgain;
    while (round == Round::kAgain && !ctx.cancelled()) {
      round = co_await this->round(ctx, resumed);
      resumed = false;
    }
  }
  const bool sleeps = round == Round::kSleep && loaded_ && !ctx.cancelled();
  if (sleeps) {
    leave_work();
  } else {
    withdraw_work();
  }
  effects.cancel("the session's actor is going to sleep");
  co_await effects.join();
  // A call that was given up may have moved what nobody reads now.
  running_.clear();
  if (loaded_ && untidy()) co_await tidy_scratch(ctx);
  end_turn();
  effects_ = nullptr;
  co_return round;
}

Task<void> Actor::run(Context ctx) {
  for (;;) {
    Round round = co_await awake(ctx);
    if (round != Round::kReload || ctx.cancelled()) break;
    auto slept = co_await async::sleep_for(ctx, reload_pause_);
    if (!slept) break;
    reload_pause_ = std::min<Duration>(reload_pause_ * 2, kReloadMost);
  }
  // Commands that slipped in between go back; the manager sends them again.
  asleep_ = true;
  inbox_.close();
  refuse_commands(Error(Code::kAborted, "the session's actor went to sleep", Retry::kSameTarget));
}

}  // namespace drover::session
