#pragma once
// The rows of sessions that the journal knows by heart: those that changed since the index was last
// brought up (they are the overlay that queries see over it), and the ones last used. Each has one
// holder at a time: an append takes its session, so that the next waits for its outcome.
//
// Loop thread only. Limits: limits::kLogCleanRowsMax, kLogTailBytesMax; changed rows are bounded by
// the journal.

#include <list>
#include <memory>
#include <optional>
#include <unordered_map>

#include "async/sync.h"
#include "base/limits/store.h"
#include "store/log/session_index.h"

namespace drover::store::log {

/// The newest commit of a session that holds events, for those who follow it: its frame as it
/// stands in the log (one piece of memory; few are ever read), and its first event's sequence.
struct Tail {
  std::shared_ptr<const std::string> frame;
  uint64_t first = 0;
};

class RowCache {
 public:
  struct Entry;
  using EntryPtr = std::shared_ptr<Entry>;
  struct Entry {
    explicit Entry(SessionId session) : id(std::move(session)) {}
    SessionId id;
    /// Whether `now` is known; if so, nullopt says that there is no such session.
    bool loaded = false;
    std::optional<IndexedSession> now;
    /// Number of its last change that is not in the index; 0: the index has it.
    uint64_t change = 0;
    Tail tail;

   private:
    friend class RowCache;
    bool held = false;
    size_t waiting = 0;
    async::WaitQueue waiters;
    std::list<EntryPtr>::iterator in_overlay;  // set while `change` is not 0
    std::list<EntryPtr>::iterator in_clean;    // set while it is listed
    std::list<EntryPtr>::iterator in_tails;    // set while it has a tail
    bool listed = false;
  };

  /// Takes the session's entry, waiting for whoever holds it. Not interrupted by the context.
  async::Task<EntryPtr> hold(async::Context ctx, SessionId id);
  /// The same at once; null where somebody holds it.
  EntryPtr try_hold(const SessionId& id);
  void release(const EntryPtr& entry);

  /// The entry if it is known; the holder's changes show only when it made them.
  EntryPtr find(const SessionId& id) const;
  /// Keeps what the index says of a session that is not here; the caller has made sure that nobody
  /// changed it meanwhile.
  void remember(IndexedSession session);
  /// The held session changed and stands in the overlay from now on. Without a new tail the one
  /// that it has stays.
  void changed(const EntryPtr& entry, IndexedSession&& now, std::optional<Tail> tail);

  /// What changed since the index was brought up, in no order that means anything.
  using Overlay = std::list<EntryPtr>;
  const Overlay& overlay() const { return overlay_; }
  bool overlays(const SessionId& id) const;
  uint64_t last_change() const { return last_change_; }
  /// What changed up to `change` is in the index now.
  void indexed(uint64_t change);

 private:
  /// The entry, listed no more; new if it is not known.
  EntryPtr take_up(const SessionId& id);
  void drop_tail(Entry& entry);
  void list_clean(const EntryPtr& entry);
  void trim();

  std::unordered_map<SessionId, EntryPtr> entries_;
  Overlay overlay_;
  std::list<EntryPtr> clean_;  // longest untouched first
  std::list<EntryPtr> tails_;  // entries that have one, oldest first
  size_t tail_bytes_ = 0;
  uint64_t last_change_ = 0;
};

}  // namespace drover::store::log
