#pragma once
// A journal that is damaged where a test says: a fake in front of a real one. Reads that touch a
// damaged event fail with kDataLoss, as those of the log do; a forged event is read with another
// payload than was written. For tests; loop thread only.

#include <map>
#include <set>
#include <string>
#include <utility>

#include "store/journal.h"

namespace drover::store {

class DamagedJournal final : public Journal {
 public:
  /// `below` must outlive it.
  explicit DamagedJournal(Journal& below) : below_(below) {}

  /// These sequences cannot be read, of any session.
  std::set<uint64_t> damaged;
  /// Their payload is another one.
  std::map<uint64_t, std::string> forged;

  Task<Result<void>> append(Context ctx, SessionRow row, uint64_t expected_last,
                            std::vector<contract::Event> events) override {
    return below_.append(ctx, std::move(row), expected_last, std::move(events));
  }
  Task<Result<std::vector<contract::Event>>> read(Context ctx, SessionId session, uint64_t from,
                                                  size_t max_events) override {
    CO_TRY(auto events, co_await below_.read(ctx, session, from, max_events));
    for (contract::Event& event : events) {
      if (damaged.count(event.sequence) != 0) {
        co_return fail(Code::kDataLoss, "events are damaged (segment 7 at byte 99)");
      }
      auto it = forged.find(event.sequence);
      if (it != forged.end()) event.payload = it->second;
    }
    co_return events;
  }
  Task<Result<SessionRow>> find(Context ctx, SessionId session) override {
    return below_.find(ctx, std::move(session));
  }
  Task<Result<std::vector<SessionRow>>> list(Context ctx, SessionFilter filter) override {
    return below_.list(ctx, std::move(filter));
  }
  Task<Result<std::vector<SessionRow>>> due(Context ctx, WallTime until, size_t limit) override {
    return below_.due(ctx, until, limit);
  }
  Task<Result<TreeTotals>> tree(Context ctx, SessionId root) override {
    return below_.tree(ctx, std::move(root));
  }
  Task<Result<void>> save_snapshot(Context ctx, SessionId session, Snapshot snapshot) override {
    return below_.save_snapshot(ctx, std::move(session), std::move(snapshot));
  }
  Task<Result<std::optional<Snapshot>>> load_snapshot(Context ctx, SessionId session) override {
    return below_.load_snapshot(ctx, std::move(session));
  }
  Task<Result<void>> erase(Context ctx, SessionId session) override {
    return below_.erase(ctx, std::move(session));
  }
  Duration last_sync() const override { return below_.last_sync(); }

 private:
  Journal& below_;
};

}  // namespace drover::store
