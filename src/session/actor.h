#pragma once
// The actor: the one owner of a session while it is awake. It takes commands and finished effects
// from its inbox, folds them, decides, writes everything in one commit, and only then starts what
// was decided. After a failed commit it forgets its state and loads the journal again.
//
// actor.cc: its rounds and its journal. actor_inbox.cc: what arrives, and commands.
// actor_budget.cc, actor_subtask.cc: what an intent may use. actor_effects.cc: what is started.
// actor_results.cc: what comes of it.
//
// Loop thread only; run() is one task in the manager's scope and ends when the session has ended,
// or was idle for a while: also while workers have its work, which stays in the queue.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "async/scope.h"
#include "async/sync.h"
#include "session/batch.h"
#include "session/effects.h"
#include "session/services.h"
#include "session/tree.h"
#include "session/work_queue.h"

namespace drover::session {

/// Tells an answer that was prepared.
using Tell = std::function<void()>;
/// Given what a call will return while its commit is on its way to the disk, so that an answer is
/// prepared meanwhile. What it returns is called as soon as the commit is durable, before the call
/// returns; never if it fails: then nothing of that may be told. Not called where what is returned
/// is not known in time: then only the call says it.
template <typename T>
using Ahead = std::function<Tell(const T&)>;

struct Command;
/// Where the answer to a command goes: the sequence of its event. A command that met an actor on
/// its way to sleep is in there again, unread.
struct CommandAnswer : async::OneShot<Result<uint64_t>> {
  std::unique_ptr<Command> unread;
  /// Called with what it will be if the commit that is on its way succeeds; may be null.
  Ahead<uint64_t> ahead;
  /// Tells what that prepared, at the moment when the commit is durable; null: nothing was.
  Tell tell;
};

/// Something asked of a session from outside.
struct Command {
  enum class Kind : uint8_t {
    kStart,            // session.started; "message" and "plan" beside it begin the first turn
    kMessage,          // observation
    kReward,           // reward
    kCancel,           // session.ended
    kResolve,          // wait.resolved of an approval
    kSignal,           // signal
    kExtension,        // budget.extension_decided
    kMove,             // agent.changed
    kChildEnded,       // child.ended
    kTimer,            // a wait may be due
    kWork,             // a worker's result
    kWorkLost,         // a worker has let go of an effect without one; "why" if it said so
    kWorkTimeOver,     // the time is over of the budget that bounds it: "scope", "limit"
    kNudge,            // wake up and look
    kAccountsRenewed,  // a budget of the server that had stopped it may allow it now
    kBatchEnded,       // the batch that its model call lies in has ended
  };
  Kind kind = Kind::kMessage;
  Json payload;
  contract::Actor actor;
  /// kStart, kMessage, kChildEnded: the class of what it brings.
  std::string data_class;
  /// kStart: its id was made just now, so that there is no journal to read.
  bool fresh = false;
  /// kWork, kWorkLost, kWorkTimeOver: which attempt at which effect.
  uint64_t sequence = 0;
  uint32_t attempt = 0;
  std::shared_ptr<CommandAnswer> answer;
};

/// Tells subscribers that a session's journal has grown.
struct Notifier {
  uint64_t version = 0;
  async::WaitQueue queue;
  void notify() {
    ++version;
    queue.wake_all();
  }
};

class Actor {
 public:
  Actor(Services services, SessionId id, TenantId tenant, std::shared_ptr<Notifier> notifier);

  /// Takes the command; false, and it stays the caller's, when the actor is going to sleep or its
  /// inbox is full.
  bool send(Command& command);
  /// Others want its place: if it is idle it goes to sleep now. Whether it does.
  bool rest();
  Task<void> run(Context ctx);
  bool ended() const { return state_.status == Status::kEnded; }
  /// When the session is to be looked at, as last known; for the timekeeper, once the actor sleeps.
  std::optional<WallTime> due() const { return loaded_ ? state_.look_at() : std::nullopt; }
  const State& state() const { return state_; }

 private:
  enum class EffectKind : uint8_t { kModel, kTool, kPlan };
  struct Finished {
    uint64_t sequence = 0;
    uint32_t attempt = 0;
    EffectKind kind = EffectKind::kTool;
    EffectResult result;
  };
  struct Rest {};
  struct RetryDue {};
  /// Commands by pointer: they are handed on several times, and are large.
  using Input = std::variant<std::unique_ptr<Command>, Finished, Rest, RetryDue>;
  struct Waiting {
    std::shared_ptr<CommandAnswer> answer;
    uint64_t sequence = 0;
    std::optional<Error> refusal;  // told once what was written is durable
  };

  /// What follows a round: another one, sleep, or a fresh start from the journal.
  enum class Round : uint8_t { kAgain, kSleep, kReload };

