#pragma once
// A user's side of Drover: calls of the session manager as they come over the wire. A call reaches
// the node that serves; when that node dies the caller hears that the connection is lost and knows
// nothing of the outcome. What a call promises (an acknowledged message) is held against the book.
//
// Runs on the world's loop. The World outlives it.

#include <functional>
#include <memory>

#include "async/sync.h"
#include "session/manager.h"
#include "world/node.h"

namespace drover::world {

class World;
using async::Context;
using async::Task;

template <typename T>
using NodeCall = std::function<Task<Result<T>>(Context, session::SessionManager&)>;

class Client {
 public:
  explicit Client(World& world);
  /// One of another tenant.
  Client(World& world, TenantId tenant);

  /// One call, once. kUnavailable when nobody serves or the node died under it, and
  /// kDeadlineExceeded when no answer came: then nobody knows.
  template <typename T>
  Task<Result<T>> call(Context ctx, NodeCall<T> fn);

  /// Creates a session; tries until one is made (others may have been made as well, unknown to us).
  Task<Result<SessionId>> create(Context ctx, session::AgentSpec agent, std::string message);
  /// Posts a message exactly once: after an unknown outcome it looks whether it is there.
  Task<Result<void>> post(Context ctx, SessionId id, std::string text);
  Task<Result<void>> cancel(Context ctx, SessionId id);

  Task<Result<void>> signal(Context ctx, SessionId id, std::string name);
  Task<Result<void>> move(Context ctx, SessionId id, session::AgentSpec to);
  /// More tokens, steps, spawns and money for the session's tree.
  Task<Result<void>> raise_tree(Context ctx, SessionId id, int64_t tokens);
  Task<Result<session::State>> state(Context ctx, SessionId id);
  Task<Result<session::KillReport>> kill(Context ctx, session::KillTarget target);
  /// Purges an ended session, again until its outcome is known, and looks that nothing but the
  /// purge is left of it.
  Task<Result<void>> purge(Context ctx, SessionId id);

  /// How a session came to rest: nothing happens until somebody does something.
  struct Rest {
    std::string status;       // "waiting", "ended"
    std::string waiting_for;  // not "timer": that ends by itself
    /// How often settle() had to help.
    int helped = 0;
  };
  /// Follows the session until it rests; checks that the follower misses and repeats nothing.
  Task<Result<Rest>> rest(Context ctx, SessionId id);
  /// rest(), and gives it what it waits for, as a helpful person would: another try, a signal, a
  /// word on approvals, more budget. Until it waits for a message or its limit, or has ended.
  Task<Result<Rest>> settle(Context ctx, SessionId id, Random* random);

  const identity::Principal& who() const { return who_; }
  /// What it waits for, for people.
  const std::string& doing() const { return doing_; }

 private:
  template <typename T>
  class Call;
  template <typename T>
  static Task<void> serve(Context ctx, Node* node, std::shared_ptr<Call<T>> call, NodeCall<T> fn,
                          uint64_t number);
  Node* serving();
  uint64_t next_number();
  /// A call that is made again until its outcome is known; what must not happen twice is not made
  /// like this.
  template <typename T>
  Task<Result<T>> insist(Context ctx, NodeCall<T> fn);
  Task<Result<void>> help(Context ctx, SessionId id, std::string waiting_for, Random* random,
                          int round);
  Task<Result<void>> help_approvals(Context ctx, SessionId id, Random* random);
  /// What an open child waits for.
  Task<Result<void>> help_children(Context ctx, SessionId parent, Random* random, int round);
  Task<Result<void>> help_signals(Context ctx, SessionId id);
  Task<Result<void>> help_budget(Context ctx, SessionId id, Random* random, int round);
  Task<Result<void>> decide(Context ctx, SessionId id, session::ExtensionDecision decision);
  Task<Result<bool>> holds(Context ctx, SessionId id, std::string text);

  World& world_;
  identity::Principal who_;
  std::string doing_;
  uint64_t followed_ = 0;  // up to this event, of the one session that this client follows
};

constexpr Duration kClientTimeout = 60s;

/// Whether another try may help: the node was away, busy, or its disk full.
bool try_again(const Error& error);

template <typename T>
class Client::Call final : public Outstanding {
 public:
  async::OneShot<Result<T>> slot;
  void lost() override {
    slot.set(fail(Code::kUnavailable, "the connection is lost", Retry::kSameTarget));
  }
};

template <typename T>
Task<void> Client::serve(Context ctx, Node* node, std::shared_ptr<Call<T>> call, NodeCall<T> fn,
                         uint64_t number) {
  Task<Result<T>> work = fn(ctx, node->manager());
  Result<T> answer = co_await std::move(work);
  if (call->slot.set(std::move(answer))) node->callers().erase(number);
}

template <typename T>
Task<Result<T>> Client::call(Context ctx, NodeCall<T> fn) {
  Node* node = serving();
  if (node == nullptr) {
    CO_TRY_VOID(co_await async::sleep_for(ctx, 200ms));
    co_return fail(Code::kUnavailable, "nobody serves", Retry::kSameTarget);
  }
  auto call = std::make_shared<Call<T>>();
  uint64_t number = next_number();
  node->callers().emplace(number, call.get());
  std::function<void()> arrive = [node, call, fn, number] {
    if (node->callers().count(number) == 0) return;  // lost before it arrived
    node->scope().spawn(serve<T>(node->context(), node, call, fn, number));
  };
  node->loop().post(std::move(arrive));
  Context bounded = ctx.with_timeout(kClientTimeout);
  auto answer = co_await call->slot.take(bounded);
  // Not heard of any more: the node must not tell one who has gone.
  Node* still = serving();
  if (still == node) node->callers().erase(number);
  if (!answer) co_return fail(std::move(answer).error());
  co_return std::move(*answer);
}

template <typename T>
Task<Result<T>> Client::insist(Context ctx, NodeCall<T> fn) {
  for (;;) {
    auto answer = co_await call<T>(ctx, fn);
    if (answer || ctx.cancelled() || !try_again(answer.error())) co_return answer;
    CO_TRY_VOID(co_await async::sleep_for(ctx, 300ms));
  }
}

}  // namespace drover::world
