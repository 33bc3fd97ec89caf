#pragma once
// The actor: the one owner of a session while it is awake. It takes commands and finished effects
// from its inbox, folds them, decides, writes everything in one commit, and only then starts what
// was decided. After a failed commit it forgets its state and loads the journal again.
//
// Loop thread only; run() is one task in the manager's scope and ends when the session has ended
// or was idle for a while.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "async/scope.h"
#include "async/sync.h"
#include "session/draft.h"
#include "session/effects.h"
#include "session/services.h"

namespace drover::session {

/// Something asked of a session from outside; the answer is the sequence of its event.
struct Command {
  enum class Kind : uint8_t { kStart, kMessage, kReward, kCancel };
  Kind kind = Kind::kMessage;
  Json payload;
  contract::Actor actor;
  std::shared_ptr<async::OneShot<Result<uint64_t>>> answer;
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

  /// False when the actor is going to sleep or its inbox is full.
  bool send(Command command);
  Task<void> run(Context ctx);
  bool ended() const { return state_.status == Status::kEnded; }

 private:
  struct Finished {
    uint64_t sequence = 0;
    uint32_t attempt = 0;
    bool model = false;
    EffectResult result;
  };
  struct RetryDue {};
  using Input = std::variant<Command, Finished, RetryDue>;
  struct Waiting {
    std::shared_ptr<async::OneShot<Result<uint64_t>>> answer;
    uint64_t sequence = 0;
  };

  /// What follows a round: another one, sleep, or a fresh start from the journal.
  enum class Round : uint8_t { kAgain, kSleep, kReload };

  Task<Round> awake(Context ctx);
  Task<Round> round(Context ctx, async::Scope& effects, bool resumed);
  Task<Result<void>> load(Context ctx);
  Task<Result<void>> commit(Context ctx, Batch& batch);
  void take(Input input, Batch& batch, Result<void>& status);
  Result<void> take_command(Command& command, Batch& batch);
  Result<void> take_finished(Finished& finished, Batch& batch);
  Result<void> add_decisions(Batch& batch);
  Result<void> add_new_attempts(Batch& batch);
  bool pending(const Finished& finished) const;
  void start_effects();
  /// Effects of a turn run under its span, in the session's trace.
  Context turn_context();
  void end_turn();
  void schedule_retry();
  Task<void> do_model(Context ctx, ModelTask task);
  Task<void> do_tool(Context ctx, ToolTask task);
  Task<void> wake_later(Context ctx, Duration d);
  void refuse_commands(const Error& error);
  void answer_all(const Result<void>& status);
  store::SessionRow row() const;

  Services services_;
  State state_;
  std::shared_ptr<Notifier> notifier_;
  async::Channel<Input> inbox_;
  async::Scope* effects_ = nullptr;
  std::set<uint64_t> running_;  // sequences of effects under way
  bool loaded_ = false;
  bool asleep_ = false;
  bool retry_model_ = false;  // the last model call failed and may be tried again
  bool retry_scheduled_ = false;
  int model_failures_ = 0;
  WallTime created_{};
  std::vector<Waiting> waiting_;
  std::optional<trace::Span> turn_;
};

}  // namespace drover::session
