#pragma once
// The index in memory: for simulations and tests. It is empty after each start, so opening a
// journal reads its whole log. One thread.

#include <map>

#include "store/log/session_index.h"

namespace drover::store::log {

class MemoryIndex final : public SessionIndex {
 public:
  Result<Position> covered(const std::string& log_id) override;
  Result<void> reset(const std::string& log_id) override;
  Result<void> apply(const std::vector<IndexedSession>& sessions, Position covered) override;
  Result<std::optional<IndexedSession>> find(const SessionId& id) override;
  Result<SessionId> newest() override;
  Result<std::vector<SessionRow>> list(const SessionFilter& filter) override;
  Result<std::vector<SessionRow>> due(WallTime until, size_t limit) override;
  Result<std::vector<SessionRow>> tree(const SessionId& root) override;
  Result<void> remove_snapshot(const SessionId& id) override;
  Result<void> save_snapshot(const SessionId& id, const Snapshot& snapshot) override;
  Result<std::optional<Snapshot>> load_snapshot(const SessionId& id) override;

 private:
  std::string log_id_;
  Position covered_ = 0;
  std::map<SessionId, IndexedSession> sessions_;
  std::map<SessionId, Snapshot> snapshots_;
};

}  // namespace drover::store::log
