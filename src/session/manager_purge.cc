// Purges: what an ended session said is destroyed, asked for or because its retention has ended.
//
// The purge is an event, committed first; with it nothing of the session can be read any more. Its
// row then owes the rest (store::kErase) and is due at once, so that the timekeeper takes it up
// again after a failure or a crash. Each part of the rest may be done twice.

#include "base/limits/session.h"
#include "base/log.h"
#include "session/actor_drafts.h"
#include "session/batch.h"
#include "session/manager.h"

namespace drover::session {
namespace {

using identity::Action;
using identity::Principal;

constexpr int kTries = 4;

/// What may be purged now.
Result<void> check_ended(const store::SessionRow& row) {
  const std::string& id = row.id.str();
  if (row.status != "ended") {
    return fail(Error(Code::kFailedPrecondition,
                      "session " + id + " is still open: end it first (drover kill session " + id +
                          "), then purge it")
                    .with_reason("open"));
  }
  if ((row.pending & (store::kReportToParent | store::kCancelChildren)) != 0) {
    return fail(Code::kUnavailable,
                "the end of session " + id +
                    " is still being told to its parent and its children; try again in a moment",
                Retry::kAfter);
  }
  return {};
}

identity::AuditEntry audit_entry(const Principal& who, const store::SessionRow& row,
                                 const std::string& reason) {
  identity::AuditEntry entry;
  entry.tenant = who.tenant;
  entry.key = who.key.str();
  entry.name = who.name;
  entry.verb = std::string(identity::verb_of(Action::kPurge));
  entry.owner = row.tenant;
  entry.session = row.id.str();
  entry.agent = row.agent;
  entry.reason = reason;
  return entry;
}

std::string what_went(const store::SessionRow& before) {
  return std::to_string(before.last_sequence) + " events; the hash of the last was " +
         before.last_hash;
}

}  // namespace

/// Makes the purge an event: from then on it will be finished. The row as it was before is changed
/// into the one after.
Task<Result<void>> SessionManager::append_purge(Context ctx, store::SessionRow* row,
                                                contract::Actor by, std::string reason) {
  State state;  // only its place in the chain is needed; a damaged journal can be purged too
  state.id = row->id;
  state.status = Status::kEnded;
  state.last_sequence = row->last_sequence;
  state.last_hash = row->last_hash;
  state.last_time = row->updated;
  auto data_class = co_await class_of(ctx, *row);
  if (!data_class && data_class.error().code != Code::kDataLoss) {
    co_return fail(std::move(data_class).error());
  }
  Json payload = Json::object().set("reason", std::move(reason));
  payload.set("from", int64_t{1}).set("to", row->last_sequence);
  Draft draft = session::by(contract::kind::kPurge, std::move(payload), std::move(by));
  if (data_class) draft.data_class = std::move(*data_class);
  Batch batch(state, *services_.loop, *services_.random);
  CO_TRY_VOID(batch.add(std::move(draft)));
  const uint64_t expected = row->last_sequence;
  store::SessionRow after = *row;
  after.end_reason = store::kPurged;
  after.updated = state.last_time;
  after.pending = store::kErase;
  after.due = state.last_time;
  std::vector<contract::Event> events = batch.take();
  after.last_sequence = events.back().sequence;
  after.last_hash = events.back().hash;
  store::SessionRow written = after;
  Context finish = ctx.detached();
  CO_TRY_VOID(
      co_await services_.journal->append(finish, std::move(written), expected, std::move(events)));
  if (services_.signer != nullptr) {
    services_.signer->durable(after.id, after.last_sequence, after.last_hash);
  }
  *row = std::move(after);
  co_return Result<void>();
}

Task<Result<store::SessionRow>> SessionManager::begin_purge(Context ctx, SessionId id,
                                                            contract::Actor by, std::string reason,
                                                            identity::AuditEntry audited) {
  for (int tries = 1;; ++tries) {
    CO_TRY(auto row, co_await services_.journal->find(ctx, id));
    if (store::purged(row)) co_return row;
    CO_TRY_VOID(check_ended(row));
    audited.why = what_went(row);
    auto done = co_await append_purge(ctx, &row, by, reason);
    if (done) {
      if (services_.audit != nullptr) services_.audit->done(std::move(audited));
      if (auto news = notifiers_[id].lock()) news->notify();
      co_return row;
    }
    // Somebody rewarded it just now: once more, behind that.
    if (done.error().code != Code::kAborted || tries >= kTries) {
      co_return fail(std::move(done).error());
    }
  }
}

Task<Result<void>> SessionManager::finish_purge(Context ctx, store::SessionRow row) {
  if ((row.pending & store::kErase) == 0) co_return Result<void>();
  CO_TRY_VOID(co_await services_.journal->erase(ctx, row.id));
  if (services_.streams != nullptr) services_.streams->release(row.id, 0, 0);
  for (store::Records* records : services_.records) {
    size_t gone = 0;
    do {
      CO_TRY(gone, co_await records->remove_of(ctx, row.tenant, row.id));
    } while (gone > 0);
  }
  if (services_.kept_spans != nullptr) {
    CO_TRY_VOID(co_await services_.kept_spans->remove_of(ctx, row.id));
  }
  row.pending = 0;
  row.due.reset();
  const uint64_t last = row.last_sequence;
  std::vector<contract::Event> none;
  co_return co_await services_.journal->append(ctx.detached(), std::move(row), last,
                                               std::move(none));
}

Task<Result<Purged>> SessionManager::purge(Context ctx, Principal who, SessionId id,
                                           std::string reason) {
  CO_TRY(auto row, co_await authorised(ctx, who, id, Action::kPurge));
  if (reason.empty()) reason = "asked for";
  if (reason.size() > limits::kLabelBytesMax) {
    co_return fail(Code::kInvalidArgument, "the reason of a purge has at most " +
                                               std::to_string(limits::kLabelBytesMax) + " bytes");
  }
  Purged out;
  out.before = store::purged(row);
  identity::AuditEntry audited = audit_entry(who, row, reason);
  CO_TRY(row, co_await begin_purge(ctx, id, actor_of(who, "user"), std::move(reason),
                                   std::move(audited)));
  const uint64_t last = row.last_sequence;
  CO_TRY_VOID(co_await finish_purge(ctx, std::move(row)));
  CO_TRY(auto events, co_await services_.journal->read(ctx, id, last, 1));
  if (events.empty()) co_return fail(Code::kInternal, "the purge of " + id.str() + " is not there");
  out.event = std::move(events.front());
  co_return out;
}

// --- Retention ---

void SessionManager::purge_later(const SessionId& id) {
  // What finds no place is looked for again by the timekeeper.
  if (to_purge_.size() < limits::kPurgeQueueMax) to_purge_.insert(id);
  if (!std::exchange(purging_, true)) scope_.spawn(purge_in_turn(scope_.context()));
}

Task<Result<void>> SessionManager::purge_due(Context ctx, SessionId id) {
  CO_TRY(auto row, co_await services_.journal->find(ctx, id));
  const bool due = row.due && *row.due <= services_.loop->wall() && row.status == "ended";
  if (!due) co_return Result<void>();  // something came between
  if (!store::purged(row)) {
    const std::string reason = "its retention has ended";
    Principal who = Principal::system(row.tenant);
    who.name = "retention";
    contract::Actor by;
    by.type = "system";
    by.id = who.name;
    identity::AuditEntry audited = audit_entry(who, row, reason);
    CO_TRY(row, co_await begin_purge(ctx, id, std::move(by), reason, std::move(audited)));
  }
  co_return co_await finish_purge(ctx, std::move(row));
}

Task<void> SessionManager::purge_in_turn(Context ctx) {
  while (!to_purge_.empty() && !ctx.cancelled()) {
    SessionId id = *to_purge_.begin();
    auto done = co_await purge_due(ctx, id);
    if (!done && !ctx.cancelled()) {
      LOG_WARN("session {} is not purged yet: {}", id.str(), done.error().to_string());
    }
    to_purge_.erase(id);
  }
  purging_ = false;
}

}  // namespace drover::session
