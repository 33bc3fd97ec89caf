#include "session/manager.h"

#include "session/plan.h"

namespace drover::session {
namespace {

using identity::Action;
using identity::Principal;

constexpr size_t kNotifierSweep = 1024;
constexpr int kCommandTries = 3;

Json message_payload(const contract::Message& message) {
  return Json::object().set("message", contract::to_json(message));
}

/// Whoever is asked and told is there as long as the call that waits for it.
class Untold {
 public:
  explicit Untold(CommandAnswer& answer) : answer_(answer) {}
  ~Untold() {
    answer_.ahead = nullptr;
    answer_.tell = nullptr;
  }
  Untold(const Untold&) = delete;
  Untold& operator=(const Untold&) = delete;

 private:
  CommandAnswer& answer_;
};

/// A wait that is due wakes its session.
Command timer() {
  Command c;
  c.kind = Command::Kind::kTimer;
  c.actor.type = "system";
  return c;
}

}  // namespace

contract::Actor actor_of(const Principal& who, std::string_view type) {
  contract::Actor a;
  a.type = std::string(type);
  a.id = who.key.empty() ? who.name : who.key.str();
  return a;
}

SessionManager::SessionManager(Services services, const Context& parent)
    : services_(services),
      scope_(parent),
      trees_(services.journal),
      work_(
          services.loop, services.work_items_max,
          [this](const WorkKey& key, const TenantId& tenant, std::string why) {
            work_lost(key, tenant, std::move(why));
          },
          [this](const WorkKey& key, const TenantId& tenant, const OverBudget& budget) {
            work_time_over(key, tenant, budget);
          }),
      timekeeper_(services.loop, services.journal,
                  [this](const SessionId& id, const TenantId& tenant, bool ended) {
                    if (ended) {
                      purge_later(id);
                      return true;
                    }
                    if (!has_place(id, Asked::kByItself)) {
                      make_room();
                      return false;
                    }
                    Command due = timer();
                    wake(id, tenant, &due);
                    return true;
                  }) {
  services_.children = this;
  services_.trees = &trees_;
  services_.work = &work_;
}

SessionManager::~SessionManager() = default;

std::shared_ptr<Notifier> SessionManager::notifier(const SessionId& id) {
  if (auto found = notifiers_[id].lock()) return found;
  auto made = std::make_shared<Notifier>();
  notifiers_[id] = made;
  if (notifiers_.size() % kNotifierSweep == 0) {
    std::erase_if(notifiers_, [](const auto& entry) { return entry.second.expired(); });
  }
  return made;
}

bool SessionManager::wake(const SessionId& id, const TenantId& tenant, Command* command) {
  auto it = actors_.find(id);
  if (it != actors_.end()) return command == nullptr || it->second->send(*command);
  auto actor = std::make_shared<Actor>(services_, id, tenant, notifier(id));
  actors_.emplace(id, actor);
  // Before it starts: what it finds at its door decides how it takes up a call that was given up.
  if (command != nullptr) actor->send(*command);
  scope_.spawn(drive(scope_.context(), actor, id));
  return true;
}

void SessionManager::batch_ended(const SessionId& id, const TenantId& tenant) {
  scope_.spawn(tell_batch_ended(scope_.context(), id, tenant));
}

Task<void> SessionManager::tell_batch_ended(Context ctx, SessionId id, TenantId tenant) {
  auto row = co_await services_.journal->find(ctx, id);
  // One that was ended or purged meanwhile asks for nothing.
  const bool gone = row ? row->status == "ended" : row.error().code == Code::kNotFound;
  if (gone) services_.road->session_over(id.str());
  if (gone || !row) co_return;
  Command command;
  command.kind = Command::Kind::kBatchEnded;
  auto told = co_await persist(ctx, id, tenant, std::move(command));
  (void)told;
}

Task<void> SessionManager::drive(Context ctx, std::shared_ptr<Actor> actor, SessionId id) {
  co_await actor->run(ctx);
  auto it = actors_.find(id);
  if (it != actors_.end() && it->second == actor) actors_.erase(it);
  if (auto due = actor->due()) {
    timekeeper_.add(id, actor->state().tenant, *due, actor->ended());
  }
}

Task<Result<uint64_t>> SessionManager::command(Context ctx, SessionId id, TenantId tenant,
                                               Command command, Ahead<uint64_t> ahead) {
  // One that ends gives its place back at once.
  const bool ends = command.kind == Command::Kind::kCancel;
  for (int tries = 1;; ++tries) {
    if (!ends && !has_place(id, Asked::kByCall)) {
      if (tries >= kCommandTries) {
        co_return fail(Code::kResourceExhausted,
                       "too many sessions are awake; try again in a moment", Retry::kAfter);
      }
      make_room();
      CO_TRY_VOID(co_await async::sleep_for(ctx, kRoomPause));
      continue;
    }
    auto answer = std::make_shared<CommandAnswer>();
    command.answer = answer;
    answer->ahead = std::move(ahead);
    Untold untold(*answer);
    if (wake(id, tenant, &command)) {
      CO_TRY(auto outcome, co_await answer->take(ctx));
      if (answer->unread == nullptr || tries >= kCommandTries) co_return outcome;
      command = std::move(*answer->unread);
    } else if (tries >= kCommandTries) {
      co_return fail(Code::kResourceExhausted, "the session's inbox is full; try again in a moment",
                     Retry::kAfter);
    }
    ahead = std::move(answer->ahead);
    CO_TRY_VOID(co_await async::sleep_for(ctx, kRoomPause));
  }
}

Task<Result<void>> SessionManager::may_do(Context ctx, Principal who, const store::SessionRow* row,
                                          Action action) {
  identity::Subject subject;
  subject.owner = row->tenant;
  subject.session = row->id.str();
  subject.agent = row->agent;
  // Only rules look at the class: without some, nothing more is read.
  if (who.gate != nullptr && who.gate->has_rules() && !identity::verb_of(action).empty()) {
    CO_TRY(subject.data_class, co_await class_of(ctx, *row));
  }
  if (who.gate == nullptr || !who.gate->asks_outside()) {
    co_return identity::authorise(who, action, subject);
  }
  co_return co_await identity::authorise_asking(ctx, std::move(who), action, std::move(subject));
}

Task<Result<store::SessionRow>> SessionManager::authorised(Context ctx, Principal who, SessionId id,
                                                           Action action) {
  CO_TRY(auto row, co_await services_.journal->find(ctx, id));
  CO_TRY_VOID(co_await may_do(ctx, std::move(who), &row, action));
  const bool reads = action == Action::kReadSession || action == Action::kExport;
  if (store::purged(row) && !reads && action != Action::kPurge && action != Action::kKill) {
    co_return fail(purged_error(id));
  }
  co_return row;
}

/// For a session whose id is made for it.
Result<Command> SessionManager::start_command(const Principal& who, NewSession&& spec) {
  TRY_VOID(identity::authorise(who, Action::kCreateSession, who.tenant));
  SpanContext trace = SpanContext::make_root(*services_.random);
  Command start;
  start.kind = Command::Kind::kStart;
  start.fresh = true;
  start.actor = actor_of(who, "user");
  start.data_class = std::move(spec.data_class);
  start.payload = Json::object(7);
  start.payload.set("agent", spec.agent.to_json());
  start.payload.set("tenant", who.tenant.str());
  start.payload.set("trace_id", trace.trace_id_hex());
  if (!who.key.empty()) start.payload.set("key", who.key.str());
  if (!spec.labels.is_null()) start.payload.set("labels", std::move(spec.labels));
  // One commit: a session is never seen without what it was begun with.
  if (spec.message) start.payload.set("message", contract::to_json(*spec.message));
  if (!spec.plan.is_null()) {
    if (!spec.agent.planner.set()) {
      return fail(Code::kInvalidArgument, "a first plan needs an agent with a planner");
    }
    TRY_VOID(check_new_plan(spec.plan));
    start.payload.set("plan", std::move(spec.plan));
  }
  return start;
}

Task<Result<SessionId>> SessionManager::create(Context ctx, Principal who, NewSession spec) {
  SessionId id = SessionId::make(services_.loop->wall(), *services_.random);
  CO_TRY(Command start, start_command(who, std::move(spec)));
  CO_TRY(uint64_t sequence, co_await command(ctx, id, who.tenant, std::move(start)));
  DROVER_EXPECT(sequence == 1);
  co_return id;
}

Task<Result<uint64_t>> SessionManager::post_message(Context ctx, Principal who, SessionId id,
                                                    contract::Message message,
                                                    std::string data_class) {
  CO_TRY(auto row, co_await authorised(ctx, who, id, Action::kWriteSession));
  Command c;
  c.kind = Command::Kind::kMessage;
  c.actor = actor_of(who, "user");
  c.payload = message_payload(message);
  c.data_class = std::move(data_class);
  co_return co_await command(ctx, id, row.tenant, std::move(c));
}

Task<Result<uint64_t>> SessionManager::reward(Context ctx, Principal who, SessionId id,
                                              Json payload) {
  CO_TRY(auto row, co_await authorised(ctx, who, id, Action::kWriteSession));
  Command c;
  c.kind = Command::Kind::kReward;
  c.actor = actor_of(who, "user");
  c.payload = std::move(payload);
  co_return co_await command(ctx, id, row.tenant, std::move(c));
}

Task<Result<uint64_t>> SessionManager::cancel(Context ctx, Principal who, SessionId id,
                                              std::string why) {
  // Two roads to one end: who may not take the one may not take the other.
  CO_TRY(auto row, co_await authorised(ctx, who, id, Action::kKill));
  if (store::purged(row)) co_return fail(purged_error(id));
  Command c;
  c.kind = Command::Kind::kCancel;
  c.actor = actor_of(who, "user");
  c.payload.set("reason", "cancelled");
  if (!why.empty()) c.payload.set("explanation", std::move(why));
  co_return co_await command(ctx, id, row.tenant, std::move(c));
}

Task<Result<store::SessionRow>> SessionManager::find(Context ctx, Principal who, SessionId id) {
  co_return co_await authorised(ctx, who, id, Action::kReadSession);
}

Task<Result<std::vector<store::SessionRow>>> SessionManager::list(Context ctx, Principal who,
                                                                  store::SessionFilter filter) {
  CO_TRY_VOID(identity::authorise(who, Action::kReadSession, who.tenant));
  filter.tenant = who.tenant;
  co_return co_await services_.journal->list(ctx, std::move(filter));
}

Task<Result<store::SessionRow>> SessionManager::find_to_export(Context ctx, Principal who,
                                                               SessionId id) {
  co_return co_await authorised(ctx, who, id, Action::kExport);
}

Task<Result<State>> SessionManager::state(Context ctx, Principal who, SessionId id, uint64_t last) {
  CO_TRY(auto row, co_await authorised(ctx, who, id, Action::kReadSession));
  co_return co_await load_state(ctx, services_.journal, std::move(row), last);
}

Task<Result<std::vector<contract::Event>>> SessionManager::events(Context ctx, Principal who,
                                                                  SessionId id, uint64_t from,
                                                                  size_t max) {
  CO_TRY(auto row, co_await authorised(ctx, who, id, Action::kReadSession));
  (void)row;
  co_return co_await services_.journal->read(ctx, id, from, max);
}

/// What the session's data is, as text; a purged one's is that of the purge.
Task<Result<std::string>> SessionManager::class_of(Context ctx, store::SessionRow row) {
  if (!store::purged(row)) {
    auto state = co_await load_state(ctx, services_.journal, row);
    if (state) co_return std::move(state->data_class);
    if (state.error().reason != "purged") co_return fail(std::move(state).error());
    // Since its row was read.
    CO_TRY(row, co_await services_.journal->find(ctx, row.id));
  }
  CO_TRY(auto last, co_await services_.journal->read(ctx, row.id, row.last_sequence, 1));
  co_return last.empty() ? std::string() : std::move(last.front().data_class);
}

Task<Result<JournalPart>> SessionManager::intact(Context ctx, Principal who, SessionId id,
                                                 JournalPlace from, size_t max) {
  CO_TRY(auto row, co_await authorised(ctx, who, id, Action::kReadSession));
  if (store::purged(row) && from.sequence < row.last_sequence) {
    from.sequence = row.last_sequence;
    from.previous_hash.clear();
  }
  co_return co_await read_intact(ctx, services_.journal, id, std::move(from), row.last_sequence,
                                 max);
}

Task<Result<std::vector<contract::Event>>> SessionManager::follow(Context ctx, Principal who,
                                                                  SessionId id, uint64_t from,
                                                                  size_t max) {
  std::shared_ptr<Notifier> news = notifier(id);
  for (;;) {
    uint64_t seen = news->version;
    CO_TRY(auto row, co_await authorised(ctx, who, id, Action::kReadSession));
    CO_TRY(auto events, co_await services_.journal->read(ctx, id, from, max));
    if (!events.empty() || row.status == "ended") co_return events;
    if (news->version != seen) continue;
    async::Wake wake = co_await news->queue.wait(ctx);
    if (wake != async::Wake::kWoken) co_return fail(async::wake_error(wake, ctx));
  }
}

Task<void> SessionManager::stop() {
  scope_.cancel("the server is stopping");
  co_await scope_.join();
}

}  // namespace drover::session
