#pragma once
// A node's way to the store: the journal as its session manager sees it. Refuses the dead, strikes
// at crash points, tells the book what was acknowledged. Owned by its node. Loop thread only.

#include "store/journal.h"
#include "world/life.h"

namespace drover::world {

class World;
using async::Context;
using async::Task;

class NodeJournal final : public store::Journal {
 public:
  NodeJournal(World& world, int node, Life& life) : world_(world), node_(node), life_(life) {}

  Task<Result<void>> append(Context ctx, store::SessionRow row, uint64_t expected_last,
                            std::vector<contract::Event> events) override;
  Task<Result<std::vector<contract::Event>>> read(Context ctx, SessionId session, uint64_t from,
                                                  size_t max_events) override;
  Task<Result<store::SessionRow>> find(Context ctx, SessionId session) override;
  Task<Result<std::vector<store::SessionRow>>> list(Context ctx,
                                                    store::SessionFilter filter) override;
  Task<Result<std::vector<store::SessionRow>>> due(Context ctx, WallTime until,
                                                   size_t limit) override;
  Task<Result<store::TreeTotals>> tree(Context ctx, SessionId root) override;
  Task<Result<void>> save_snapshot(Context ctx, SessionId session,
                                   store::Snapshot snapshot) override;
  Task<Result<std::optional<store::Snapshot>>> load_snapshot(Context ctx,
                                                             SessionId session) override;
  Task<Result<void>> erase(Context ctx, SessionId session) override;
  Duration last_sync() const override { return Duration::zero(); }

 private:
  Task<Result<void>> write(Context ctx, store::SessionRow row, uint64_t expected_last,
                           std::vector<contract::Event> events);
  /// What the store answers, unless its asker has died meanwhile.
  template <typename T>
  Task<Result<T>> alive(Task<Result<T>> work);
  Task<void> find_out(Context ctx, SessionId session, std::vector<contract::Event> events);
  Task<Result<void>> settle(Context ctx, store::SessionRow row, uint64_t expected_last,
                            std::vector<contract::Event> events);

  store::Journal& journal();

  World& world_;
  int node_;
  Life& life_;
};

}  // namespace drover::world
