#pragma once
// The rows of sessions that the journal knows by heart: those that changed since the index was last
// brought up (they are the overlay that queries see over it), and the ones last used. Each has one
// holder at a time: an append takes its session, so that the next waits for its outcome.
//
// Loop thread only. Limits: limits::kLogCleanRowsMax, kLogTailBytesMax; changed rows are bounded by
// the journal.

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "async/sync.h"
#include "base/limits/store.h"
#include "store/log/session_index.h"

namespace drover::store::log {

/// The newest commit of a session, for those who follow it.
using Tail = std::shared_ptr<const std::vector<contract::Event>>;

class RowCache {
 public:
  struct Entry {
    explicit Entry(SessionId session) : id(std::move(session)) {}
    SessionId id;
    /// Whether `now` is known; if so, nullopt says that there is no such session.
    bool loaded = false;
    std::optional<IndexedSession> now;
    /// Number of its last change that is not in the index; 0: the index has it.
    uint64_t change = 0;
    Tail tail;
    size_t tail_bytes = 0;

   private:
    friend class RowCache;
    bool held = false;
    size_t waiting = 0;
    async::WaitQueue waiters;
    std::list<SessionId>::iterator in_clean;
    std::list<SessionId>::iterator in_tails;  // set while it has a tail
    bool listed = false;
  };
  using EntryPtr = std::shared_ptr<Entry>;

  /// Takes the session's entry, waiting for whoever holds it. Not interrupted by the context.
  async::Task<EntryPtr> hold(async::Context ctx, SessionId id);
  void release(const EntryPtr& entry);

  /// The entry if it is known; the holder's changes show only when it made them.
  EntryPtr find(const SessionId& id) const;
  /// Keeps what the index says of a session that is not here; the caller has made sure that nobody
  /// changed it meanwhile.
  void remember(IndexedSession session);
  /// The held session changed and stands in the overlay from now on.
  void changed(const EntryPtr& entry, IndexedSession now, Tail tail, size_t tail_bytes);

  using Overlay = std::map<SessionId, EntryPtr>;
  const Overlay& overlay() const { return overlay_; }
  uint64_t last_change() const { return last_change_; }
  /// What changed up to `change` is in the index now.
  void indexed(const std::vector<SessionId>& ids, uint64_t change);

 private:
  void drop_tail(Entry& entry);
  void list_clean(const EntryPtr& entry);
  void trim();

  std::unordered_map<SessionId, EntryPtr> entries_;
  Overlay overlay_;
  std::list<SessionId> clean_;  // longest untouched first
  std::list<SessionId> tails_;  // of entries that have one, oldest first
  size_t tail_bytes_ = 0;
  uint64_t last_change_ = 0;
};

}  // namespace drover::store::log
