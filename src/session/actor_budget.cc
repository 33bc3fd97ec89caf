// What an intent may use: the step's budget, the tree's pool, reserved before anything is begun.

#include <algorithm>

#include "base/limits/session.h"
#include "session/actor.h"
#include "session/amounts.h"
#include "session/builtins.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

/// What the step that this call belongs to may use in all, and what is left of it; a first call
/// begins a new step, with what was granted for it.
struct StepTokens {
  int64_t max = 0;
  int64_t left = 0;
};
std::optional<StepTokens> step_tokens(const State& state, bool new_step) {
  if (!state.agent.step_budget.tokens) return std::nullopt;
  StepTokens out;
  out.max = raised(*state.agent.step_budget.tokens,
                   new_step ? state.step.next_tokens : state.step.tokens_granted);
  out.left = new_step ? out.max : out.max - state.step.tokens;
  return out;
}

/// How many output tokens a call may have, and which budget made them fewer than were wanted.
struct OutputRoom {
  int64_t tokens = 0;
  std::optional<OverBudget> clamp;

  void narrow(int64_t most, OverBudget by) {
    if (most >= tokens) return;
    tokens = most;
    clamp = std::move(by);
  }
};

}  // namespace

Result<bool> Actor::admit(Draft&& draft, Batch& batch) {
  if (draft.kind == kind::kModelCall) return admit_model_call(std::move(draft), batch);
  if (draft.kind == kind::kChildSpawned) return admit_child(std::move(draft), batch);
  if (draft.kind == kind::kPlanRequested) {
    TRY(bool allowed, draft.attempt > 1 ? admit_in_time(draft, batch) : admit_step(draft, batch));
    if (!allowed) return false;
  } else if (draft.kind == kind::kToolCall &&
             draft.payload.get_string("executor") != kBuiltinExecutor) {
    TRY(bool allowed, admit_in_time(draft, batch));
    if (!allowed) return false;
  }
  if (draft.kind == kind::kSessionEnded) ending_ = true;
  TRY_VOID(add(batch, std::move(draft)));
  return true;
}

Result<void> Actor::exceeded(Batch& batch, const Shortage& shortage, std::string_view scope,
                             uint64_t effect) {
  Json over = Json::object();
  over.set("budget", shortage.budget).set("scope", scope);
  if (!shortage.limit_of.empty()) over.set("limit_of", shortage.limit_of);
  over.set("effect", "refused").set("limit", shortage.limit).set("used", shortage.used);
  TRY_VOID(batch.add(system_draft(kind::kBudgetExceeded, std::move(over), effect)));
  return {};
}

bool Actor::step_allowed() {
  TreeUse more;
  more.steps = 1;
  count_in_pool();
  return state_.steps < state_.agent.steps_max && !state_.over_budget && !tree_lacks(more) &&
         !subtask_lacks(0);
}

/// The raise is in the journal of the root, or of a subtask above, ours is only told: by whoever
/// made it, or by nobody when the process ended in between, and perhaps while we were about to
/// stop.
Result<void> Actor::take_raise(Batch& batch) {
  if (pool_ == nullptr || !state_.over_budget) return {};
  const OverBudget& over = *state_.over_budget;
  const bool has_more = over.elsewhere() && over.limit != limit_now(over);
  return has_more || finds_room() ? go_on(batch) : Result<void>();
}

std::string Actor::limit_now(const OverBudget& over) const {
  if (over.scope == "tree") return limit_text(tree_limits(), over.budget);
  auto tokens = pool_->subtask(SessionId(over.limit_of));
  return tokens ? std::to_string(*tokens) : "";
}

/// What a budget had stopped is tried again.
Result<void> Actor::go_on(Batch& batch) {
  for (const Wait& wait : state_.waits) {
    if (wait.what != "budget" || !wait.request_id.empty()) continue;
    Json payload = Json::object();
    payload.set("wait_id", wait_id(wait.sequence)).set("for", "budget").set("outcome", "granted");
    TRY_VOID(batch.add(system_draft(kind::kWaitResolved, std::move(payload), wait.sequence)));
    return add_new_attempts(batch);
  }
  return {};
}

void Actor::count_in_pool() {
  if (pool_ == nullptr) return;
  pool_->count(state_.id, state_.parent, most_of(pool_->part(state_.id), use_of(state_)));
}

