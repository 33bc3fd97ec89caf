#pragma once
// What one subtask (a task of a spawn) may use of its tree's budget. The parent's plan or call says
// so; the child keeps it in its session.started. What is absent is bounded by the tree's limits
// alone, which are finite. Values.
//
// Tokens are those of the child and of all below it, used and reserved together (session/tree.h); a
// child that spawns hands on no more than it has left, of both. Those that it spawns side by side
// have that much each, and share it: each is held to the tightest limit of its own and of those
// above it. Who finds too few left for another call waits until it is given more, or others let go
// of enough of what they had reserved. Time is from its start, without what it waits for a raise of
// a budget.

#include <optional>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace drover::session {

struct SubtaskBudget {
  std::optional<int64_t> tokens;  // input and output of model calls
  std::optional<Duration> time;

  bool set() const { return tokens || time; }
  /// {"tokens": N, "time_s": S}
  Json to_json() const;
  /// Of an object's member "budget", as journals have it: what cannot be read is absent, since
  /// earlier programs took tasks with members that they did not know.
  static SubtaskBudget of(const Json& task);
};

/// Whether the budgets of {"tasks": […]} can be read, in what comes from outside: a misspelt one
/// would be none.
Result<void> check_task_budgets(const Json& spawn);

}  // namespace drover::session
