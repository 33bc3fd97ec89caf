// What a subtask may use: its own budget, beside its step's and its tree's (session/subtask.h).

#include <algorithm>

#include "session/actor.h"

namespace drover::session {

Duration Actor::subtask_age() const {
  const WallTime now = services_.loop->wall();
  Duration age = now - state_.started - state_.stopped;
  if (state_.stopped_since) age -= now - *state_.stopped_since;
  return std::max<Duration>(age, Duration{});
}

int64_t Actor::subtask_news() const {
  return use_of(state_).tokens - pool_->part(state_.id).tokens;
}

std::optional<SubtaskTokens> Actor::subtask_tokens() const {
  std::optional<SubtaskTokens> out;
  // The root is nobody's subtask.
  if (state_.depth >= 2) out = pool_->tightest(state_.parent);
  if (state_.subtask.tokens) {
    SubtaskTokens own{SessionId(), *state_.subtask.tokens, pool_->subtree_tokens(state_.id)};
    if (!out || own.left() <= out->left()) out = std::move(own);
  }
  if (out) out->used += subtask_news();
  return out;
}

std::optional<Shortage> Actor::subtask_lacks(int64_t tokens) const {
  const SubtaskBudget& budget = state_.subtask;
  if (tokens > 0) {
    auto most = subtask_tokens();
    if (most && tokens > most->left()) {
      return Shortage{"tokens", std::to_string(most->max), std::to_string(most->used),
                      most->of.str()};
    }
  }
  if (budget.time && subtask_age() >= *budget.time) {
    return Shortage{"time", format_duration(*budget.time), format_duration(subtask_age())};
  }
  return std::nullopt;
}

Result<bool> Actor::within_subtask(int64_t tokens, Batch& batch, uint64_t effect) {
  auto shortage = subtask_lacks(tokens);
  if (!shortage) return true;
  TRY_VOID(exceeded(batch, *shortage, "subtask", effect));
  return false;
}

/// A call that was cut, or is refused another attempt, waits for a person: with a little more it
/// would be cut again.
bool Actor::awaits_room() const {
  if (state_.status == Status::kEnded || !state_.over_budget || state_.model_call) return false;
  return state_.over_budget->scope == "subtask" && state_.over_budget->budget == "tokens";
}

bool Actor::finds_room() const {
  return awaits_room() && !subtask_lacks(state_.next_call_tokens());
}

/// To hand a task on makes its budget no larger.
void Actor::share_subtask(Draft& spawn) const {
  const SubtaskBudget& own = state_.subtask;
  SubtaskBudget given = SubtaskBudget::of(spawn.payload);
  if (auto most = subtask_tokens()) {
    given.tokens = std::min(given.tokens.value_or(most->left()), most->left());
  }
  if (own.time) {
    const Duration left = *own.time - subtask_age();
    given.time = std::min<Duration>(given.time.value_or(left), left);
  }
  if (given.set()) spawn.payload.set("budget", given.to_json());
}

std::string Actor::time_limit(std::string_view scope) const {
  std::optional<Duration> limit = scope == "subtask" ? state_.subtask.time : state_.step_time_max();
  if (scope == "tree") return pool_ == nullptr ? "" : limit_text(tree_limits(), "time");
  return limit ? format_duration(*limit) : "";
}

std::string Actor::subtask_used(const OverBudget& budget) const {
  if (budget.budget != "tokens") return format_duration(subtask_age());
  const SessionId of = budget.limit_of.empty() ? state_.id : SessionId(budget.limit_of);
  return std::to_string(pool_->subtree_tokens(of) + subtask_news());
}

}  // namespace drover::session
