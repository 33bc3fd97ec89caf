// Workers: leases, heartbeats, results.

#include "base/limits/session.h"
#include "session/manager.h"

namespace drover::session {

using identity::Action;
using identity::Principal;

namespace {

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

Task<Result<std::vector<Leased>>> SessionManager::lease(Context ctx, Principal who,
                                                        LeaseRequest request) {
  CO_TRY_VOID(identity::authorise(who, Action::kLeaseWork, who.tenant));
  if (request.queues.empty()) {
    co_return fail(Code::kInvalidArgument, "'queues' names at least one queue");
  }
  CO_TRY(auto leased, co_await work_.lease(ctx, who.tenant, std::move(request.queues), request.wait,
                                           request.most, request.lease_time, may_have(who)));
  for (Leased& one : leased) {
    if (!one.item.plan) continue;
    CO_TRY_VOID(co_await add_events(ctx, services_.journal, one.item.key.session, one.item.since,
                                    &one.item.body));
  }
  co_return leased;
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
      WorkAnswer answer;
      answer.sequence = sequence;
      if (result.next) {
        answer.next = work_.lease_of(session, result.lease_time, may_have(who), true);
        if (!answer.next) return nullptr;  // there may be one afterwards
      }
      told = true;
      return ahead(std::move(answer));
    };
  }
  CO_TRY(out.sequence, co_await command(ctx, session, tenant, std::move(c), std::move(meanwhile)));
  if (!result.next || told) co_return out;
  CO_TRY(out.next, co_await lease_next(ctx, who, session, result.lease_time));
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
      BegunSession begun;
      begun.id = out.id;
      begun.work = work_.lease_of(out.id, lease_time, may_have(who), true);
      if (!begun.work) return nullptr;
      told = true;
      return ahead(std::move(begun));
    };
  }
  CO_TRY(uint64_t sequence,
         co_await command(ctx, out.id, who.tenant, std::move(start), std::move(meanwhile)));
  DROVER_EXPECT(sequence == 1);
  if (told) co_return out;
  CO_TRY(out.work, co_await lease_next(ctx, who, out.id, lease_time));
  co_return out;
}

/// The session's next item, if there is one; with the events of the question if it is one.
Task<Result<std::optional<Leased>>> SessionManager::lease_next(Context ctx, Principal who,
                                                               SessionId session,
                                                               Duration lease_time) {
  auto leased = work_.lease_of(session, lease_time, may_have(who));
  if (leased && leased->item.plan) {
    CO_TRY_VOID(co_await add_events(ctx, services_.journal, session, leased->item.since,
                                    &leased->item.body));
  }
  co_return leased;
}

}  // namespace drover::session
