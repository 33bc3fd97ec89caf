#pragma once
// One budget for a whole tree of sessions (PITFALLS of other systems: children counted apart from
// their parent). While any session of a tree is awake its pool is in memory: what all of them used
// and reserved, summed from the index when the pool is opened, and kept in step by the actors. An
// actor asks the pool before it writes an intent, so that nothing is begun beyond the limits; what
// it counted stands in its row in the same commit, so that a crash neither frees nor loses any.
//
// Owned by the manager; pools by the actors that use them. Loop thread only.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "async/sync.h"
#include "session/state.h"
#include "store/journal.h"

namespace drover::session {

using async::Context;
using async::Task;

/// Used and reserved together.
struct TreeUse {
  int64_t steps = 0;
  int64_t tokens = 0;
  int64_t spawns = 0;
  Money cost;

  TreeUse& operator+=(const TreeUse& o);
  TreeUse operator-(const TreeUse& o) const;
  bool operator==(const TreeUse&) const = default;
};
/// The larger of each.
TreeUse most_of(const TreeUse& a, const TreeUse& b);
/// What one session's state counts.
TreeUse use_of(const State& state);

struct Shortage {
  std::string budget;  // "steps", "tokens", "money", "spawns", "time"
  std::string limit;
  std::string used;
};

class TreePool {
 public:
  TreePool(TreeLimits limits, WallTime started, TreeUse used)
      : limits_(limits), started_(started), used_(used) {}

  /// Which limit `more` would break; nullopt: none.
  std::optional<Shortage> lacks(const TreeUse& more, WallTime now) const;
  const TreeLimits& limits() const { return limits_; }
  const TreeUse& used() const { return used_; }
  WallTime started() const { return started_; }
  /// A session's count has changed.
  void count(const TreeUse& before, const TreeUse& after);
  void set_limits(TreeLimits limits) { limits_ = limits; }

 private:
  TreeLimits limits_;
  WallTime started_;
  TreeUse used_;
};

class TreePools {
 public:
  explicit TreePools(store::Journal* journal) : journal_(journal) {}
  /// The pool of that session's tree. `state` as loaded; fresh sessions without a tree cost no
  /// read.
  Task<Result<std::shared_ptr<TreePool>>> open(Context ctx, const State* state);
  /// The pool if it is in memory.
  std::shared_ptr<TreePool> find(const SessionId& root) const;

 private:
  Task<Result<std::shared_ptr<TreePool>>> load(Context ctx, const State* state);
  store::Journal* journal_;
  std::map<SessionId, std::weak_ptr<TreePool>> pools_;
  /// One loading at a time: two would count apart.
  async::Semaphore loading_{1};
};

/// Reads a session's journal (from its snapshot, if there is one) and folds it.
Task<Result<State>> load_state(Context ctx, store::Journal* journal, SessionId id);

}  // namespace drover::session
