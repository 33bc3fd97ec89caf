#pragma once
// The journal in memory: the reference form of store/journal.h. Loop thread only.

#include <map>

#include "store/journal.h"
#include "store/memory/memory_disk.h"

namespace drover::store {

class MemoryJournal final : public Journal {
 public:
  explicit MemoryJournal(MemoryDisk& disk) : disk_(disk) {}
  Task<Result<void>> append(Context ctx, SessionRow row, uint64_t expected_last,
                            std::vector<contract::Event> events) override;
  Task<Result<std::vector<contract::Event>>> read(Context ctx, SessionId session, uint64_t from,
                                                  size_t max_events) override;
  Task<Result<SessionRow>> find(Context ctx, SessionId session) override;
  Task<Result<std::vector<SessionRow>>> list(Context ctx, SessionFilter filter) override;
  Task<Result<std::vector<SessionRow>>> due(Context ctx, WallTime until, size_t limit) override;
  Task<Result<TreeTotals>> tree(Context ctx, SessionId root) override;
  Task<Result<void>> save_snapshot(Context ctx, SessionId session, Snapshot snapshot) override;
  Task<Result<std::optional<Snapshot>>> load_snapshot(Context ctx, SessionId session) override;
  Task<Result<void>> erase(Context ctx, SessionId session) override;
  Duration last_sync() const override { return disk_.sync_time; }

 private:
  struct Session {
    SessionRow row;
    std::vector<contract::Event> events;
    std::optional<Snapshot> snapshot;
  };
  void undo(const SessionId& id, const SessionRow& before, size_t events_before);

  MemoryDisk& disk_;
  std::map<SessionId, Session> sessions_;
};

}  // namespace drover::store
