// Workers: leases, heartbeats, results.

#include "base/limits/session.h"
#include "session/manager.h"

namespace drover::session {

using identity::Action;
using identity::Principal;

namespace {

/// The item was done between its lease and the look into its journal.
constexpr std::string_view kOver = "over";

/// Why a worker gives an item back, as much of it as the journal keeps.
Result<std::string> give_back_reason(const Json& error) {
  const Json* message = error.find("message");
  if (!error.is_object() || (message != nullptr && !message->is_string())) {
    return fail(Code::kInvalidArgument, "'error' must be an object with a text 'message'");
  }
  std::string why = error.get_text("message");
  if (why.size() <= limits::kGiveBackBytesMax) return why;
  size_t end = limits::kGiveBackBytesMax;
  auto within = [&](size_t at) { return (static_cast<unsigned char>(why[at]) & 0xC0) == 0x80; };
  while (end > 0 && within(end)) --end;  // whole characters
  why.resize(end);
  return why;
}

}  // namespace

void SessionManager::work_lost(const WorkKey& key, const TenantId& tenant, std::string why) {
  if (scope_.context().cancelled()) return;  // the next start sees that nobody does it
  Command c;
  c.kind = Command::Kind::kWorkLost;
  if (!why.empty()) c.payload.set("why", std::move(why));
  scope_.spawn(tell_of_work(scope_.context(), key, tenant, std::move(c)));
}

void SessionManager::work_time_over(const WorkKey& key, const TenantId& tenant,
                                    const OverBudget& budget) {
  if (scope_.context().cancelled()) return;
  Command c;
  c.kind = Command::Kind::kWorkTimeOver;
  c.payload.set("scope", budget.scope).set("limit", budget.limit);
  scope_.spawn(tell_of_work(scope_.context(), key, tenant, std::move(c)));
}

/// Its session may sleep, and is woken for another attempt, or for its end.
Task<void> SessionManager::tell_of_work(Context ctx, WorkKey key, TenantId tenant,
                                        Command command) {
  command.sequence = key.sequence;
  command.attempt = key.attempt;
  auto told = co_await persist(ctx, key.session, tenant, std::move(command));
  (void)told;  // it may have ended
}

/// A worker is judged twice: who it is, by its key, and where it is, by the facts of its queue.
/// Again at the lease, since the rules may be others than when the item was offered. `who` outlives
/// what is returned.
WorkQueue::MayHave SessionManager::may_have(const Principal& who) {
  return [this, &who](const WorkItem& item) {
    identity::Subject subject;
    subject.owner = item.tenant;
    subject.session = item.key.session.str();
    subject.agent = item.agent;
    subject.data_class = item.data_class;
    if (!identity::authorise(who, Action::kLeaseWork, subject)) return false;
    return services_.effects->guard()
        .check(policy::ThingKind::kTool, "queue:" + item.queue, item.tenant, item.data_class)
        .has_value();
  };
}

/// One question of ask_of_waiting; all but the context belong to it.
Task<void> SessionManager::ask_of_class(Context ctx, const std::string& name,
                                        const TenantId& tenant, std::string data_class,
                                        async::Semaphore& room) {
  auto permit = co_await room.acquire(ctx);
  if (!permit) co_return;
  co_await services_.effects->guard().prepare(ctx, policy::ThingKind::kTool, name, tenant,
                                              std::move(data_class));
}

/// What an external authoriser says holds for a time, and items may wait for longer: their actors
/// asked when they offered them. One question is for all queues that something is stated of, so
/// queues are gone through one after the other, and the classes of one asked for together.
Task<void> SessionManager::ask_of_waiting(Context ctx, TenantId tenant,
                                          std::vector<std::string> queues) {
  road::Guard& guard = services_.effects->guard();
  if (!guard.asks_outside()) co_return;
  async::Semaphore room(limits::kLeaseQuestionsMax);
  for (const std::string& queue : queues) {
    const std::string name = "queue:" + queue;
    async::Scope asked(ctx);
    for (const std::string& data_class : work_.classes(tenant, queue)) {
      Result<void> seen = guard.check(policy::ThingKind::kTool, name, tenant, data_class);
      if (seen || seen.error().reason != policy::kUnasked) continue;
      asked.spawn(ask_of_class(asked.context(), name, tenant, data_class, room));
    }
    co_await asked.join();
  }
}

Task<Result<std::vector<Leased>>> SessionManager::lease(Context ctx, Principal who,
                                                        LeaseRequest request) {
  CO_TRY_VOID(identity::authorise(who, Action::kLeaseWork, who.tenant));
  if (request.queues.empty()) {
    co_return fail(Code::kInvalidArgument, "'queues' names at least one queue");
  }
  co_await ask_of_waiting(ctx, who.tenant, request.queues);
  CO_TRY(auto leased, co_await work_.lease(ctx, who.tenant, std::move(request.queues), request.wait,
                                           request.most, request.lease_time, may_have(who)));
  std::vector<Leased> out;
  std::optional<Error> broken;
  for (Leased& one : leased) {
    auto completed = co_await complete(ctx, &one.item);
    if (completed) {
      out.push_back(std::move(one));
    } else if (completed.error().reason == kOver) {
      work_.withdraw(one.item.key);
    } else {
      broken = std::move(completed).error();  // its lease runs out, and it is offered again
    }
  }
  if (out.empty() && broken) co_return fail(std::move(*broken));
  co_return out;
}

Task<Result<void>> SessionManager::complete(Context ctx, WorkItem* item) {
  const WorkKey key = item->key;
  if (item->body.is_null()) {
    CO_TRY(State state, co_await load_state(ctx, services_.journal, key.session));
    const PendingToolCall* call = nullptr;
    for (const PendingToolCall& p : state.tool_calls) {
      if (p.sequence == key.sequence && p.attempt == key.attempt && !p.done) call = &p;
    }
    const bool asked =
        state.plan && state.plan->sequence == key.sequence && state.plan->attempt == key.attempt;
    if (item->plan ? !asked : call == nullptr) {
      co_return fail(
          Error(Code::kAborted, "somebody has done this already").with_reason(std::string(kOver)));
    }
    item->body = work_body(state, call);
  }
  if (!item->plan) co_return Result<void>();
  co_return co_await add_events(ctx, services_.journal, key.session, item->since, &item->body);
}

Task<Result<WallTime>> SessionManager::heartbeat(Context ctx, Principal who, WorkKey key,
                                                 Duration lease_time) {
  CO_TRY_VOID(identity::authorise(who, Action::kLeaseWork, who.tenant));
  co_return work_.heartbeat(who.tenant, key, lease_time);
}

Task<Result<WorkAnswer>> SessionManager::finish_work(Context ctx, Principal who, WorkKey key,
                                                     WorkResult result, Ahead<WorkAnswer> ahead) {
  CO_TRY_VOID(identity::authorise(who, Action::kLeaseWork, who.tenant));
  WorkAnswer out;
  if (const Json* error = result.body.find("error"); error != nullptr) {
    CO_TRY(std::string why, give_back_reason(*error));
    CO_TRY_VOID(work_.give_back(who.tenant, key, std::move(why)));
    co_return out;
  }
  TenantId tenant = who.tenant;
  if (work_.leased(key)) {
    // Leased by this tenant, or by nobody that we know: then the journal says whose it is.
    CO_TRY_VOID(work_.heartbeat(tenant, key, limits::kLeaseTime));
  } else {
    CO_TRY(auto row, co_await authorised(ctx, who, key.session, Action::kLeaseWork));
    tenant = row.tenant;
  }
  Command c;
  c.kind = Command::Kind::kWork;
  c.actor.type = "worker";
  c.actor.id = result.worker.empty() ? actor_of(who, "worker").id : result.worker;
  c.sequence = key.sequence;
  c.attempt = key.attempt;
  c.payload = std::move(result.body);
  c.data_class = std::move(result.data_class);
  SessionId session = key.session;
  bool told = false;
  Ahead<uint64_t> meanwhile;
  if (ahead) {
    meanwhile = [&](uint64_t sequence) -> Tell {
      if (ctx.cancelled()) return nullptr;  // whoever has left does none of it
      const WorkAnswer answer{
          sequence, result.next ? work_.lease_of(session, result.lease_time, may_have(who), true)
                                : std::nullopt};
      if (result.next && !answer.next) return nullptr;  // there may be one afterwards
      told = true;
      return ahead(answer);
    };
  }
  CO_TRY(out.sequence, co_await command(ctx, session, tenant, std::move(c), std::move(meanwhile)));
  if (!result.next || told) co_return out;
  out.next = co_await lease_next(ctx, who, session, result.lease_time);
  co_return out;
}

Task<Result<BegunSession>> SessionManager::create_and_lease(Context ctx, Principal who,
                                                            NewSession spec, Duration lease_time,
                                                            Ahead<BegunSession> ahead) {
  BegunSession out;
  out.id = SessionId::make(services_.loop->wall(), *services_.random);
  CO_TRY_VOID(identity::authorise(who, Action::kLeaseWork, who.tenant));
  CO_TRY(Command start, start_command(who, std::move(spec)));
  bool told = false;
  Ahead<uint64_t> meanwhile;
  if (ahead) {
    meanwhile = [&](uint64_t) -> Tell {
      if (ctx.cancelled()) return nullptr;
      const BegunSession begun{out.id, work_.lease_of(out.id, lease_time, may_have(who), true)};
      if (!begun.work) return nullptr;
      told = true;
      return ahead(begun);
    };
  }
  CO_TRY(uint64_t sequence,
         co_await command(ctx, out.id, who.tenant, std::move(start), std::move(meanwhile)));
  DROVER_EXPECT(sequence == 1);
  if (told) co_return out;
  out.work = co_await lease_next(ctx, who, out.id, lease_time);
  co_return out;
}

/// The session's next item, if there is one. What it follows is done, and stays so: an item that
/// cannot be completed now is none, and is offered again when its lease runs out.
Task<std::optional<Leased>> SessionManager::lease_next(Context ctx, Principal who,
                                                       SessionId session, Duration lease_time) {
  auto leased = work_.lease_of(session, lease_time, may_have(who));
  if (!leased) co_return std::nullopt;
  auto completed = co_await complete(ctx, &leased->item);
  if (completed) co_return leased;
  if (completed.error().reason == kOver) work_.withdraw(leased->item.key);
  co_return std::nullopt;
}

}  // namespace drover::session