void Actor::settle_in_pool() {
  if (pool_ == nullptr) return;
  const bool below = !state_.parent.empty();
  const bool lets_go = below && use_of(state_).tokens < pool_->part(state_.id).tokens;
  pool_->count(state_.id, state_.parent, use_of(state_));
  if (state_.root == state_.id) pool_->set_limits(state_.tree);
  if (!below) return;
  pool_->set_subtask(state_.id, state_.subtask.tokens);
  if (lets_go) {
    for (const SessionId& id : pool_->take_with_room()) {
      services_.children->nudge(id, state_.tenant);
    }
  }
  if (!awaits_room()) return;
  // That with the fewest left now, which need not be the one that stopped it.
  const auto most = subtask_tokens();
  const bool above = most && !most->of.empty();
  pool_->await_room(state_.id, above ? most->of : state_.id, state_.next_call_tokens());
}

TreeUse Actor::tree_used() const {
  TreeUse out = pool_->used() - pool_->part(state_.id);
  out += use_of(state_);
  return out;
}

/// The root's own limits count at once for itself, for the others when they are durable.
const TreeLimits& Actor::tree_limits() const {
  return state_.root == state_.id ? state_.tree : pool_->limits();
}

std::optional<Shortage> Actor::tree_lacks(const TreeUse& more) const {
  return shortage_of(tree_limits(), tree_used(), more, services_.loop->wall() - pool_->started());
}

/// What needs nothing of its tree and its subtask but time.
Result<bool> Actor::admit_in_time(const Draft& draft, Batch& batch) {
  auto shortage = tree_lacks(TreeUse());
  if (!shortage) return within_subtask(0, batch, draft.causation);
  TRY_VOID(exceeded(batch, *shortage, "tree", draft.causation));
  return false;
}

Result<bool> Actor::admit_step(const Draft& draft, Batch& batch) {
  count_in_pool();
  TreeUse more;
  more.steps = 1;
  if (auto shortage = tree_lacks(more)) {
    TRY_VOID(exceeded(batch, *shortage, "tree"));
    return false;
  }
  return within_subtask(0, batch);
}

Result<bool> Actor::admit_model_call(Draft&& draft, Batch& batch) {
  bool first = draft.attempt <= 1;
  if (first) {
    TRY(bool allowed, admit_step(draft, batch));
    if (!allowed) return false;
  }
  int64_t input = state_.input_tokens_estimate();
  if (!first) {
    TRY_VOID(settle_abandoned(batch));  // the attempt that was lost
    count_in_pool();
  }
  // What it may come down to may be dearer, if rarely.
  std::vector<std::string> models = state_.agent.all_models();
  models.insert(models.end(), state_.planned_models.begin(), state_.planned_models.end());
  int64_t wanted = state_.planned_output_tokens.value_or(
      state_.agent.output_tokens_max.value_or(limits::kOutputTokensReserved));
  OutputRoom output{wanted, std::nullopt};
  const int64_t least = std::min(wanted, limits::kOutputTokensMin);
  bool new_step = first && !state_.agent.planner.set();
  if (auto step = step_tokens(state_, new_step)) {
    output.narrow(step->left - input, OverBudget{"tokens", "step", std::to_string(step->max)});
    if (output.tokens < least) {
      Shortage shortage{"tokens", std::to_string(step->left), std::to_string(input)};
      TRY_VOID(exceeded(batch, shortage, "step", draft.causation));
      return false;
    }
  }
  if (auto most = subtask_tokens()) {
    output.narrow(most->left() - input,
                  OverBudget{"tokens", "subtask", std::to_string(most->max), most->of.str()});
  }
  TRY(bool within, within_subtask(input + least, batch, draft.causation));
  if (!within) return false;
  const TreeLimits& tree = tree_limits();
  output.narrow(tree.tokens - tree_used().tokens - input,
                OverBudget{"tokens", "tree", limit_text(tree, "tokens")});
  Money room = tree.cost - tree_used().cost;
  Money cost = services_.road->ceiling(models, input, std::max<int64_t>(output.tokens, 0));
  if (cost > room) {
    // As many output tokens as the money buys at the dearest endpoint.
    Money each = services_.road->ceiling(models, 0, 1);
    Money left = room - services_.road->ceiling(models, input, 0);
    bool some = left > Money() && each > Money();
    int64_t bought = some ? static_cast<int64_t>(left.pico_usd() / each.pico_usd()) : 0;
    output.narrow(bought, OverBudget{"money", "tree", limit_text(tree, "money")});
    cost = services_.road->ceiling(models, input, std::max<int64_t>(output.tokens, 0));
  }
  TreeUse more;
  more.tokens = input + std::max(output.tokens, least);
  more.cost = output.tokens < least ? services_.road->ceiling(models, input, least) : cost;
  if (auto shortage = tree_lacks(more)) {
    TRY_VOID(exceeded(batch, *shortage, "tree", draft.causation));
    return false;
  }
  uint64_t effect = draft.causation;
  uint32_t attempt = std::max<uint32_t>(draft.attempt, 1);
  TRY(uint64_t sequence, batch.add(std::move(draft)));
  if (effect == 0) effect = sequence;
  drafted_.insert(effect);
  Json payload = Json::object();
  payload.set("reservation", idempotency_key(state_.id, effect));
  payload.set("tokens", input + output.tokens).set("cost_usd", cost.usd());
  if (output.clamp) {
    payload.set("output_tokens", output.tokens).set("budget", output.clamp->budget);
    payload.set("scope", output.clamp->scope).set("limit", output.clamp->limit);
    if (!output.clamp->limit_of.empty()) payload.set("limit_of", output.clamp->limit_of);
  }
  TRY_VOID(batch.add(system_draft(kind::kBudgetReserved, std::move(payload), effect, attempt)));
  count_in_pool();
  return true;
}

