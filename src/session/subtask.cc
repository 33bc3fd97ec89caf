#include "session/subtask.h"

#include <algorithm>

#include "base/limits/session.h"
#include "session/agent_read.h"

namespace drover::session {
namespace {

constexpr double kSubtaskSecondsMax = 100.0 * 366 * 24 * 3600;

bool good_tokens(const Json& budget) {
  auto n = budget.get_int("tokens");
  return n && *n >= 1 && *n <= limits::kBudgetAmountMax;
}

bool good_time(const Json& budget) {
  auto n = budget.get_number("time_s");
  return n && *n > 0 && *n <= kSubtaskSecondsMax;
}

bool is_stated(const Json& budget, std::string_view key) {
  const Json* value = budget.find(key);
  return value != nullptr && !value->is_null();
}

Result<void> check_task_budget(const Json& budget) {
  auto bad = [](std::string message) { return fail(Code::kInvalidArgument, std::move(message)); };
  if (!budget.is_object()) return bad("a task's 'budget' is an object with 'tokens' and 'time_s'");
  for (const Json::Member& m : *budget.members()) {
    if (m.first == "tokens" || m.first == "time_s") continue;
    return bad("unknown member '" + m.first + "' of a task's 'budget' (it has tokens and time_s)");
  }
  if (is_stated(budget, "tokens") && !good_tokens(budget)) {
    return bad("a task's 'tokens' must be a whole number from 1 to " +
               std::to_string(limits::kBudgetAmountMax));
  }
  if (is_stated(budget, "time_s") && !good_time(budget)) {
    return bad("a task's 'time_s' must be a number of seconds above 0, at most 100 years");
  }
  if (!is_stated(budget, "tokens") && !is_stated(budget, "time_s")) {
    return bad("a task's 'budget' needs 'tokens' or 'time_s'");
  }
  return {};
}

}  // namespace

Json SubtaskBudget::to_json() const {
  Json out = Json::object();
  if (tokens) out.set("tokens", *tokens);
  if (time) out.set("time_s", read::seconds_json(*time));
  return out;
}

SubtaskBudget SubtaskBudget::of(const Json& task) {
  SubtaskBudget out;
  const Json* budget = task.find("budget");
  if (budget == nullptr) return out;
  auto tokens = budget->get_int("tokens");
  if (tokens && *tokens >= 1) out.tokens = std::min(*tokens, limits::kBudgetAmountMax);
  auto seconds = budget->get_number("time_s");
  if (seconds && *seconds > 0) {
    out.time = Duration(static_cast<int64_t>(std::min(*seconds, kSubtaskSecondsMax) * 1e9));
  }
  return out;
}

Result<void> check_task_budgets(const Json& spawn) {
  const Json* tasks = spawn.find("tasks");
  const Json::Array* items = tasks == nullptr ? nullptr : tasks->array_items();
  if (items == nullptr) return {};
  for (const Json& task : *items) {
    const Json* budget = task.find("budget");
    if (budget != nullptr && !budget->is_null()) TRY_VOID(check_task_budget(*budget));
  }
  return {};
}

}  // namespace drover::session
