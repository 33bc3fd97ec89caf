#include "store/log/memory_index.h"

#include <algorithm>

#include "store/journal_rules.h"

namespace drover::store::log {

Result<Position> MemoryIndex::covered(const std::string& log_id) {
  return log_id == log_id_ ? covered_ : 0;
}

Result<void> MemoryIndex::reset(const std::string& log_id) {
  log_id_ = log_id;
  covered_ = 0;
  sessions_.clear();
  snapshots_.clear();
  return {};
}

Result<void> MemoryIndex::apply(const std::vector<IndexedSession>& sessions, Position covered) {
  for (const IndexedSession& session : sessions) sessions_[session.row.id] = session;
  covered_ = covered;
  return {};
}

Result<std::optional<IndexedSession>> MemoryIndex::find(const SessionId& id) {
  auto it = sessions_.find(id);
  if (it == sessions_.end()) return std::nullopt;
  return it->second;
}

Result<SessionId> MemoryIndex::newest() {
  return sessions_.empty() ? SessionId() : sessions_.rbegin()->first;
}

Result<std::vector<SessionRow>> MemoryIndex::list(const SessionFilter& filter) {
  std::vector<SessionRow> out;
  for (auto it = sessions_.rbegin(); it != sessions_.rend() && out.size() < filter.limit; ++it) {
    if (matches(filter, it->second.row)) out.push_back(it->second.row);
  }
  return out;
}

Result<std::vector<SessionRow>> MemoryIndex::due(WallTime until, size_t limit) {
  std::vector<SessionRow> out;
  for (const auto& [id, session] : sessions_) {
    if (session.row.due && *session.row.due <= until) out.push_back(session.row);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const SessionRow& a, const SessionRow& b) { return *a.due < *b.due; });
  if (out.size() > limit) out.resize(limit);
  return out;
}

Result<std::vector<SessionRow>> MemoryIndex::tree(const SessionId& root) {
  std::vector<SessionRow> out;
  for (const auto& [id, session] : sessions_) {
    if (session.row.root == root) out.push_back(session.row);
  }
  return out;
}

Result<void> MemoryIndex::remove_snapshot(const SessionId& id) {
  snapshots_.erase(id);
  return {};
}

Result<void> MemoryIndex::save_snapshot(const SessionId& id, const Snapshot& snapshot) {
  snapshots_[id] = snapshot;
  return {};
}

Result<std::optional<Snapshot>> MemoryIndex::load_snapshot(const SessionId& id) {
  auto it = snapshots_.find(id);
  if (it == snapshots_.end()) return std::nullopt;
  return it->second;
}

}  // namespace drover::store::log
