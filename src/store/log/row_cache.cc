#include "store/log/row_cache.h"

#include "base/assert.h"
#include "base/limits/store.h"

namespace drover::store::log {

async::Task<RowCache::EntryPtr> RowCache::hold(async::Context ctx, SessionId id) {
  EntryPtr& slot = entries_[id];
  if (slot == nullptr) slot = std::make_shared<Entry>(id);
  EntryPtr entry = slot;
  if (std::exchange(entry->listed, false)) clean_.erase(entry->in_clean);
  if (entry->held) {
    async::Context quiet = ctx.detached();
    ++entry->waiting;
    while (entry->held) {
      async::Wake wake = co_await entry->waiters.wait(quiet);
      (void)wake;
    }
    --entry->waiting;
  }
  entry->held = true;
  co_return entry;
}

void RowCache::release(const EntryPtr& entry) {
  DROVER_ASSERT(entry->held);
  entry->held = false;
  if (entry->waiters.wake_one()) return;
  if (entry->waiting > 0) return;
  if (!entry->loaded || !entry->now) {
    // Nothing is known of it, or there is no such session: not worth a place.
    entries_.erase(entry->id);
    return;
  }
  if (entry->change == 0) list_clean(entry);
}

RowCache::EntryPtr RowCache::find(const SessionId& id) const {
  auto it = entries_.find(id);
  return it == entries_.end() ? nullptr : it->second;
}

void RowCache::remember(IndexedSession session) {
  EntryPtr& slot = entries_[session.row.id];
  if (slot != nullptr) return;
  slot = std::make_shared<Entry>(session.row.id);
  slot->loaded = true;
  slot->now = std::move(session);
  const EntryPtr entry = slot;
  list_clean(entry);
}

void RowCache::changed(const EntryPtr& entry, IndexedSession now, Tail tail, size_t tail_bytes) {
  entry->now = std::move(now);
  entry->change = ++last_change_;
  overlay_.emplace(entry->id, entry);
  drop_tail(*entry);
  if (tail == nullptr) return;
  entry->tail = std::move(tail);
  entry->tail_bytes = tail_bytes;
  entry->in_tails = tails_.insert(tails_.end(), entry->id);
  tail_bytes_ += tail_bytes;
  while (tail_bytes_ > limits::kLogTailBytesMax) drop_tail(*entries_.at(tails_.front()));
}

void RowCache::drop_tail(Entry& entry) {
  if (entry.tail == nullptr) return;
  tails_.erase(entry.in_tails);
  tail_bytes_ -= entry.tail_bytes;
  entry.tail_bytes = 0;
  entry.tail.reset();
}

void RowCache::list_clean(const EntryPtr& entry) {
  entry->in_clean = clean_.insert(clean_.end(), entry->id);
  entry->listed = true;
  trim();
}

void RowCache::trim() {
  while (clean_.size() > limits::kLogCleanRowsMax) {
    auto it = entries_.find(clean_.front());
    clean_.pop_front();
    drop_tail(*it->second);
    it->second->listed = false;
    entries_.erase(it);
  }
}

void RowCache::indexed(const std::vector<SessionId>& ids, uint64_t change) {
  for (const SessionId& id : ids) {
    auto it = overlay_.find(id);
    if (it == overlay_.end() || it->second->change > change) continue;
    const EntryPtr entry = it->second;
    entry->change = 0;
    overlay_.erase(it);
    if (!entry->held && entry->waiting == 0) list_clean(entry);
  }
}

}  // namespace drover::store::log
