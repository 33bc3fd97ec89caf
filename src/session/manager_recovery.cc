// Places for sessions that are awake, and what a restart finds unfinished.

#include <algorithm>

#include "base/log.h"
#include "session/manager.h"
#include "session/scratch_hop.h"

namespace drover::session {
namespace {

constexpr size_t kWakeSlice = 500;
constexpr Duration kRecoverAgain = 5s;

}  // namespace

// --- Places ---

bool SessionManager::has_place(const SessionId& id, Asked asked) const {
  const size_t all = services_.sessions_active_max;
  const size_t places = asked == Asked::kByCall ? all : all - all / 8;
  return actors_.size() < places || actors_.contains(id);
}

void SessionManager::make_room() {
  // Not with each of many that want a place: this looks at all who have one.
  const MonoTime now = services_.loop->mono();
  if (now < room_again_) return;
  room_again_ = now + kRoomPause;
  size_t most = std::max<size_t>(1, services_.sessions_active_max / 4);
  for (const auto& [id, actor] : actors_) {
    if (actor->rest() && --most == 0) return;
  }
}

Task<Result<void>> SessionManager::place_for(Context ctx, SessionId id) {
  while (!has_place(id, Asked::kByItself)) {
    make_room();
    CO_TRY_VOID(co_await async::sleep_for(ctx, kRoomPause));
  }
  co_return Result<void>();
}

// --- Recovery ---

Task<Result<size_t>> SessionManager::recover(Context ctx) {
  // First of all: afterwards sessions move their scratch data again.
  co_await settle_all_scratch(ctx, services_);
  if (!std::exchange(keeps_time_, true)) scope_.spawn(timekeeper_.run(scope_.context()));
  ToWake left(2);
  left[0].status = "running";
  // Parents see to it that their children exist, and who waits for a budget whether it was raised,
  // or has room.
  left[1].status = "waiting";
  left[1].pending = kEnsureChildren | kAwaitsRaise;
  CO_TRY(size_t woken, co_await wake_some(ctx, &left, false));
  // Whoever starts the server waits for none of this: a place may become free only once workers
  // and people can call.
  if (!left.empty()) scope_.spawn(wake_others(scope_.context(), std::move(left)));
  scope_.spawn(finish_ends(scope_.context()));
  co_return woken;
}

/// Takes from `left` what it has woken. Without waiting it stops where places end.
Task<Result<size_t>> SessionManager::wake_some(Context ctx, ToWake* left, bool waits) {
  size_t woken = 0;
  while (!left->empty()) {
    store::SessionFilter filter = left->front();
    filter.limit = kWakeSlice;
    CO_TRY(auto rows, co_await services_.journal->list(ctx, filter));
    for (const store::SessionRow& row : rows) {
      if (!waits && !has_place(row.id, Asked::kByItself)) co_return woken;
      CO_TRY_VOID(co_await place_for(ctx, row.id));
      wake(row.id, row.tenant, nullptr);
      left->front().before = row.id;
      ++woken;
    }
    if (rows.size() < filter.limit) left->erase(left->begin());
  }
  co_return woken;
}

Task<void> SessionManager::wake_others(Context ctx, ToWake left) {
  size_t woken = 0;
  while (!left.empty()) {
    auto some = co_await wake_some(ctx, &left, true);
    if (some) {
      woken += *some;
      continue;
    }
    if (ctx.cancelled()) co_return;
    LOG_WARN("taking up sessions again: {}", some.error().to_string());
    auto slept = co_await async::sleep_for(ctx, kRecoverAgain);
    if (!slept) co_return;
  }
  LOG_INFO("{} further sessions were taken up again", woken);
}

/// Ends whose consequences a crash cut off.
Task<void> SessionManager::finish_ends(Context ctx) {
  store::SessionFilter filter;
  filter.pending = store::kReportToParent | store::kCancelChildren;
  filter.limit = kWakeSlice;
  for (;;) {
    auto rows = co_await services_.journal->list(ctx, filter);
    while (!rows) {
      LOG_WARN("finishing what ends left to do: {}", rows.error().to_string());
      auto slept = co_await async::sleep_for(ctx, kRecoverAgain);
      if (!slept) co_return;
      rows = co_await services_.journal->list(ctx, filter);
    }
    for (store::SessionRow& row : *rows) {
      filter.before = row.id;
      co_await finish_cut_off(ctx, std::move(row));
      if (ctx.cancelled()) co_return;
    }
    if (rows->size() < filter.limit) co_return;
  }
}

Task<void> SessionManager::finish_cut_off(Context ctx, store::SessionRow row) {
  auto state = co_await load_state(ctx, services_.journal, row);
  while (!state) {
    if (ctx.cancelled()) co_return;
    LOG_ERROR("session {}: {}", row.id.str(), state.error().to_string());
    const Code code = state.error().code;
    // One that does not read keeps nobody else from it, nor the server from starting.
    if (code == Code::kDataLoss || code == Code::kFailedPrecondition) co_return;
    auto slept = co_await async::sleep_for(ctx, kRecoverAgain);
    if (!slept) co_return;
    state = co_await load_state(ctx, services_.journal, row);
  }
  scope_.spawn(finish_end(scope_.context(), ending_of(std::move(row), *state)));
}

}  // namespace drover::session
