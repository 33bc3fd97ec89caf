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

  /// One call, once. kUnavailable when nobody serves or the node died under it, and
  /// kDeadlineExceeded when no answer came: then nobody knows.
  template <typename T>
  Task<Result<T>> call(Context ctx, NodeCall<T> fn);

  /// Creates a session; tries until one is made (others may have been made as well, unknown to us).
  Task<Result<SessionId>> create(Context ctx, session::AgentSpec agent, std::string message);
  /// Posts a message exactly once: after an unknown outcome it looks whether it is there.
  Task<Result<void>> post(Context ctx, SessionId id, std::string text);
  Task<Result<void>> cancel(Context ctx, SessionId id);

  /// How a turn came to rest.
  struct Rest {
    std::string status;  // "waiting", "ended"
    /// It gave its model up and waits for a message.
    bool model_failed = false;
    std::string last_kind;
    /// How often another try was asked for, by settle().
    int again = 0;
  };
  /// Follows the session until it rests; checks that the follower misses and repeats nothing.
  Task<Result<Rest>> rest(Context ctx, SessionId id);
  /// rest(), and whenever the model was given up asks for another try.
  Task<Result<Rest>> settle(Context ctx, SessionId id);

  const identity::Principal& who() const { return who_; }

 private:
  template <typename T>
  class Call;
  template <typename T>
  static Task<void> serve(Context ctx, Node* node, std::shared_ptr<Call<T>> call, NodeCall<T> fn,
                          uint64_t number);
  Node* serving();
  uint64_t next_number();
  Task<Result<bool>> holds(Context ctx, SessionId id, std::string text);

  World& world_;
  identity::Principal who_;
  uint64_t followed_ = 0;  // up to this event, of the one session that this client follows
  std::string last_kind_;
  bool model_failed_ = false;
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

}  // namespace drover::world
