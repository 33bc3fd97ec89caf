// Kills: whom a target means, and how they are stopped at once and said to be.

#include <algorithm>
#include <set>
#include <tuple>

#include "session/manager.h"

namespace drover::session {

using identity::Action;
using identity::Principal;

namespace {

using Rows = std::vector<store::SessionRow>;

/// Sessions that are stopped side by side, so that one sync serves them.
constexpr size_t kVictimSlice = 500;
/// How often it is looked for those that came to life meanwhile.
constexpr int kLooksMax = 16;

store::SessionFilter filter_of(const KillTarget& target, const TenantId& tenant) {
  store::SessionFilter filter;
  filter.tenant = tenant;
  filter.open = true;
  filter.limit = kVictimSlice;
  if (target.kind == KillTarget::Kind::kAgent) {
    filter.agent = target.what;
    filter.agent_version = target.version;
  }
  return filter;
}

/// From the top downwards: a parent that still ran would spawn more.
void sort_by_depth(Rows& rows) {
  std::sort(rows.begin(), rows.end(), [](const store::SessionRow& a, const store::SessionRow& b) {
    return std::tie(a.depth, a.id) < std::tie(b.depth, b.id);
  });
}

Killed killed(const store::SessionRow& row) {
  Killed out;
  out.id = row.id;
  out.agent = row.agent;
  out.was = row.status == "waiting" ? "waiting for " + row.waiting_for : "running";
  return out;
}

Action action_of(const KillTarget& target) {
  const bool one_tree =
      target.kind == KillTarget::Kind::kSession || target.kind == KillTarget::Kind::kTree;
  return one_tree ? Action::kKill : Action::kKillMany;
}

/// Not by itself.
bool was_stopped(const store::SessionRow& row) {
  return row.end_reason == "cancelled" || row.end_reason == "killed";
}

}  // namespace

struct SessionManager::Killing {
  KillTarget target;
  Principal who;
  TenantId tenant;
  contract::Actor by;
  std::string explanation;
  SessionId root;  // a session's or a tree's: of its tree
  /// Whatever was spawned by these, or below, is meant too.
  std::set<SessionId> family;
  std::set<SessionId> tried;  // and not stopped: they are not tried again
  WallTime begun{};
  bool again = false;  // not the first look
  KillReport report;
};

/// The top of the tree that is meant, or of that of the session; none for an agent or a tenant.
Task<Result<SessionId>> SessionManager::top_of_kill(Context ctx, Principal who, KillTarget target) {
  // To the filter of sessions no name is any name.
  if (target.kind == KillTarget::Kind::kAgent && target.what.empty()) {
    co_return fail(Code::kInvalidArgument, "no agent is named whose sessions are stopped");
  }
  SessionId top;
  if (action_of(target) == Action::kKill) {
    CO_TRY(SessionId id, SessionId::parse(target.what));
    CO_TRY(auto row, co_await authorised(ctx, who, id, Action::kKill));
    top = row.root.empty() ? id : row.root;
    if (target.kind == KillTarget::Kind::kSession) co_return top;
  }
  CO_TRY_VOID(identity::authorise(who, action_of(target), who.tenant));
  co_return top;
}

Task<Result<KillReport>> SessionManager::kill(Context ctx, Principal who, KillTarget target,
                                              std::string explanation) {
  Killing killing;
  CO_TRY(killing.root, co_await top_of_kill(ctx, who, target));
  killing.target = std::move(target);
  killing.tenant = who.tenant;
  killing.begun = services_.loop->wall();
  killing.by = actor_of(who, "user");
  killing.explanation = std::move(explanation);
  killing.who = std::move(who);
  if (killing.target.kind == KillTarget::Kind::kSession) {
    killing.family.insert(SessionId(killing.target.what));
  } else if (killing.target.kind == KillTarget::Kind::kTree) {
    killing.family.insert(killing.root);
  }
  // A spawn that was being written when it was looked for is found by the next look.
  for (int looks = 0; looks < kLooksMax; ++looks) {
    const size_t before = killing.report.stopped.size();
    CO_TRY_VOID(co_await kill_found(ctx, &killing));
    if (killing.report.stopped.size() == before) break;
    killing.again = true;
  }
  const KillReport& report = killing.report;
  if (killing.target.kind == KillTarget::Kind::kAgent && report.stopped.empty() &&
      report.failed.empty()) {
    store::SessionFilter ever = filter_of(killing.target, killing.tenant);
    ever.open = false;
    ever.limit = 1;
    CO_TRY(Rows rows, co_await services_.journal->list(ctx, std::move(ever)));
    killing.report.never_there = rows.empty();
  }
  co_return std::move(killing.report);
}

/// One look at all that are meant.
Task<Result<void>> SessionManager::kill_found(Context ctx, Killing* killing) {
  if (!killing->root.empty()) {
    CO_TRY(Rows rows, co_await open_below(ctx, killing, killing->root));
    co_return co_await stop_all(ctx, killing, std::move(rows));
  }
  store::SessionFilter filter = filter_of(killing->target, killing->tenant);
  for (;;) {
    CO_TRY(Rows rows, co_await services_.journal->list(ctx, filter));
    if (rows.empty()) co_return Result<void>();
    filter.before = rows.back().id;
    const bool more = rows.size() == filter.limit;
    // Children of other agents end with their parents.
    std::set<SessionId> roots;
    for (const store::SessionRow& row : rows) {
      if ((row.pending & kEnsureChildren) == 0) continue;
      killing->family.insert(row.id);
      roots.insert(row.root.empty() ? row.id : row.root);
    }
    std::set<SessionId> known;
    for (const store::SessionRow& row : rows) known.insert(row.id);
    for (const SessionId& root : roots) {
      CO_TRY(Rows below, co_await open_below(ctx, killing, root));
      for (store::SessionRow& row : below) {
        if (known.insert(row.id).second) rows.push_back(std::move(row));
      }
    }
    CO_TRY_VOID(co_await stop_all(ctx, killing, std::move(rows)));
    if (!more) co_return Result<void>();
  }
}

/// Those of the tree that are open and in the family, which takes in what is below it. Newcomers
/// that have ended with their parents meanwhile are reported.
Task<Result<Rows>> SessionManager::open_below(Context ctx, Killing* killing, SessionId root) {
  store::SessionFilter filter;
  filter.root = std::move(root);
  filter.open = !killing->again;
  filter.limit = kVictimSlice;
  Rows tree;
  for (;;) {
    CO_TRY(Rows rows, co_await services_.journal->list(ctx, filter));
    const bool more = rows.size() == filter.limit;
    if (more) filter.before = rows.back().id;
    for (store::SessionRow& row : rows) tree.push_back(std::move(row));
    if (!more) break;
  }
  sort_by_depth(tree);
  const bool whole = killing->target.kind == KillTarget::Kind::kTree;
  Rows out;
  for (store::SessionRow& row : tree) {
    const bool known = killing->family.contains(row.id);
    const bool below = killing->family.contains(row.parent);
    if (row.status == "ended") {
      if (known || !below || row.updated < killing->begun || !was_stopped(row)) continue;
      killing->report.stopped.push_back(killed(row));
    } else if (!whole && !known && !below) {
      continue;
    }
    killing->family.insert(row.id);
    if (row.status != "ended") out.push_back(std::move(row));
  }
  co_return out;
}

Task<Result<void>> SessionManager::leave_refused(Context ctx, Killing* killing, Rows* rows) {
  if (killing->who.gate == nullptr || !killing->who.gate->has_rules()) co_return Result<void>();
  Rows rest;
  for (store::SessionRow& row : *rows) {
    Result<void> may = co_await may_do(ctx, killing->who, &row, action_of(killing->target));
    CO_TRY_VOID(ctx.check());
    if (may) {
      rest.push_back(std::move(row));
    } else {
      killing->tried.insert(row.id);
      killing->report.failed.emplace_back(row.id, std::move(may).error());
    }
  }
  *rows = std::move(rest);
  co_return Result<void>();
}

Task<Result<void>> SessionManager::stop_all(Context ctx, Killing* killing, Rows rows) {
  std::erase_if(rows, [&](const auto& row) { return killing->tried.contains(row.id); });
  CO_TRY_VOID(co_await leave_refused(ctx, killing, &rows));
  sort_by_depth(rows);
  for (size_t at = 0; at < rows.size(); at += kVictimSlice) {
    const size_t end = std::min(rows.size(), at + kVictimSlice);
    std::vector<Task<Result<uint64_t>>> stops;
    for (size_t i = at; i < end; ++i) {
      Command c;
      c.kind = Command::Kind::kCancel;
      c.actor = killing->by;
      c.payload.set("reason", "killed");
      if (!killing->explanation.empty()) c.payload.set("explanation", killing->explanation);
      stops.push_back(command(ctx, rows[i].id, rows[i].tenant, std::move(c)));
    }
    auto outcomes = co_await async::when_all(ctx, std::move(stops));
    CO_TRY_VOID(ctx.check());
    for (size_t i = at; i < end; ++i) {
      co_await report_kill(ctx, killing, std::move(rows[i]), std::move(outcomes[i - at]));
    }
  }
  co_return Result<void>();
}

Task<void> SessionManager::report_kill(Context ctx, Killing* killing, store::SessionRow row,
                                       Result<uint64_t> outcome) {
  bool stopped = outcome.has_value();
  if (!stopped && outcome.error().code == Code::kFailedPrecondition) {
    // It has ended meanwhile: by itself, or because its parent had been stopped.
    auto now = co_await services_.journal->find(ctx, row.id);
    stopped = now && was_stopped(*now);
  } else if (!stopped) {
    killing->report.failed.emplace_back(row.id, std::move(outcome).error());
  }
  if (stopped) {
    killing->report.stopped.push_back(killed(row));
  } else {
    killing->tried.insert(row.id);
  }
}

}  // namespace drover::session