Result<bool> Actor::admit_child(Draft&& draft, Batch& batch) {
  TRY(bool allowed, admit_in_time(draft, batch));
  if (!allowed) return false;  // its task waits until there is time again
  TRY(bool within, within_subtask(1, batch));
  if (!within) return false;
  share_subtask(draft);
  count_in_pool();
  TreeUse more;
  more.spawns = 1;
  std::string why;
  std::optional<Shortage> shortage = tree_lacks(more);
  if (!shortage && state_.depth >= state_.tree.depth) {
    shortage =
        Shortage{"depth", std::to_string(state_.tree.depth), std::to_string(state_.depth + 1)};
  }
  if (shortage) {
    TRY_VOID(exceeded(batch, *shortage, "tree"));
    why = shortage->budget == "depth"
              ? "refused: it would be deeper than the tree's limit of " + shortage->limit
              : "refused: the tree's limit of " + shortage->limit + " " + shortage->budget +
                    " is reached";
  }
  std::string name(draft.payload.get_string("agent").value_or(""));
  if (why.empty() && name == state_.agent.name) {
    draft.payload.set("spec", state_.agent.to_json());
  } else if (why.empty()) {
    auto found = services_.agents == nullptr
                     ? Result<AgentSpec>(fail(Code::kNotFound, "no agent is named '" + name + "'"))
                     : services_.agents->resolve(state_.tenant, name);
    if (found) {
      draft.payload.set("spec", found->to_json());
    } else {
      why = "refused: " + found.error().message;
    }
  }
  SessionId child = SessionId::make(services_.loop->wall(), *services_.random);
  draft.payload.set("child", child.str());
  TRY(uint64_t sequence, batch.add(std::move(draft)));
  if (!why.empty()) {
    Json ended = Json::object();
    ended.set("child", child.str()).set("reason", "refused").set("result", why);
    TRY_VOID(batch.add(system_draft(kind::kChildEnded, std::move(ended), sequence)));
  }
  count_in_pool();
  return true;
}

std::optional<TimeLeft> Actor::time_left() const {
  using Scope = TimeLeft::Scope;
  std::optional<TimeLeft> out;
  auto narrow = [&out](Duration left, Duration limit, Scope scope) {
    if (!out || left < out->left) out = TimeLeft{left, limit, scope};
  };
  const WallTime now = services_.loop->wall();
  if (auto most = state_.step_time_max()) {
    Duration used = now - state_.step.started - state_.step.paused;
    narrow(*most - std::max<Duration>(used, Duration{}), *most, Scope::kStep);
  }
  if (auto own = state_.subtask.time) narrow(*own - subtask_age(), *own, Scope::kSubtask);
  if (pool_ != nullptr) {
    const Duration most = tree_limits().time;
    narrow(most - (now - pool_->started()), most, Scope::kTree);
  }
  // Never nothing: an attempt that cannot even begin would be cut for ever.
  if (out) out->left = std::max<Duration>(out->left, 1ms);
  return out;
}

std::string Actor::used_text(const OverBudget& budget) const {
  const bool tokens = budget.budget == "tokens";
  if (budget.scope == "step") return tokens ? std::to_string(state_.step.tokens) : "";
  if (budget.scope == "subtask") return subtask_used(budget);
  if (budget.scope != "tree") return "";
  if (tokens) return std::to_string(tree_used().tokens);
  if (budget.budget == "money") return tree_used().cost.usd();
  return format_duration(services_.loop->wall() - pool_->started());
}

}  // namespace drover::session
