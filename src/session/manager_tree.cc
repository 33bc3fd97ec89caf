// Parents and children.

#include "base/log.h"
#include "contract/data_class.h"
#include "session/manager.h"
#include "session/own_store.h"

namespace drover::session {
namespace {

constexpr size_t kTreeSlice = 500;
constexpr Duration kPersistFirst = 50ms;
constexpr Duration kPersistMost = 5s;
constexpr int kDropTries = 3;

contract::Actor system_actor() {
  contract::Actor a;
  a.type = "system";
  return a;
}

/// session.started of a child, with its first message.
Command start_of(const State& parent, const ChildTask& task) {
  Command c;
  c.kind = Command::Kind::kStart;
  c.actor.type = "agent";
  c.actor.id = parent.agent.name;
  Json spec = task.spec;
  spec.set("end_after_answer", true);  // a child reports its answer and is done
  c.data_class = parent.data_class;
  c.payload.set("agent", std::move(spec));
  c.payload.set("tenant", parent.tenant.str());
  c.payload.set("trace_id", parent.trace_id);
  if (!parent.key.empty()) c.payload.set("key", parent.key);
  if (!parent.labels.is_null()) c.payload.set("labels", parent.labels);
  c.payload.set("root", parent.root.str()).set("parent", parent.id.str());
  c.payload.set("parent_sequence", task.sequence).set("depth", parent.depth + 1);
  c.payload.set("tree", parent.tree.to_json());
  if (task.budget.set()) c.payload.set("budget", task.budget.to_json());
  c.payload.set("message",
                contract::to_json(contract::Message::of_text(contract::Role::kUser, task.message)));
  return c;
}

Command end_of(const Ending& ending) {
  Command c;
  c.kind = Command::Kind::kChildEnded;
  c.actor = system_actor();
  c.data_class = ending.data_class;
  c.payload.set("child", ending.row.id.str()).set("reason", ending.row.end_reason);
  c.payload.set("result", ending.result).set("steps", ending.steps);
  c.payload.set("tokens", ending.tokens).set("cost_usd", ending.cost.usd());
  return c;
}

/// The end of a child that never began.
Command never_was(const SessionId& child, std::string reason, std::string result = "") {
  Ending never;
  never.row.id = child;
  never.row.end_reason = std::move(reason);
  never.result = std::move(result);
  return end_of(never);
}

/// Whether that is the session which the parent's journal means: one that was imported may name
/// anybody's as its child.
bool is_child(const store::SessionRow& row, const SessionId& parent, const TenantId& tenant) {
  return row.parent == parent && row.tenant == tenant;
}

Json why_ended(std::string_view reason, std::string_view explanation) {
  return Json::object().set("reason", reason).set("explanation", explanation);
}

}  // namespace

std::optional<Json> end_with(const store::SessionRow& parent) {
  if (parent.status != "ended") return std::nullopt;
  return why_ended(parent.end_reason == "killed" ? "killed" : "cancelled", "its parent has ended");
}

Ending ending_of(store::SessionRow row, const State& state) {
  Ending out;
  out.row = std::move(row);
  out.result = state.result;
  out.data_class = state.data_class;
  out.steps = state.steps;
  out.tokens = state.tokens;
  out.cost = state.cost;
  return out;
}

Task<Result<uint64_t>> SessionManager::persist(Context ctx, SessionId id, TenantId tenant,
                                               Command command) {
  Duration pause = kPersistFirst;
  for (;;) {
    Command copy = command;
    auto done = co_await this->command(ctx, id, tenant, std::move(copy));
    if (done) co_return done;
    const Error& error = done.error();
    bool final = error.code == Code::kFailedPrecondition || error.code == Code::kNotFound ||
                 error.code == Code::kAlreadyExists || error.code == Code::kInvalidArgument ||
                 error.code == Code::kDataLoss;
    if (final || ctx.cancelled()) co_return done;
    CO_TRY_VOID(co_await async::sleep_for(ctx, pause));
    pause = std::min<Duration>(pause * 2, kPersistMost);
  }
}

// --- Called by actors ---

void SessionManager::ensure(const State& parent, const ChildTask& task) {
  scope_.spawn(
      ensure_child(scope_.context(), parent.id, task.child, parent.tenant, start_of(parent, task)));
}

void SessionManager::drop(const State& parent, const SessionId& child) {
  scope_.spawn(drop_child(scope_.context(), parent.id, child, parent.tenant));
}

void SessionManager::nudge(const SessionId& session, const TenantId& tenant) {
  scope_.spawn(tell_of_room(scope_.context(), session, tenant));
}

void SessionManager::keep(const SessionId& session, store::Snapshot snapshot) {
  scope_.spawn(save(scope_.context(), session, std::move(snapshot)));
}

void SessionManager::ended(Ending ending) {
  scope_.spawn(finish_end(scope_.context(), std::move(ending)));
}

// --- Tasks ---

/// A child's agent may state a class of its own, beside what its parent's data is.
Task<Result<uint64_t>> SessionManager::begin_child(Context ctx, SessionId child, TenantId tenant,
                                                   Command start) {
  CO_TRY(AgentSpec spec, AgentSpec::from_json(*start.payload.find("agent")));
  if (!spec.data_class.empty()) {
    std::string data = contract::join_texts(start.data_class, spec.data_class);
    CO_TRY_VOID(co_await own_store_holds(ctx, services_, tenant, std::move(data)));
  }
  co_return co_await persist(ctx, child, tenant, std::move(start));
}

Task<Result<store::SessionRow>> SessionManager::row_of(Context ctx, SessionId id) {
  for (;;) {
    auto row = co_await services_.journal->find(ctx, id);
    if (row || row.error().code == Code::kNotFound) co_return row;
    CO_TRY_VOID(co_await async::sleep_for(ctx, kPersistMost));
  }
}

Task<void> SessionManager::ensure_child(Context ctx, SessionId parent, SessionId child,
                                        TenantId tenant, Command start) {
  // After a restart most children exist: the journal is asked before it is written.
  auto row = co_await row_of(ctx, child);
  if (!row && row.error().code == Code::kNotFound) {
    beginning_.insert(child);
    auto made = co_await begin_child(ctx, child, tenant, std::move(start));
    beginning_.erase(child);
    if (ctx.cancelled()) co_return;
    if (made || made.error().code == Code::kAlreadyExists) {
      co_await drop_orphan(ctx, parent, child, tenant);
      co_return;
    }
    LOG_ERROR("child {}: {}", child.str(), made.error().to_string());
    Command end = never_was(child, "failed", made.error().message);
    auto told = co_await persist(ctx, parent, tenant, std::move(end));
    (void)told;
    co_return;
  }
  if (row && !is_child(*row, parent, tenant)) {
    Command end = never_was(child, "failed", "it is no child of this session here");
    auto told = co_await persist(ctx, parent, tenant, std::move(end));
    (void)told;
    co_return;
  }
  // A process that another one has superseded may have begun it, and be gone.
  if (row && row->status == "running") {
    auto place = co_await place_for(ctx, child);
    if (!place) co_return;
    wake(child, tenant, nullptr);
  }
  // One that has ended reports again, in case its report was lost: the parent takes it once.
  if (!row || row->status != "ended") co_return;
  auto state = co_await load_state(ctx, services_.journal, *row);
  if (!state) co_return;
  auto told = co_await persist(ctx, parent, tenant, end_of(ending_of(*row, *state)));
  (void)told;
}

Task<Result<uint64_t>> SessionManager::cancel_child(Context ctx, SessionId child, TenantId tenant,
                                                    Json how) {
  Command c;
  c.kind = Command::Kind::kCancel;
  c.actor = system_actor();
  c.payload = std::move(how);
  co_return co_await persist(ctx, child, tenant, std::move(c));
}

/// A child that could not begin for a while may find its parent ended, which did not know of it yet
/// when it cancelled its children.
Task<void> SessionManager::drop_orphan(Context ctx, SessionId parent, SessionId child,
                                       TenantId tenant) {
  auto row = co_await row_of(ctx, parent);
  if (!row) co_return;
  std::optional<Json> how = end_with(*row);
  if (!how) co_return;
  auto cancelled = co_await cancel_child(ctx, child, tenant, std::move(*how));
  (void)cancelled;  // it may have ended by itself
}

/// One that was spawned and never began is told to be over in its place.
Task<void> SessionManager::drop_child(Context ctx, SessionId parent, SessionId child,
                                      TenantId tenant) {
  for (int tries = 1;; ++tries) {
    auto row = co_await row_of(ctx, child);
    if (row && !is_child(*row, parent, tenant)) break;
    if (!row && row.error().code != Code::kNotFound) co_return;
    Json how = why_ended("cancelled", "its result is not needed");
    auto done = co_await cancel_child(ctx, child, tenant, std::move(how));
    if (done || done.error().code != Code::kNotFound) co_return;
    if (tries >= kDropTries && beginning_.count(child) == 0) break;
    auto slept = co_await async::sleep_for(ctx, kPersistFirst);  // it may be about to begin
    if (!slept) co_return;
  }
  Command end = never_was(child, "cancelled");
  auto told = co_await persist(ctx, parent, tenant, std::move(end));
  (void)told;
}

Task<void> SessionManager::tell_of_room(Context ctx, SessionId session, TenantId tenant) {
  Command c;
  c.kind = Command::Kind::kNudge;
  auto told = co_await persist(ctx, session, tenant, std::move(c));
  (void)told;  // it may have ended
}

Task<Result<void>> SessionManager::report_end(Context ctx, Ending ending) {
  Command told = end_of(ending);
  auto done = co_await persist(ctx, ending.row.parent, ending.row.tenant, std::move(told));
  bool gone = !done && (done.error().code == Code::kFailedPrecondition ||
                        done.error().code == Code::kNotFound);
  if (!done && !gone) co_return fail(std::move(done).error());
  co_return Result<void>();
}

Task<Result<void>> SessionManager::cancel_children(Context ctx, SessionId parent, Json how) {
  store::SessionFilter filter;
  filter.parent = parent;
  filter.open = true;
  filter.limit = kTreeSlice;
  for (;;) {
    CO_TRY(auto rows, co_await services_.journal->list(ctx, filter));
    for (const store::SessionRow& row : rows) {
      Json same = how;
      auto cancelled = co_await cancel_child(ctx, row.id, row.tenant, std::move(same));
      (void)cancelled;  // it may have ended by itself
      CO_TRY_VOID(ctx.check());
    }
    if (rows.size() < filter.limit) co_return Result<void>();
    filter.before = rows.back().id;
  }
}

Task<void> SessionManager::finish_end(Context ctx, Ending ending) {
  store::SessionRow row = ending.row;
  // A store that does not answer is asked again; a restart takes it up too.
  for (;;) {
    Result<void> done;
    std::optional<Json> how = end_with(row);
    if (how && (row.pending & store::kCancelChildren) != 0) {
      done = co_await cancel_children(ctx, row.id, std::move(*how));
    }
    if (done && (row.pending & store::kReportToParent) != 0) {
      done = co_await report_end(ctx, ending);
    }
    if (done) break;
    auto slept = co_await async::sleep_for(ctx, kPersistMost);
    if (!slept) co_return;
  }
  row.pending = 0;
  uint64_t last = row.last_sequence;
  std::vector<contract::Event> none;
  auto marked = co_await services_.journal->append(ctx, std::move(row), last, std::move(none));
  (void)marked;  // a reward may have come meanwhile: then it is reported twice, and taken once
}

Task<void> SessionManager::save(Context ctx, SessionId session, store::Snapshot snapshot) {
  auto saved = co_await services_.journal->save_snapshot(ctx, session, std::move(snapshot));
  if (!saved && !ctx.cancelled()) {
    LOG_WARN("a snapshot of {} could not be kept: {}", session.str(), saved.error().to_string());
  }
}

}  // namespace drover::session
