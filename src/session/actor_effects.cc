// What a session's actor starts once its intent is durable.

#include <algorithm>

#include "base/bytes.h"
#include "base/limits/policy.h"
#include "base/limits/session.h"
#include "contract/data_class.h"
#include "session/actor.h"
#include "session/builtins.h"
#include "session/work_queue.h"

namespace drover::session {
namespace {

constexpr Duration kRetryFirst = 500ms;
constexpr Duration kRetryMost = 30s;
/// What workers do is given up once nobody could say so often in a row whether they may see it.
constexpr int kUnaskedMost = 5;
/// A timer is looked at again at least this often: the wall clock may jump.
constexpr Duration kTimerLook = 1s;

}  // namespace

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
  return effects_->context().with_span(turn_->id());
}

void Actor::end_turn() {
  if (!turn_) return;
  turn_->set("drover.session.status", status_name(state_.status));
  turn_->end();
  turn_.reset();
}

void Actor::start_effects() {
  if (state_.status == Status::kEnded) {
    withdraw_work();
    if (ending_) services_.road->session_over(state_.id.str());
    const bool told = !state_.parent.empty() || state_.open_children() > 0;
    if (ending_ && told) tell_ending(row());
    ending_ = false;
    return;
  }
  start_model_call();
  start_plan();
  start_tool_calls();
  start_children();
  arm_timer();
}

/// Its parent is told and its children are cancelled, if the row says that this is still to be
/// done.
void Actor::tell_ending(store::SessionRow row) {
  constexpr uint32_t kConsequences = store::kReportToParent | store::kCancelChildren;
  if ((row.pending & kConsequences) == 0) return;
  services_.children->ended(ending_of(std::move(row), state_));
}

void Actor::start_model_call() {
  if (!state_.model_call || state_.model_call->failed) return;
  if (!running_.insert(state_.model_call->sequence).second) return;
  ModelTask task;
  task.session = state_.id;
  task.root = state_.root;
  task.key = state_.key;
  task.tenant = state_.tenant;
  task.agent = state_.agent;
  task.models = state_.planned_models.empty() ? state_.agent.models : state_.planned_models;
  task.messages = state_.messages;
  task.prompt_hash = state_.prompt_hash();
  task.needs = state_.step_needs();
  task.data_class = state_.data_class;
  task.standing = state_.standing;
  task.labels = state_.labels;
  task.scratch_store = state_.scratch_store;
  task.sequence = state_.model_call->sequence;
  task.attempt = state_.model_call->attempt;
  task.batched = state_.model_call->batched;
  task.output_tokens_max =
      state_.planned_output_tokens ? state_.planned_output_tokens : state_.agent.output_tokens_max;
  task.clamp = state_.reservation.clamp;
  if (task.clamp) task.output_tokens_max = state_.reservation.output_tokens;
  task.time_left = time_left();
  effects_->spawn(do_model(turn_context(), std::move(task)));
}

void Actor::start_plan() {
  if (!state_.plan || state_.plan->failed) return;
  if (!running_.insert(state_.plan->sequence).second) return;
  PlanTask task;
  if (!state_.agent.planner.queue.empty()) {
    auto seen = workers_may_see();
    if (!seen) {
      running_.erase(state_.plan->sequence);
      return;
    }
    if (*seen) {
      offer_work(state_.plan->sequence, state_.plan->attempt, nullptr);
      return;
    }
    task.refused = std::move(*seen).error();
  }
  task.session = state_.id;
  task.tenant = state_.tenant;
  task.planner = state_.agent.planner;
  task.data_class = state_.data_class;
  task.question = question_head(state_);
  task.question.set("since", state_.planned_at + 1);
  task.sequence = state_.plan->sequence;
  task.attempt = state_.plan->attempt;
  task.time_left = time_left();
  effects_->spawn(do_plan(turn_context(), std::move(task)));
}

