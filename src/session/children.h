#pragma once
// What an actor asks of the manager about other sessions of its tree. Nothing here waits: the
// outcome comes back as a command to the actor's inbox (child.ended), or is taken up again when the
// session is next loaded. Loop thread only.

#include "session/state.h"
#include "store/journal.h"

namespace drover::session {

/// A bit of SessionRow::pending beside the store's own: the session has open children, of which
/// some may not exist yet when the process ends here.
inline constexpr uint32_t kEnsureChildren = 4;
/// Another one: its tree's budget stopped it, or a subtask's, and may have been raised when the
/// process ends here, or others have let go of what it needs, before anybody could tell.
inline constexpr uint32_t kAwaitsRaise = 8;

/// An end that has consequences elsewhere: `row` says which are still to be done.
struct Ending {
  store::SessionRow row;
  std::string result;
  std::string data_class;
  int64_t steps = 0;
  int64_t tokens = 0;
  Money cost;
};

/// Of a session that has ended, as its journal says.
Ending ending_of(store::SessionRow row, const State& state);

/// How a child ends whose parent's row that is, as session.ended has it: killed where its parent
/// was, and cancelled after any other end. Nothing while the parent has not ended.
std::optional<Json> end_with(const store::SessionRow& parent);

/// The manager, as an actor sees it.
class Children {
 public:
  virtual ~Children() = default;
  /// Makes sure that the child exists, and that its end is told to the parent if it has ended.
  virtual void ensure(const State& parent, const ChildTask& task) = 0;
  /// The child's result is not needed any more: it is stopped, and its end told to the parent.
  virtual void drop(const State& parent, const SessionId& child) = 0;
  /// A session of the same tree finds tokens that it waits for: others have let go of them.
  virtual void nudge(const SessionId& session, const TenantId& tenant) = 0;
  /// Keeps a snapshot beside the journal, some time.
  virtual void keep(const SessionId& session, store::Snapshot snapshot) = 0;
  /// Tells the parent, cancels the children, then marks the row as done.
  virtual void ended(Ending ending) = 0;
};

}  // namespace drover::session
