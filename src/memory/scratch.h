#pragma once
// Scratch data: the memory of one session alone (a namespace with {session} in its pattern), which
// lies in one of several stores and follows the session from one to another. What the session's
// journal says is where it lies; nothing else is asked.
//
// A move is: a note in the store it goes to, a copy there, the commit of the session's journal
// (the caller's), the removal of what is left behind, the note's removal. Each part can be
// repeated. A crash before the commit leaves a copy that nobody reads, one after it leaves the old
// data: both are found by the note, and settle() removes whatever is not where the journal says.
// While a move is unsettled, what others write there is refused.
//
// Made and owned by src/app, outlives the sessions; loop thread only. A session's calls of this
// come one after another: its actor sees to that. Memory while moving is bounded by
// limits::kScratchChunkBytes and one record.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "memory/memory.h"

namespace drover::memory {

/// Whose scratch it is.
struct ScratchOwner {
  SessionId session;
  TenantId tenant;
  std::string name_space;
};

/// How much there is.
struct ScratchSize {
  uint64_t records = 0;
  uint64_t bytes = 0;  // of keys, texts and values
  /// Of all of it, as text: each record has its own, and may be stricter than the session's.
  std::string data_class;
};

class Scratch {
 public:
  /// Outlives it, with its stores, among which the moves go.
  explicit Scratch(Memory& memory) : memory_(memory) {}

  /// Reads the notes of moves that were not settled. Once, before anything else.
  Task<Result<void>> open(Context ctx);
  bool unsettled(const SessionId& session) const { return moves_.contains(session); }
  std::vector<SessionId> unsettled() const;

  /// Counted when it was changed since; cheap otherwise.
  Task<Result<ScratchSize>> size(Context ctx, ScratchOwner owner, std::string store);
  /// Copies all of it. Until settle() both stores have it. On error nothing has moved, and what was
  /// copied is removed as far as that works. `asked`: the class, as text, that the other store may
  /// hold; a record of a stricter one (it was written meanwhile) is such an error.
  Task<Result<ScratchSize>> move(Context ctx, ScratchOwner owner, std::string from, std::string to,
                                 std::string asked);
  /// What is not in `live`, where the journal says it is, goes ("": the journal knows no such
  /// session, and all of it goes). An error leaves the move unsettled:
  /// it is to be called again.
  Task<Result<void>> settle(Context ctx, SessionId session, std::string live);

  // For Memory.
  bool moving(const TenantId& tenant, const std::string& name_space) const;
  void changed(const TenantId& tenant, const std::string& name_space);

 private:
  struct Move {
    ScratchOwner owner;
    std::string from;
    std::string to;
    std::string asked;  // the class that it may have; not noted: nothing is copied after a start
  };
  struct Known {
    std::string store;
    ScratchSize size;
  };
  Task<Result<ScratchSize>> copy(Context ctx, const Move* move, store::Records* from,
                                 store::Records* to);
  Task<Result<void>> note(Context ctx, const Move* move);
  Task<Result<ScratchSize>> note_and_copy(Context ctx, const Move* move, store::Records* from,
                                          store::Records* to);

  Memory& memory_;
  std::map<SessionId, Move> moves_;  // not settled
  std::map<std::pair<TenantId, std::string>, Known> sizes_;
};

}  // namespace drover::memory
