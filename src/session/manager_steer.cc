// Steering sessions from outside: approvals, signals, budgets, versions.

#include <algorithm>

#include "base/limits/session.h"
#include "base/log.h"
#include "contract/data_class.h"
#include "session/manager.h"
#include "session/own_store.h"

namespace drover::session {
namespace {

using identity::Action;
using identity::Principal;

constexpr size_t kLiftSlice = 500;
constexpr Duration kLiftAgain = 5s;

Json decision_payload(const ExtensionDecision& decision) {
  Json payload = Json::object();
  if (!decision.request_id.empty()) payload.set("request_id", decision.request_id);
  payload.set("granted", decision.granted).set("budget", decision.budget);
  if (decision.tokens) payload.set("tokens", *decision.tokens);
  if (decision.time) {
    payload.set("time_ms", static_cast<int64_t>(decision.time->count() / 1'000'000));
  }
  if (decision.cost) payload.set("cost_usd", decision.cost->usd());
  if (decision.steps) payload.set("steps", *decision.steps);
  if (decision.spawns) payload.set("spawns", *decision.spawns);
  payload.set("by", "person");
  if (!decision.explanation.empty()) payload.set("explanation", decision.explanation);
  return payload;
}

/// More than these counts for no more when it is folded: it would look granted and not be.
Result<void> check_amounts(const ExtensionDecision& d) {
  auto at_most = [](const std::string& most) {
    return fail(Code::kInvalidArgument, "a budget is raised by at most " + most + " at once");
  };
  for (int64_t n : {d.tokens.value_or(0), d.steps.value_or(0), d.spawns.value_or(0)}) {
    if (n > limits::kBudgetAmountMax) return at_most(std::to_string(limits::kBudgetAmountMax));
  }
  if (d.cost.value_or(Money()) > Money::from_usd(limits::kBudgetUsdMax)) {
    return at_most(std::to_string(limits::kBudgetUsdMax) + " dollars");
  }
  if (d.time.value_or(Duration{}) > limits::kBudgetTimeMax) {
    return at_most(std::to_string(limits::kBudgetTimeMax / 24h) + " days");
  }
  return {};
}

Result<void> check_decision(const ExtensionDecision& d) {
  bool raise = d.request_id.empty();
  bool amount = d.tokens || d.time || d.cost || d.steps || d.spawns;
  if (d.budget == "account" && amount) {
    return fail(Code::kInvalidArgument,
                "a budget of the server is raised in its configuration or on its key; without "
                "amounts the session tries again");
  }
  constexpr std::string_view kBudgets[] = {"step", "subtask", "session", "tree", "account"};
  if (std::find(std::begin(kBudgets), std::end(kBudgets), d.budget) == std::end(kBudgets)) {
    return fail(Code::kInvalidArgument, "'budget' must be step, subtask, session, tree or account");
  }
  bool negative = d.tokens.value_or(0) < 0 || d.steps.value_or(0) < 0 || d.spawns.value_or(0) < 0 ||
                  d.time.value_or(Duration{}) < Duration{} || d.cost.value_or(Money()) < Money();
  if (negative) return fail(Code::kInvalidArgument, "a budget can only be raised");
  TRY_VOID(check_amounts(d));
  if (raise && !amount && d.budget != "account") {
    return fail(Code::kInvalidArgument,
                "say how much more: tokens, time_s, cost_usd, steps or spawns");
  }
  if (raise && !d.granted) return fail(Code::kInvalidArgument, "name the request that is refused");
  return {};
}

}  // namespace

Task<Result<uint64_t>> SessionManager::resolve(Context ctx, Principal who, SessionId id,
                                               Resolution resolution) {
  CO_TRY(auto row, co_await authorised(ctx, who, id, Action::kApprove));
  const std::string& outcome = resolution.outcome;
  if (outcome != "approved" && outcome != "edited" && outcome != "denied") {
    co_return fail(Code::kInvalidArgument, "an approval is approved, edited or denied");
  }
  Command c;
  c.kind = Command::Kind::kResolve;
  c.actor = actor_of(who, "user");
  c.payload.set("wait_id", resolution.wait_id).set("outcome", outcome);
  if (resolution.arguments && outcome == "edited") {
    c.payload.set("arguments", *resolution.arguments);
  }
  if (!resolution.explanation.empty()) c.payload.set("explanation", resolution.explanation);
  co_return co_await command(ctx, id, row.tenant, std::move(c));
}

Task<Result<uint64_t>> SessionManager::signal(Context ctx, Principal who, SessionId id,
                                              std::string name, Json payload) {
  CO_TRY(auto row, co_await authorised(ctx, who, id, Action::kWriteSession));
  if (name.empty() || name.size() > limits::kLabelBytesMax) {
    co_return fail(Code::kInvalidArgument, "a signal has a name of at most " +
                                               std::to_string(limits::kLabelBytesMax) + " bytes");
  }
  Command c;
  c.kind = Command::Kind::kSignal;
  c.actor = actor_of(who, "user");
  c.payload.set("name", std::move(name));
  if (!payload.is_null()) c.payload.set("payload", std::move(payload));
  co_return co_await command(ctx, id, row.tenant, std::move(c));
}

Task<Result<uint64_t>> SessionManager::decide_extension(Context ctx, Principal who, SessionId id,
                                                        ExtensionDecision decision) {
  CO_TRY(auto row, co_await authorised(ctx, who, id, Action::kExtendBudget));
  CO_TRY_VOID(check_decision(decision));
  const bool tree = decision.budget == "tree";
  const bool others = tree || decision.budget == "subtask";  // wait for it, perhaps
  // The tree's limits are its root's.
  const SessionId root = row.root.empty() ? id : row.root;
  const SessionId target = tree ? root : id;
  Command c;
  c.kind = Command::Kind::kExtension;
  c.actor = actor_of(who, "user");
  c.payload = decision_payload(decision);
  CO_TRY(uint64_t sequence, co_await command(ctx, target, row.tenant, std::move(c)));
  if (others) {
    scope_.spawn(wake_over_budget(scope_.context(), root, Command::Kind::kNudge));
  }
  co_return sequence;
}

void SessionManager::accounts_changed() {
  scope_.spawn(wake_over_budget(scope_.context(), SessionId(), Command::Kind::kAccountsRenewed));
}

/// Sessions that a budget had stopped (of that tree, or all) see for themselves that they may go
/// on.
Task<void> SessionManager::wake_over_budget(Context ctx, SessionId root, Command::Kind how) {
  store::SessionFilter filter;
  filter.root = root;
  filter.waiting_for = "budget";
  filter.open = true;
  filter.limit = kLiftSlice;
  for (;;) {
    auto rows = co_await services_.journal->list(ctx, filter);
    while (!rows) {
      LOG_WARN("waking who waits for a budget: {}", rows.error().to_string());
      auto slept = co_await async::sleep_for(ctx, kLiftAgain);
      if (!slept) co_return;
      rows = co_await services_.journal->list(ctx, filter);
    }
    for (const store::SessionRow& row : *rows) {
      Command c;
      c.kind = how;
      auto woken = co_await persist(ctx, row.id, row.tenant, std::move(c));
      (void)woken;  // it may have ended
    }
    if (rows->size() < filter.limit) co_return;
    filter.before = rows->back().id;
  }
}

Task<Result<uint64_t>> SessionManager::move(Context ctx, Principal who, SessionId id, AgentSpec to,
                                            std::string explanation) {
  CO_TRY(auto row, co_await authorised(ctx, who, id, Action::kManageAgents));
  if (to.name != row.agent) {
    co_return fail(Code::kInvalidArgument, "session " + id.str() + " runs agent '" + row.agent +
                                               "', not '" + to.name + "'");
  }
  if (!to.data_class.empty()) {
    CO_TRY(std::string data, co_await class_of(ctx, row));
    data = contract::join_texts(data, to.data_class);
    CO_TRY_VOID(co_await own_store_holds(ctx, services_, row.tenant, std::move(data)));
  }
  Command c;
  c.kind = Command::Kind::kMove;
  c.actor = actor_of(who, "user");
  c.payload.set("agent", to.to_json()).set("from", row.agent_version).set("to", to.version);
  if (!explanation.empty()) c.payload.set("explanation", std::move(explanation));
  co_return co_await command(ctx, id, row.tenant, std::move(c));
}

}  // namespace drover::session
