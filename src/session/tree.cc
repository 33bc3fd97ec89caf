#include "session/tree.h"

#include <algorithm>

#include "session/snapshot.h"

namespace drover::session {
namespace {

constexpr size_t kLoadSlice = 512;
constexpr size_t kPoolSweep = 256;

}  // namespace

TreeUse& TreeUse::operator+=(const TreeUse& o) {
  steps += o.steps;
  tokens += o.tokens;
  spawns += o.spawns;
  cost += o.cost;
  return *this;
}

TreeUse TreeUse::operator-(const TreeUse& o) const {
  TreeUse out = *this;
  out.steps -= o.steps;
  out.tokens -= o.tokens;
  out.spawns -= o.spawns;
  out.cost -= o.cost;
  return out;
}

TreeUse most_of(const TreeUse& a, const TreeUse& b) {
  TreeUse out;
  out.steps = std::max(a.steps, b.steps);
  out.tokens = std::max(a.tokens, b.tokens);
  out.spawns = std::max(a.spawns, b.spawns);
  out.cost = std::max(a.cost, b.cost);
  return out;
}

TreeUse use_of(const State& state) {
  TreeUse out;
  out.steps = state.steps;
  out.tokens = state.tokens + state.reservation.tokens;
  out.spawns = state.spawns;
  out.cost = state.cost + state.reservation.cost;
  return out;
}

std::optional<Shortage> TreePool::lacks(const TreeUse& more, WallTime now) const {
  auto over = [](std::string_view budget, int64_t used, int64_t asked,
                 int64_t limit) -> std::optional<Shortage> {
    if (asked <= 0 || used + asked <= limit) return std::nullopt;
    return Shortage{std::string(budget), std::to_string(limit), std::to_string(used)};
  };
  if (auto s = over("steps", used_.steps, more.steps, limits_.steps)) return s;
  if (auto s = over("spawns", used_.spawns, more.spawns, limits_.spawns)) return s;
  if (auto s = over("tokens", used_.tokens, more.tokens, limits_.tokens)) return s;
  if (more.cost > Money() && used_.cost + more.cost > limits_.cost) {
    return Shortage{"money", limits_.cost.usd(), used_.cost.usd()};
  }
  if (now - started_ > limits_.time) {
    return Shortage{"time", format_duration(limits_.time), format_duration(now - started_)};
  }
  return std::nullopt;
}

void TreePool::count(const TreeUse& before, const TreeUse& after) { used_ += after - before; }

std::shared_ptr<TreePool> TreePools::find(const SessionId& root) const {
  auto it = pools_.find(root);
  return it == pools_.end() ? nullptr : it->second.lock();
}

Task<Result<std::shared_ptr<TreePool>>> TreePools::open(Context ctx, const State* state) {
  if (auto pool = find(state->root)) co_return pool;
  CO_TRY(auto permit, co_await loading_.acquire(ctx));
  if (auto pool = find(state->root)) co_return pool;
  CO_TRY(auto pool, co_await load(ctx, state));
  if (pools_.size() % kPoolSweep == kPoolSweep - 1) {
    std::erase_if(pools_, [](const auto& entry) { return entry.second.expired(); });
  }
  pools_[state->root] = pool;
  co_return pool;
}

Task<Result<std::shared_ptr<TreePool>>> TreePools::load(Context ctx, const State* state) {
  bool root = state->root == state->id;
  // A session without children and without a parent is its own sum.
  if (root && state->spawns == 0) {
    co_return std::make_shared<TreePool>(state->tree, state->started, use_of(*state));
  }
  CO_TRY(auto totals, co_await journal_->tree(ctx, state->root));
  TreeUse used;
  used.steps = totals.spent.steps;
  used.tokens = totals.spent.tokens + totals.reserved.tokens;
  used.spawns = totals.spent.spawns;
  used.cost = totals.spent.cost + totals.reserved.cost;
  if (root) co_return std::make_shared<TreePool>(state->tree, state->started, used);
  CO_TRY(State top, co_await load_state(ctx, journal_, state->root));
  co_return std::make_shared<TreePool>(top.tree, top.started, used);
}

Task<Result<State>> load_state(Context ctx, store::Journal* journal, SessionId id) {
  State state;
  CO_TRY(auto kept, co_await journal->load_snapshot(ctx, id));
  if (kept) {
    // Derived data: what does not read or fit is passed over, the journal has it all.
    auto read = read_snapshot(*kept);
    if (read) state = std::move(*read);
  }
  state.id = id;
  for (;;) {
    CO_TRY(auto events, co_await journal->read(ctx, id, state.last_sequence + 1, kLoadSlice));
    for (const contract::Event& event : events) CO_TRY_VOID(fold(state, event));
    if (events.size() < kLoadSlice) break;
  }
  co_return state;
}

}  // namespace drover::session
