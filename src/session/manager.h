#pragma once
// Sessions as the rest of the program sees them: create, talk, answer, cancel, kill, read, follow.
// Each call takes the principal and passes identity::authorise; another tenant's session is not
// found.
//
// A session's actor is awake only while there is something to do; otherwise the session is its row
// in the index, and its work in the queue if workers are to do some. At start, recover() wakes
// every session that was running when the process ended and finishes what ends had left to do; the
// timekeeper wakes those whose wait is due. As many may be awake as there are places
// (kSessionsActiveMax); an eighth of them is kept for whoever calls, and where they are short the
// idle ones go to sleep at once. Loop thread only; shut down with stop().
//
// manager.cc: the calls. manager_steer.cc: approvals, signals, budgets. manager_kill.cc: kills.
// manager_work.cc: workers. manager_tree.cc: parents and children. manager_recovery.cc: places, and
// what a restart finds unfinished. manager_purge.cc: purges. manager_import.cc: imports.

#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "async/scope.h"
#include "async/sync.h"
#include "base/limits/session.h"
#include "identity/audit.h"
#include "identity/principal.h"
#include "session/actor.h"
#include "session/intact.h"
#include "session/services.h"
#include "session/timekeeper.h"
#include "session/tree.h"
#include "session/work_queue.h"

namespace drover::session {

/// How soon it is looked again whether a place became free.
inline constexpr Duration kRoomPause = 10ms;

struct NewSession {
  AgentSpec agent;
  /// Of what the session begins with, beside the agent's own; as text.
  std::string data_class;
  Json labels;  // null or an object of short texts
  /// First message of the user; absent: the session waits for one.
  std::optional<contract::Message> message;
  /// The first plan of an agent with a planner, as if it had been asked; null: it is asked.
  Json plan;
};

/// A person's answer to an approval.
struct Resolution {
  std::string wait_id;
  std::string outcome;  // "approved", "edited" or "denied"
  /// edited: the arguments to use instead, JSON text.
  std::optional<std::string> arguments;
  std::string explanation;
};

/// A person's decision on a request for more, or a raise that nobody asked for (no request_id).
struct ExtensionDecision {
  std::string request_id;
  bool granted = true;
  /// "step", "subtask" (what its parent gave it: tokens and time), "session" (steps), "tree", or
  /// "account": a budget of the server had stopped it, and it tries again. A request is always of
  /// the step.
  std::string budget = "step";
  std::optional<int64_t> tokens;
  std::optional<Duration> time;
  std::optional<Money> cost;
  std::optional<int64_t> steps;
  std::optional<int64_t> spawns;
  std::string explanation;
};

struct KillTarget {
  enum class Kind : uint8_t { kSession, kTree, kAgent, kTenant };
  Kind kind = Kind::kSession;
  /// A session's id (any of the tree's), an agent's name; of a tenant: its own.
  std::string what;
  /// Of an agent: that version alone. Empty: all of them.
  std::string version;
};
struct Killed {
  SessionId id;
  std::string agent;
  std::string was;  // "running", or what it waited for
};
struct KillReport {
  std::vector<Killed> stopped;
  /// Sessions that could not be stopped, with the reason.
  std::vector<std::pair<SessionId, Error>> failed;
  /// An agent that is meant, and of which the tenant never had a session: its name may be a slip.
  bool never_there = false;
};

/// What a purge left: who, when and why stand in the session's last event.
struct Purged {
  contract::Event event;
  /// It had been purged before.
  bool before = false;
};

struct LeaseRequest {
  std::vector<std::string> queues;
  std::string worker;
  Duration wait{};
  size_t most = 1;
  Duration lease_time = limits::kLeaseTime;
};
/// What a worker hands back for its lease: exactly one of plan and content, or error.
struct WorkResult {
  Json body;  // {"plan"}, {"content", "is_error"?, "plan"?} or {"error"}
  /// Of its content, as text; the operator's word for the queue is joined to it.
  std::string data_class;
  /// Lease the session's next item to the same worker.
  bool next = false;
  Duration lease_time = limits::kLeaseTime;
  std::string worker;
};
struct WorkAnswer {
  uint64_t sequence = 0;
  std::optional<Leased> next;
};
/// A session that was begun, and its first item for whoever began it.
struct BegunSession {
  SessionId id;
  std::optional<Leased> work;
};

/// A session that was taken in.
struct Imported {
  SessionId id;
  /// Why it is at the top of a tree of its own, and not where its journal says; "": it is there.
  std::string detached;
  /// Where its journal says it was.
  SessionId claimed_root;
  SessionId claimed_parent;
};

class SessionManager final : private Children {
 public:
  SessionManager(Services services, const Context& parent);
  ~SessionManager() override;