  // actor.cc
  Task<Round> awake(Context ctx);
  Task<Round> round(Context ctx, bool resumed);
  /// Nothing is lost if it sleeps until somebody wants something of it.
  bool quiet() const;
  Task<Result<void>> load(Context ctx);
  Task<Result<void>> open_pool(Context ctx);
  /// An end whose commit was not answered, and stands in the journal all the same, has
  /// consequences.
  Task<void> take_up_end(Context ctx);
  /// A child that began when its parent had ended already, in a process that ended in between.
  Task<Result<void>> look_for_parent(Context ctx);
  Task<Result<void>> commit(Context ctx, Batch& batch);
  /// Whether there may be scratch data that is not where the journal says.
  bool untidy() const;
  /// Such data goes.
  Task<void> tidy_scratch(Context ctx);
  store::SessionRow row() const;
  void keep_snapshot();
  Result<void> go_on(Batch& batch);
  /// What the tree has used, with our own part as it would be after this batch.
  TreeUse tree_used() const;
  const TreeLimits& tree_limits() const;
  std::optional<Shortage> tree_lacks(const TreeUse& more) const;
  Result<void> add_decisions(Batch& batch);
  Result<void> add(Batch& batch, Draft&& draft);
  /// While a commit is on its way: what will be answered is known, and what workers will be
  /// offered.
  void post_look_ahead();
  void look_ahead();
  void tell_prepared();
  void answer_all(const Result<void>& status);
  void refuse_commands(const Error& error);

  // actor_inbox.cc
  void take(Input& input, Batch& batch, Result<void>& status);
  Result<void> take_command(Command& command, Batch& batch);
  Result<uint64_t> draft_command(Command& command, Batch& batch);
  Result<uint64_t> start(Command& command, Batch& batch);
  Result<uint64_t> message(Command& command, Batch& batch);
  Result<uint64_t> resolve(Command& command, Batch& batch);
  Result<uint64_t> extension(Command& command, Batch& batch);
  Result<uint64_t> child_ended(Command& command, Batch& batch);
  Result<uint64_t> timers(Batch& batch);
  bool only_offers() const;
  Result<uint64_t> retire(Batch& batch);
  /// Its model call is no longer in a batch: another attempt takes the answer, or makes it anew.
  Result<void> leave_batch(Batch& batch, std::string_view outcome);
  Result<void> settle_abandoned(Batch& batch);
  Result<uint64_t> cancel(Json payload, contract::Actor who, Batch& batch);
  /// Somebody does this effect, or is about to.
  bool taken_up(uint64_t sequence) const {
    return running_.count(sequence) != 0 || drafted_.count(sequence) != 0;
  }

  // actor_results.cc
  Result<uint64_t> work(Command& command, Batch& batch, std::optional<Error>& refusal);
  Result<uint64_t> tool_work(Command& command, Batch& batch);
  Result<uint64_t> plan_work(Command& command, Batch& batch);
  Result<void> take_finished(Finished& finished, Batch& batch);
  Result<void> settle(const Finished& finished, Batch& batch);
  Result<void> cut(const Finished& finished, Batch& batch);
  Result<void> work_given_up(uint64_t sequence, uint32_t attempt, Batch& batch);
  Result<void> work_out_of_time(const Command& over, Batch& batch);
  Result<void> add_new_attempts(Batch& batch);
  Result<void> give_up_exhausted(Batch& batch);
  /// A further attempt at an effect, with why the last one was given back.
  Result<void> try_again(Draft&& again, Batch& batch);
  /// The same for what gives it up: "; the last was given back: …".
  std::string given_back_text(Draft& draft);
  /// Why that attempt was given back; empty if it was not, or nobody said.
  std::string why_given_back(uint64_t sequence, uint32_t attempt) const;
  bool pending(uint64_t sequence, uint32_t attempt) const;

  // actor_budget.cc
  /// Before a commit: the pool holds the most of what the journal says of us and of what is about
  /// to be written, so that nothing is free for others before it is durable.
  void count_in_pool();
  /// After a commit or a load: the pool counts what the journal says, and has its limits. Who
  /// waits for what it lets go of is told.
  void settle_in_pool();
  /// The limit elsewhere that stopped the session was raised, or others let go of what it needs,
  /// also under its own: it goes on.
  Result<void> take_raise(Batch& batch);
  /// Writes the intent if the budgets allow it, otherwise what they say. True when it was written.
  Result<bool> admit(Draft&& draft, Batch& batch);
  Result<bool> admit_model_call(Draft&& draft, Batch& batch);
  Result<bool> admit_child(Draft&& draft, Batch& batch);
  Result<bool> admit_step(const Draft& draft, Batch& batch);
  Result<bool> admit_in_time(const Draft& draft, Batch& batch);
  /// Whether another step would be admitted now.
  bool step_allowed();
  /// `effect`: the pending call that is refused another attempt; 0: nothing was begun.
  Result<void> exceeded(Batch& batch, const Shortage& shortage, std::string_view scope,
                        uint64_t effect = 0);
  /// For an effect that begins now.
  std::optional<TimeLeft> time_left() const;
  /// What a limit that another journal has is now, as text.
  std::string limit_now(const OverBudget& over) const;
  /// How much of that budget is used, as text; "" where nothing counts it.
  std::string used_text(const OverBudget& budget) const;

