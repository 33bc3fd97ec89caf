#pragma once
// A journal in front of another one that hands on whatever it is asked: tests override what they
// look at, or hinder. Loop thread only.

#include <optional>
#include <utility>
#include <vector>

#include "store/journal.h"

namespace drover::store {

class ForwardingJournal : public Journal {
 public:
  /// `below` must outlive it.
  explicit ForwardingJournal(Journal& below) : below_(below) {}

  Task<Result<void>> append(Context ctx, SessionRow row, uint64_t expected_last,
                            std::vector<contract::Event> events) override {
    return below_.append(ctx, std::move(row), expected_last, std::move(events));
  }
  Task<Result<std::vector<contract::Event>>> read(Context ctx, SessionId session, uint64_t from,
                                                  size_t max_events) override {
    return below_.read(ctx, std::move(session), from, max_events);
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

 protected:
  Journal& below_;
};

}  // namespace drover::store
