#include "store/log/row_cache.h"

#include "base/assert.h"
#include "base/limits/store.h"

namespace drover::store::log {

RowCache::EntryPtr RowCache::take_up(const SessionId& id) {
  EntryPtr& slot = entries_[id];
  if (slot == nullptr) slot = std::make_shared<Entry>(id);
  if (std::exchange(slot->listed, false)) clean_.erase(slot->in_clean);
  return slot;
}

RowCache::EntryPtr RowCache::try_hold(const SessionId& id) {
  EntryPtr entry = take_up(id);
  if (entry->held) return nullptr;
  entry->held = true;
  return entry;
}

async::Task<RowCache::EntryPtr> RowCache::hold(async::Context ctx, SessionId id) {
  EntryPtr entry = take_up(id);
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

void RowCache::changed(const EntryPtr& entry, IndexedSession&& now, std::optional<Tail> tail) {
  entry->now = std::move(now);
  if (entry->change == 0) entry->in_overlay = overlay_.insert(overlay_.end(), entry);
  entry->change = ++last_change_;
  if (!tail) return;
  drop_tail(*entry);
  if (tail->frame == nullptr) return;
  entry->tail = std::move(*tail);
  entry->in_tails = tails_.insert(tails_.end(), entry);
  tail_bytes_ += entry->tail.frame->size();
  while (tail_bytes_ > limits::kLogTailBytesMax) drop_tail(*tails_.front());
}

bool RowCache::overlays(const SessionId& id) const {
  auto it = entries_.find(id);
  return it != entries_.end() && it->second->change != 0;
}

void RowCache::drop_tail(Entry& entry) {
  if (entry.tail.frame == nullptr) return;
  tail_bytes_ -= entry.tail.frame->size();
  entry.tail = Tail();
  tails_.erase(entry.in_tails);
}

void RowCache::list_clean(const EntryPtr& entry) {
  entry->in_clean = clean_.insert(clean_.end(), entry);
  entry->listed = true;
  trim();
}

void RowCache::trim() {
  while (clean_.size() > limits::kLogCleanRowsMax) {
    const EntryPtr entry = std::move(clean_.front());
    clean_.pop_front();
    drop_tail(*entry);
    entry->listed = false;
    entries_.erase(entry->id);
  }
}

void RowCache::indexed(uint64_t change) {
  for (auto it = overlay_.begin(); it != overlay_.end();) {
    const EntryPtr entry = *it;
    if (entry->change > change) {
      ++it;
      continue;
    }
    it = overlay_.erase(it);
    entry->change = 0;
    if (!entry->held && entry->waiting == 0) list_clean(entry);
  }
}

}  // namespace drover::store::log
