#pragma once
// One budget for a whole tree of sessions (PITFALLS of other systems: children counted apart from
// their parent). While any session of a tree is awake its pool is in memory: what each of them used
// and reserved, read from the index when the pool is opened, and kept in step by the actors. An
// actor asks the pool before it writes an intent, so that nothing is begun beyond the limits; what
// it counted stands in its row in the same commit, so that a crash neither frees nor loses any.
// What a session counts outlives its actor: one that ends without knowing what its last commit came
// to leaves the most of both, until the next one has read the journal.
//
// Owned by the manager; pools by the actors that use them. Loop thread only.

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

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
  std::string limit_of = {};  // a subtask's: the session above that has it; "": its own
};

/// A subtask's limit on tokens, and what of it its session and all below it used and reserved.
struct SubtaskTokens {
  SessionId of;  // whose limit; empty: of the session that asks
  int64_t max = 0;
  int64_t used = 0;

  int64_t left() const { return max - used; }
};

/// Which limit a tree that has used so much would break with `more`; nullopt: none.
std::optional<Shortage> shortage_of(const TreeLimits& limits, const TreeUse& used,
                                    const TreeUse& more, Duration age);
/// A limit as shortages name it, another text for each limit; "" for a budget that trees do not
/// have.
std::string limit_text(const TreeLimits& limits, std::string_view budget);

class TreePool {
 public:
  TreePool(TreeLimits limits, WallTime started) : limits_(limits), started_(started) {}

  const TreeLimits& limits() const { return limits_; }
  void set_limits(TreeLimits limits) { limits_ = limits; }
  WallTime started() const { return started_; }
  /// By all sessions together.
  const TreeUse& used() const { return used_; }
  /// By one of them; nothing if it was never counted.
  TreeUse part(const SessionId& session) const;
  /// Tokens by one of them and all below it.
  int64_t subtree_tokens(const SessionId& session) const;
  /// What that session counts from now on, whatever it did before. `parent`: empty at the top.
  /// Those above it may be counted later.
  void count(const SessionId& session, const SessionId& parent, const TreeUse& use);

  /// What that session and all below it may use as its parent's subtask; nullopt: it has no limit.
  void set_subtask(const SessionId& session, std::optional<int64_t> tokens);
  /// nullopt: none, or nobody has said.
  std::optional<int64_t> subtask(const SessionId& session) const;
  /// The tightest of the limits of that session and those above it.
  std::optional<SubtaskTokens> tightest(const SessionId& session) const;
  /// The lowest of that session and those above it, but for the top, of whose limit nobody has said
  /// anything; empty: there is none.
  SessionId unsaid(const SessionId& session) const;

  /// That session waits until so many tokens are left under the limit of that subtask, its own or
  /// one above it, which others hold back.
  void await_room(const SessionId& session, const SessionId& of, int64_t tokens);
  /// Those for whom there are as many now; each is told once.
  std::vector<SessionId> take_with_room();

 private:
  static constexpr int64_t kNoLimit = INT64_MAX;
  struct Part {
    TreeUse use;
    SessionId parent;                    // empty: at the top, or not counted yet
    int64_t subtree_tokens = 0;          // with its own
    std::optional<int64_t> subtask_max;  // kNoLimit: none; nullopt: nobody has said
  };
  struct Awaited {
    SessionId of;
    int64_t tokens = 0;
  };
  /// Those of that session and of all above it, upwards, until `take` says false.
  template <typename Take>
  void upwards(SessionId at, Take take) const;
  TreeLimits limits_;
  WallTime started_;
  TreeUse used_;
  std::map<SessionId, Part> parts_;
  std::map<SessionId, Awaited> awaited_;
};

class TreePools {
 public:
  explicit TreePools(store::Journal* journal) : journal_(journal) {}
  /// The pool of that session's tree, with the limits of the subtasks above it. `state` as loaded;
  /// fresh sessions without a tree cost no read.
  Task<Result<std::shared_ptr<TreePool>>> open(Context ctx, const State* state);
  /// The same for a session at the top that never had children: nothing has to be read for it, and
  /// nobody waited for. Null for any other.
  std::shared_ptr<TreePool> open_now(const State& state);
  /// What a session counts that has come into its tree from elsewhere, as its row says. In the
  /// pool, if that is in memory or is being read: what is read now may have been asked for before.
  void count(const store::SessionRow& row);

 private:
  /// The pool if it is in memory.
  std::shared_ptr<TreePool> find(const SessionId& root) const;
  Task<Result<std::shared_ptr<TreePool>>> of_tree(Context ctx, const State* state);
  Task<Result<std::shared_ptr<TreePool>>> load(Context ctx, const State* state);
  void keep(const SessionId& root, const std::shared_ptr<TreePool>& pool);
  store::Journal* journal_;
  std::unordered_map<SessionId, std::weak_ptr<TreePool>> pools_;
  /// One loading at a time: two would count apart.
  async::Semaphore loading_{1};
  struct Reading {
    SessionId root;
    std::shared_ptr<TreePool> pool;
  };
  std::optional<Reading> reading_;  // while rows are counted in it
};

/// What a session's row has of its state, whoever writes it: which session it is, where it stands,
/// in its journal and in its tree, and what it counts.
store::SessionRow row_for(const State& state);

/// What a state was folded from: the snapshot that was used (zeros: none), and what the payloads of
/// the events behind it hold.
struct FoldedFrom {
  uint64_t snapshot_at = 0;
  size_t snapshot_bytes = 0;
  int64_t bytes_since = 0;
};

/// Reads a session's journal (from its snapshot, if there is one) and folds it, as of event `last`
/// or of the newest. Its place in a tree is that of its row, and so is an imported one's key. Of a
/// purged one nothing can be folded: kFailedPrecondition, reason "purged".
Task<Result<State>> load_state(Context ctx, store::Journal* journal, store::SessionRow row,
                               uint64_t last = UINT64_MAX, FoldedFrom* from = nullptr);
/// The same for whoever has no row at hand.
Task<Result<State>> load_state(Context ctx, store::Journal* journal, SessionId id,
                               FoldedFrom* from = nullptr);
Error purged_error(const SessionId& id);

}  // namespace drover::session