  /// Durable when it returns.
  Task<Result<SessionId>> create(Context ctx, identity::Principal who, NewSession spec);
  /// The same, and leases the session's first item to its creator.
  Task<Result<BegunSession>> create_and_lease(Context ctx, identity::Principal who, NewSession spec,
                                              Duration lease_time, Ahead<BegunSession> ahead = {});
  /// The sequence of the observation.
  Task<Result<uint64_t>> post_message(Context ctx, identity::Principal who, SessionId id,
                                      contract::Message message,
                                      std::string data_class = std::string());
  Task<Result<uint64_t>> reward(Context ctx, identity::Principal who, SessionId id, Json payload);
  /// Ends the session; its children follow unasked. The operator's rules judge it as a kill of that
  /// session.
  Task<Result<uint64_t>> cancel(Context ctx, identity::Principal who, SessionId id,
                                std::string why);

  /// Answers an approval. kFailedPrecondition (reason "not_open") when it was answered already.
  Task<Result<uint64_t>> resolve(Context ctx, identity::Principal who, SessionId id,
                                 Resolution resolution);
  /// Kept until a wait of that name takes it.
  Task<Result<uint64_t>> signal(Context ctx, identity::Principal who, SessionId id,
                                std::string name, Json payload);
  Task<Result<uint64_t>> decide_extension(Context ctx, identity::Principal who, SessionId id,
                                          ExtensionDecision decision);
  /// Budgets of the server changed, or renewed: sessions that one had stopped try again.
  void accounts_changed();
  /// Goes on with another version of its agent.
  Task<Result<uint64_t>> move(Context ctx, identity::Principal who, SessionId id, AgentSpec to,
                              std::string explanation);
  /// Stops sessions at once and says which: with what was spawned below them, also while this goes
  /// on. From the top of a tree downwards, side by side.
  Task<Result<KillReport>> kill(Context ctx, identity::Principal who, KillTarget target,
                                std::string explanation);

  /// Destroys what an ended session said, in every store of this server: its journal but for the
  /// purge itself, its blobs, live text, memory and spans. kFailedPrecondition (reason "open")
  /// while it has not ended. Durable when it returns; once it was begun it is finished, whatever
  /// becomes of the caller and the process. Purged again it is as it was.
  Task<Result<Purged>> purge(Context ctx, identity::Principal who, SessionId id,
                             std::string reason);

  /// Work for programs outside (session/work_queue.h). Plan items carry the events of the question.
  Task<Result<std::vector<Leased>>> lease(Context ctx, identity::Principal who,
                                          LeaseRequest request);
  Task<Result<WallTime>> heartbeat(Context ctx, identity::Principal who, WorkKey key,
                                   Duration lease_time);
  /// Durable when it returns. kAborted (reason "superseded") when the attempt is not the current
  /// one: the result is recorded, once for each attempt, and ignored.
  Task<Result<WorkAnswer>> finish_work(Context ctx, identity::Principal who, WorkKey key,
                                       WorkResult result, Ahead<WorkAnswer> ahead = {});