void Actor::start_tool_calls(bool ahead) {
  if (ahead && services_.effects->guard().asks_outside()) return;
  const size_t at_once = state_.standing.serial ? 1 : limits::kParallelToolCallsMax;
  for (const PendingToolCall& p : state_.tool_calls) {
    if (p.sequence == 0 || p.done || p.waiting || p.ready || p.failed) continue;
    if (p.executor == kBuiltinExecutor || running_.size() >= at_once) continue;
    if (ahead && p.executor.empty()) continue;
    if (!running_.insert(p.sequence).second) continue;
    ToolTask task;
    if (!p.executor.empty()) {
      auto seen = workers_may_see();
      if (!seen || (ahead && !*seen) || asks_later(*seen)) {
        running_.erase(p.sequence);
        continue;
      }
      if (*seen) {
        offer_work(p.sequence, p.attempt, &p, ahead);
        continue;
      }
      task.refused = std::move(*seen).error();
    }
    task.session = state_.id;
    task.tenant = state_.tenant;
    task.key = state_.key;
    task.agent_name = state_.agent.name;
    task.memory_namespace = state_.agent.memory_namespace;
    task.scratch_store = state_.scratch_store;
    task.servers = state_.agent.tools;
    task.models = state_.planned_models.empty() ? state_.agent.models : state_.planned_models;
    task.data_class = state_.data_class;
    task.labels = state_.labels;
    task.call = p.call;
    task.call_index = p.call_index;
    task.sequence = p.sequence;
    task.attempt = p.attempt;
    task.time_left = time_left();
    effects_->spawn(do_tool(turn_context(), std::move(task)));
  }
}

/// Workers are a thing like any tool, named by their queue: what its facts do not allow is not even
/// offered, and the model or the planner's agent is told which rule it was.
std::optional<Result<void>> Actor::workers_may_see() {
  if (ask_later_) return std::nullopt;
  road::Guard& guard = services_.effects->guard();
  if (guard.asks_outside() && workers_asked_for_ != state_.data_class) {
    if (!asking_about_workers_) {
      asking_about_workers_ = true;
      effects_->spawn(ask_about_workers(effects_->context(), state_.data_class));
    }
    return std::nullopt;
  }
  const std::string name = state_.agent.planner.name();
  Result<void> seen = guard.check(policy::ThingKind::kTool, name, state_.tenant, state_.data_class);
  const std::string brings = guard.brings(name);
  if (seen && !brings.empty()) {
    // Their results would be journalled.
    seen = guard.check(policy::ThingKind::kStore, road::kOwnStore, state_.tenant,
                       contract::join_texts(state_.data_class, brings));
  }
  if (seen || seen.error().reason != policy::kUnasked) {
    unasked_ = 0;
    return seen;
  }
  // Who gave no answer is asked again by the next attempt; one whose answer is over, now.
  workers_asked_for_.reset();
  const bool over = services_.loop->mono() - workers_asked_at_ > limits::kUnaskedRetry;
  return over && guard.asks_outside() ? workers_may_see() : seen;
}

/// A plan has further attempts when it fails, a tool call's result is the last word: it stays
/// pending, as the attempt that it is.
bool Actor::asks_later(const Result<void>& seen) {
  if (seen || seen.error().reason != policy::kUnasked || unasked_ + 1 >= kUnaskedMost) return false;
  ++unasked_;
  ask_later_ = true;
  return true;
}

Task<void> Actor::ask_about_workers(Context ctx, std::string data_class) {
  co_await services_.effects->guard().prepare(
      ctx, policy::ThingKind::kTool, state_.agent.planner.name(), state_.tenant, data_class);
  const std::string brings = services_.effects->guard().brings(state_.agent.planner.name());
  if (!brings.empty()) {
    std::string both = contract::join_texts(data_class, brings);
    co_await services_.effects->guard().prepare(ctx, policy::ThingKind::kStore, road::kOwnStore,
                                                state_.tenant, std::move(both));
  }
  asking_about_workers_ = false;
  if (ctx.cancelled()) co_return;
  workers_asked_for_ = std::move(data_class);
  workers_asked_at_ = services_.loop->mono();
  auto command = std::make_unique<Command>();
  command->kind = Command::Kind::kNudge;
  Input input(std::move(command));
  auto sent = co_await inbox_.send(ctx, std::move(input));
  (void)sent;
}

