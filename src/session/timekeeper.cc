#include "session/timekeeper.h"

#include <algorithm>

#include "base/log.h"

namespace drover::session {
namespace {

constexpr Duration kAhead = 60s;
constexpr Duration kReadEvery = 20s;
constexpr Duration kLook = 1s;
constexpr Duration kHeldUpLook = 10ms;
constexpr size_t kDueSlice = 10'000;

}  // namespace

void Timekeeper::add(const SessionId& id, const TenantId& tenant, WallTime due, bool ended) {
  if (due > read_until_) return;  // it is read in its time
  bool sooner = alarms_.empty() || due < alarms_.begin()->due;
  alarms_.insert(Alarm{due, id, tenant, ended});
  if (sooner) changed_.wake_all();
}

async::Task<Result<void>> Timekeeper::read_ahead(async::Context ctx) {
  WallTime until = loop_->wall() + kAhead;
  CO_TRY(auto rows, co_await journal_->due(ctx, until, kDueSlice));
  // More than a slice: the rest is read once these have rung.
  if (rows.size() >= kDueSlice && rows.back().due) until = *rows.back().due;
  for (const store::SessionRow& row : rows) {
    if (row.due) {
      alarms_.insert(Alarm{*row.due, row.id, row.tenant, row.status == "ended"});
    }
  }
  read_until_ = until;
  read_at_ = loop_->mono();
  co_return Result<void>();
}

Duration Timekeeper::ring() {
  WallTime now = loop_->wall();
  held_up_ = false;
  while (!alarms_.empty() && alarms_.begin()->due <= now) {
    Alarm alarm = *alarms_.begin();
    alarms_.erase(alarms_.begin());
    if (wake_(alarm.id, alarm.tenant, alarm.ended)) continue;
    alarms_.insert(std::move(alarm));
    held_up_ = true;
    return kHeldUpLook;
  }
  if (alarms_.empty()) return kLook;
  return std::min<Duration>(kLook, alarms_.begin()->due - now);
}

async::Task<void> Timekeeper::run(async::Context ctx) {
  read_at_ = loop_->mono() - kReadEvery;
  while (!ctx.cancelled()) {
    bool stale = loop_->mono() - read_at_ >= kReadEvery || read_until_ < loop_->wall() + kLook;
    if (stale && !held_up_) {  // what is due already would only be read again
      auto read = co_await read_ahead(ctx);
      if (!read && !ctx.cancelled()) {
        LOG_WARN("due sessions could not be read: {}", read.error().to_string());
        read_at_ = loop_->mono();
        read_until_ = loop_->wall() + kReadEvery;
      }
    }
    async::Context pause = ctx.with_timeout(ring());
    auto woken = co_await changed_.wait(pause);
    (void)woken;
  }
}

}  // namespace drover::session