  Task<Result<store::SessionRow>> find(Context ctx, identity::Principal who, SessionId id);
  /// The same for one who takes it out, whole.
  Task<Result<store::SessionRow>> find_to_export(Context ctx, identity::Principal who,
                                                 SessionId id);
  Task<Result<std::vector<store::SessionRow>>> list(Context ctx, identity::Principal who,
                                                    store::SessionFilter filter);
  /// Where on its agent's ladder a session is that is awake; null for one that is not.
  const Standing* standing(const SessionId& id) const {
    auto it = actors_.find(id);
    return it == actors_.end() ? nullptr : &it->second->state().standing;
  }
  /// The folded state, for showing.
  /// As of that event, or of the newest.
  Task<Result<State>> state(Context ctx, identity::Principal who, SessionId id,
                            uint64_t last = UINT64_MAX);
  Task<Result<std::vector<contract::Event>>> events(Context ctx, identity::Principal who,
                                                    SessionId id, uint64_t from, size_t max);
  /// What is readable of a journal, held against its hash chain, and where it has gaps; to its end
  /// when next.sequence is beyond the row's last.
  Task<Result<JournalPart>> intact(Context ctx, identity::Principal who, SessionId id,
                                   JournalPlace from, size_t max);
  /// Like events(), but waits until there is at least one; empty when the session has ended and
  /// nothing follows. Re-readable from any position, so a follower never misses or repeats one.
  Task<Result<std::vector<contract::Event>>> follow(Context ctx, identity::Principal who,
                                                    SessionId id, uint64_t from, size_t max);
  /// Takes in an exported session: chain verified, then stored as it stands. Below its parent if
  /// that is here, of the same tenant, and its journal says that it spawned it; else at the top of
  /// a tree of its own, for good. So a tree is imported from the top downwards. Its calls count
  /// against the key of who imports it, whichever its journal names. kAlreadyExists for one that is
  /// here.
  Task<Result<Imported>> import(Context ctx, identity::Principal who,
                                std::vector<contract::Event> events);

  /// The batch that a session's model call lay in has ended.
  void batch_ended(const SessionId& id, const TenantId& tenant);
  /// Starts the timekeeper and wakes what was running: as many as there are places for, which it
  /// returns, and in the background the others as places become free. Can be repeated if it failed.
  Task<Result<size_t>> recover(Context ctx);
  /// Puts all actors to sleep; their sessions go on at the next start.
  Task<void> stop();
  size_t awake() const { return actors_.size(); }

 private:
  // Children: what actors ask of others of their tree.
  void ensure(const State& parent, const ChildTask& task) override;
  void drop(const State& parent, const SessionId& child) override;
  void nudge(const SessionId& session, const TenantId& tenant) override;
  void keep(const SessionId& session, store::Snapshot snapshot) override;
  void ended(Ending ending) override;

  Task<Result<uint64_t>> command(Context ctx, SessionId id, TenantId tenant, Command command,
                                 Ahead<uint64_t> ahead = {});
  Result<Command> start_command(const identity::Principal& who, NewSession&& spec);
  /// The same for the runtime's own purposes: until it is taken, refused for good, or the context
  /// ends.
  Task<Result<uint64_t>> persist(Context ctx, SessionId id, TenantId tenant, Command command);
  /// Makes sure that the session has an actor and hands it the command; false if it takes none now.
  /// It takes a command that it can hand over; a null one is none.
  bool wake(const SessionId& id, const TenantId& tenant, Command* command);
  /// Who wants a session awake.
  enum class Asked : uint8_t { kByCall, kByItself };
  /// Whether it can be: it is, or there is a place for it.
  bool has_place(const SessionId& id, Asked asked) const;
  /// Sends some of the idle ones to sleep before their time.
  void make_room();
  /// Waits until it has a place of those that are not for callers.
  Task<Result<void>> place_for(Context ctx, SessionId id);
  Task<void> drive(Context ctx, std::shared_ptr<Actor> actor, SessionId id);
  Task<void> tell_batch_ended(Context ctx, SessionId id, TenantId tenant);
  std::shared_ptr<Notifier> notifier(const SessionId& id);
  Task<Result<store::SessionRow>> authorised(Context ctx, identity::Principal who, SessionId id,
                                             identity::Action action);
  /// The same of a row at hand, purged or not.
  Task<Result<void>> may_do(Context ctx, identity::Principal who, const store::SessionRow* row,
                            identity::Action action);
  Task<Result<std::string>> class_of(Context ctx, store::SessionRow row);

