#pragma once
// Sessions as the rest of the program sees them: create, talk, cancel, read, follow. Each call
// takes the principal and passes identity::authorise; another tenant's session is not found.
//
// A session's actor is awake only while there is something to do. At start, recover() wakes every
// session that was running when the process ended. Loop thread only; shut down with stop().

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/scope.h"
#include "identity/principal.h"
#include "session/actor.h"
#include "session/services.h"

namespace drover::session {

struct NewSession {
  AgentSpec agent;
  Json labels;  // null or an object of short texts
  /// First message of the user; absent: the session waits for one.
  std::optional<contract::Message> message;
};

class SessionManager {
 public:
  SessionManager(Services services, const Context& parent);
  ~SessionManager();

  /// Durable when it returns.
  Task<Result<SessionId>> create(Context ctx, identity::Principal who, NewSession spec);
  /// The sequence of the observation.
  Task<Result<uint64_t>> post_message(Context ctx, identity::Principal who, SessionId id,
                                      contract::Message message);
  Task<Result<uint64_t>> reward(Context ctx, identity::Principal who, SessionId id, Json payload);
  Task<Result<uint64_t>> cancel(Context ctx, identity::Principal who, SessionId id,
                                std::string why);

  Task<Result<store::SessionRow>> find(Context ctx, identity::Principal who, SessionId id);
  Task<Result<std::vector<store::SessionRow>>> list(Context ctx, identity::Principal who,
                                                    store::SessionFilter filter);
  /// The folded state, for showing.
  Task<Result<State>> state(Context ctx, identity::Principal who, SessionId id);
  Task<Result<std::vector<contract::Event>>> events(Context ctx, identity::Principal who,
                                                    SessionId id, uint64_t from, size_t max);
  /// Like events(), but waits until there is at least one; empty when the session has ended and
  /// nothing follows. Re-readable from any position, so a follower never misses or repeats one.
  Task<Result<std::vector<contract::Event>>> follow(Context ctx, identity::Principal who,
                                                    SessionId id, uint64_t from, size_t max);
  /// Takes in an exported session: chain verified, then stored as it stands.
  Task<Result<SessionId>> import(Context ctx, identity::Principal who,
                                 std::vector<contract::Event> events);

  /// Wakes what was running; returns how many sessions.
  Task<Result<size_t>> recover(Context ctx);
  /// Puts all actors to sleep; their sessions go on at the next start.
  Task<void> stop();
  size_t awake() const { return actors_.size(); }

 private:
  Task<Result<uint64_t>> command(Context ctx, SessionId id, TenantId tenant, Command command);
  /// Makes sure that the session has an actor and hands it the command; false if it takes none now.
  bool wake(const SessionId& id, const TenantId& tenant, std::optional<Command> command);
  Task<void> drive(Context ctx, std::shared_ptr<Actor> actor, SessionId id);
  std::shared_ptr<Notifier> notifier(const SessionId& id);
  Task<Result<store::SessionRow>> authorised(Context ctx, identity::Principal who, SessionId id,
                                             identity::Action action);

  Services services_;
  async::Scope scope_;
  std::map<SessionId, std::shared_ptr<Actor>> actors_;
  std::map<SessionId, std::weak_ptr<Notifier>> notifiers_;
};

}  // namespace drover::session