void Actor::offer_work(uint64_t sequence, uint32_t attempt, const PendingToolCall* call,
                       bool ahead) {
  if (services_.work->full()) {
    // It stays pending, as the attempt that it is, and is offered again later.
    put_down(sequence);
    if (!ahead) no_place_ = true;
    return;
  }
  WorkItem item;
  item.key.session = state_.id;
  item.key.sequence = sequence;
  item.key.attempt = attempt;
  item.tenant = state_.tenant;
  item.queue = state_.agent.planner.queue;
  item.agent = state_.agent.name;
  item.data_class = state_.data_class;
  item.plan = call == nullptr;
  item.held = ahead;
  if (item.plan) item.since = state_.planned_at + 1;
  item.body = work_body(state_, call);
  const WorkKey key = item.key;
  offered_[sequence] = key;
  services_.work->offer(std::move(item));
  end_work_in_time(key);
}

void Actor::end_work_in_time(const WorkKey& key) {
  auto time = time_left();
  if (time) services_.work->end_after(key, *time);
}

void Actor::put_down(uint64_t sequence) {
  running_.erase(sequence);
  auto it = offered_.find(sequence);
  if (it == offered_.end()) return;
  services_.work->withdraw(it->second);
  offered_.erase(it);
}

void Actor::withdraw_work() {
  for (const auto& [sequence, key] : offered_) services_.work->withdraw(key);
  offered_.clear();
}

void Actor::adopt_work() {
  for (WorkKey& key : services_.work->keys_of(state_.id)) {
    const uint64_t sequence = key.sequence;
    if (state_.status == Status::kEnded || !pending(sequence, key.attempt)) {
      services_.work->withdraw(key);
      continue;
    }
    running_.insert(sequence);
    offered_[sequence] = std::move(key);
  }
}

void Actor::leave_work() {
  if (!offered_.empty()) services_.work->lighten(state_.id);
  offered_.clear();
}

void Actor::start_children() {
  for (const ChildGroup& group : state_.groups) {
    for (const ChildTask& task : group.tasks) {
      if (task.sequence == 0 || task.ended) continue;
      if (group.resolved) {
        if (cancelled_.insert(task.child).second) {
          services_.children->drop(state_, task.child);
        }
        continue;
      }
      if (!known_.insert(task.child).second) continue;
      services_.children->ensure(state_, task);
    }
  }
}

void Actor::arm_timer() {
  auto due = state_.due();
  if (!due || (armed_ && *armed_ <= *due)) return;
  armed_ = due;
  effects_->spawn(wake_at(effects_->context(), *due));
}

void Actor::schedule_retry() {
  const bool later = retry_ || no_place_ || ask_later_;
  if (!later || retry_scheduled_ || state_.status == Status::kEnded) return;
  retry_scheduled_ = true;
  const int failed = ask_later_ ? std::max(failures_, unasked_) : failures_;
  Duration wait = kRetryFirst * (1 << std::min(failed, 8));
  wait = std::min<Duration>(wait, kRetryMost);
  wait -= Duration(
      static_cast<int64_t>(services_.random->below(static_cast<uint64_t>(wait.count() / 4 + 1))));
  // Sooner nobody would be asked.
  if (ask_later_) wait = std::max<Duration>(wait, limits::kUnaskedRetry);
  effects_->spawn(wake_later(effects_->context(), wait));
}

Task<void> Actor::do_model(Context ctx, ModelTask task) {
  Finished finished;
  finished.sequence = task.sequence;
  finished.attempt = task.attempt;
  finished.kind = EffectKind::kModel;
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

Task<void> Actor::do_plan(Context ctx, PlanTask task) {
  Finished finished;
  finished.sequence = task.sequence;
  finished.attempt = task.attempt;
  finished.kind = EffectKind::kPlan;
  finished.result = co_await run_plan(ctx, services_, std::move(task));
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

Task<void> Actor::wake_at(Context ctx, WallTime due) {
  for (;;) {
    Duration left = due - services_.loop->wall();
    if (left <= Duration{}) break;
    auto slept = co_await async::sleep_for(ctx, std::min<Duration>(left, kTimerLook));
    if (!slept) co_return;
  }
  auto command = std::make_unique<Command>();
  command->kind = Command::Kind::kTimer;
  Input input(std::move(command));
  auto sent = co_await inbox_.send(ctx, std::move(input));
  (void)sent;
}

}  // namespace drover::session