  // manager_work.cc
  void work_lost(const WorkKey& key, const TenantId& tenant, std::string why);
  void work_time_over(const WorkKey& key, const TenantId& tenant, const OverBudget& budget);
  Task<void> tell_of_work(Context ctx, WorkKey key, TenantId tenant, Command command);
  WorkQueue::MayHave may_have(const identity::Principal& who);
  /// Asks again who said that workers may see what waits in those queues, where that is over.
  Task<void> ask_of_waiting(Context ctx, TenantId tenant, std::vector<std::string> queues);
  Task<void> ask_of_class(Context ctx, const std::string& name, const TenantId& tenant,
                          std::string data_class, async::Semaphore& room);
  /// What the queue does not keep of an item.
  Task<Result<void>> complete(Context ctx, WorkItem* item);
  Task<std::optional<Leased>> lease_next(Context ctx, identity::Principal who, SessionId session,
                                         Duration lease_time);

  // manager_kill.cc
  struct Killing;
  Task<Result<SessionId>> top_of_kill(Context ctx, identity::Principal who, KillTarget target);
  Task<Result<void>> kill_found(Context ctx, Killing* killing);
  Task<Result<std::vector<store::SessionRow>>> open_below(Context ctx, Killing* killing,
                                                          SessionId root);
  /// Takes out of them those that the rules keep from being killed, each with its own class.
  Task<Result<void>> leave_refused(Context ctx, Killing* killing,
                                   std::vector<store::SessionRow>* rows);
  Task<Result<void>> stop_all(Context ctx, Killing* killing, std::vector<store::SessionRow> rows);
  Task<void> report_kill(Context ctx, Killing* killing, store::SessionRow row,
                         Result<uint64_t> outcome);

  // manager_steer.cc
  Task<void> wake_over_budget(Context ctx, SessionId root, Command::Kind how);

  // manager_purge.cc
  Task<Result<store::SessionRow>> begin_purge(Context ctx, SessionId id, contract::Actor by,
                                              std::string reason, identity::AuditEntry audited);
  Task<Result<void>> append_purge(Context ctx, store::SessionRow* row, contract::Actor by,
                                  std::string reason);
  Task<Result<void>> finish_purge(Context ctx, store::SessionRow row);
  Task<Result<void>> purge_due(Context ctx, SessionId id);
  void purge_later(const SessionId& id);
  Task<void> purge_in_turn(Context ctx);

  // manager_import.cc
  Task<Result<std::string>> place_import(Context ctx, State* state);

  // manager_tree.cc
  /// Asks until the store answers: a row, kNotFound, or that the context has ended.
  Task<Result<store::SessionRow>> row_of(Context ctx, SessionId id);
  Task<Result<uint64_t>> begin_child(Context ctx, SessionId child, TenantId tenant, Command start);
  Task<void> ensure_child(Context ctx, SessionId parent, SessionId child, TenantId tenant,
                          Command start);
  Task<Result<uint64_t>> cancel_child(Context ctx, SessionId child, TenantId tenant, Json how);
  Task<void> drop_orphan(Context ctx, SessionId parent, SessionId child, TenantId tenant);
  Task<void> drop_child(Context ctx, SessionId parent, SessionId child, TenantId tenant);
  Task<void> tell_of_room(Context ctx, SessionId session, TenantId tenant);
  Task<void> finish_end(Context ctx, Ending ending);
  Task<Result<void>> report_end(Context ctx, Ending ending);
  Task<Result<void>> cancel_children(Context ctx, SessionId parent, Json how);
  Task<void> save(Context ctx, SessionId session, store::Snapshot snapshot);

  // manager_recovery.cc
  using ToWake = std::vector<store::SessionFilter>;
  Task<Result<size_t>> wake_some(Context ctx, ToWake* left, bool waits);
  Task<void> wake_others(Context ctx, ToWake left);
  Task<void> finish_ends(Context ctx);
  Task<void> finish_cut_off(Context ctx, store::SessionRow row);

  Services services_;
  async::Scope scope_;
  TreePools trees_;
  WorkQueue work_;
  Timekeeper timekeeper_;
  std::unordered_map<SessionId, std::shared_ptr<Actor>> actors_;
  MonoTime room_again_{};          // when idle ones may be asked for their places again
  bool keeps_time_ = false;        // the timekeeper runs
  std::set<SessionId> beginning_;  // children whose start is under way
  std::unordered_map<SessionId, std::weak_ptr<Notifier>> notifiers_;
  std::set<SessionId> to_purge_;
  bool purging_ = false;
};

/// Who asks, as events name them.
contract::Actor actor_of(const identity::Principal& who, std::string_view type);

}  // namespace drover::session