  // actor_subtask.cc
  /// How much time that budget gives now, as time_left() names it; "" where there is none.
  std::string time_limit(std::string_view scope) const;
  /// How long it has been at it, without what budgets had stopped it.
  Duration subtask_age() const;
  /// The tightest of its own limit on tokens and those of the subtasks above it, with its own part
  /// as it would be after this batch; nullopt: there is none.
  std::optional<SubtaskTokens> subtask_tokens() const;
  /// By how much this batch changes what it used and reserved.
  int64_t subtask_news() const;
  std::optional<Shortage> subtask_lacks(int64_t tokens) const;
  /// Whether its own budget, and those above it, have room for so many tokens, and time; if not, it
  /// says so and pauses.
  Result<bool> within_subtask(int64_t tokens, Batch& batch, uint64_t effect = 0);
  /// A subtask's tokens stopped it, its own or those of one above it, and it goes on by itself once
  /// others let go of enough.
  bool awaits_room() const;
  /// And they have.
  bool finds_room() const;
  void share_subtask(Draft& spawn) const;
  std::string subtask_used(const OverBudget& budget) const;

  // actor_effects.cc
  void start_effects();
  void start_model_call();
  void start_plan();
  /// `ahead`: only what is offered to workers, and held until it is durable.
  void start_tool_calls(bool ahead = false);
  void start_children();
  void tell_ending(store::SessionRow row);
  void arm_timer();
  void schedule_retry();
  /// Whether workers may be offered the session's work: nullopt: that is being asked, or will be.
  std::optional<Result<void>> workers_may_see();
  /// Whether that could not be said, and is asked again later.
  bool asks_later(const Result<void>& seen);
  Task<void> ask_about_workers(Context ctx, std::string data_class);
  void offer_work(uint64_t sequence, uint32_t attempt, const PendingToolCall* call,
                  bool ahead = false);
  void withdraw_work();
  /// What is offered or leased is over with the time that its budgets leave.
  void end_work_in_time(const WorkKey& key);
  /// What the queue still has of before it slept goes on there, as the same attempt.
  void adopt_work();
  /// It goes to sleep, and its work stays in the queue.
  void leave_work();
  std::string class_of_result(const Command& command) const;
  /// Nobody does this effect any more.
  void put_down(uint64_t sequence);
  /// Effects of a turn run under its span, in the session's trace.
  Context turn_context();
  void end_turn();
  Task<void> do_model(Context ctx, ModelTask task);
  Task<void> do_tool(Context ctx, ToolTask task);
  Task<void> do_plan(Context ctx, PlanTask task);
  Task<void> wake_later(Context ctx, Duration d);
  Task<void> wake_at(Context ctx, WallTime due);

  Services services_;
  State state_;
  std::shared_ptr<Notifier> notifier_;
  async::Channel<Input> inbox_;
  async::Scope* effects_ = nullptr;
  /// Effects with an attempt in the batch at hand: not begun yet, and not given up either.
  std::set<uint64_t> drafted_;
  std::set<uint64_t> running_;           // sequences of effects under way
  std::map<uint64_t, WorkKey> offered_;  // those of them that workers do
  /// Why attempts were given back that no other one followed yet.
  struct GivenBack {
    uint32_t attempt = 0;
    std::string why;
  };
  std::map<uint64_t, GivenBack> given_back_;
  /// The class that an external authoriser was last asked about, for the queue's workers, and when.
  std::optional<std::string> workers_asked_for_;
  MonoTime workers_asked_at_{};
  bool asking_about_workers_ = false;
  bool ask_later_ = false;         // nobody could say: asked again with the next retry
  int unasked_ = 0;                // how many times in a row
  std::set<SessionId> known_;      // children that exist
  std::set<SessionId> cancelled_;  // children that were told to stop
  std::shared_ptr<TreePool> pool_;
  bool fresh_ = false;  // the journal has nothing of it: it was never loaded, nor written
  bool loaded_ = false;
  bool committing_ = false;
  bool looked_ahead_ = false;
  bool idle_ = false;  // waits for something to arrive
  bool asleep_ = false;
  bool ending_ = false;         // the end was written: its consequences follow
  std::optional<Json> orphan_;  // nobody needs it any more, and how it ends: end_with()
  bool retry_ = false;          // the last model call or plan failed and may be tried again
  bool no_place_ = false;       // the queues were full: what they did not take is offered again
  bool retry_scheduled_ = false;
  int failures_ = 0;
  Duration reload_pause_{};  // before the next fresh start; longer with each commit that fails
  std::optional<WallTime> armed_;
  WallTime created_{};
  uint64_t snapshot_at_ = 0;
  int64_t bytes_since_ = 0;
  size_t snapshot_bytes_ = 0;
  std::vector<Waiting> waiting_;
  std::optional<trace::Span> turn_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace drover::session
