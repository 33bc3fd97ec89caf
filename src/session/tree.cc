#include "session/tree.h"

#include <algorithm>

#include "session/children.h"
#include "session/snapshot.h"

namespace drover::session {
namespace {

constexpr size_t kLoadSlice = 512;
constexpr size_t kRowSlice = 500;
constexpr size_t kPoolSweep = 256;

TreeUse use_of(const store::SessionRow& row) {
  TreeUse out;
  out.steps = row.spent.steps;
  out.tokens = row.spent.tokens + row.reserved.tokens;
  out.spawns = row.spent.spawns;
  out.cost = row.spent.cost + row.reserved.cost;
  return out;
}

/// A session without children and without a parent is its own sum.
bool alone(const State& state) { return state.root == state.id && state.spawns == 0; }

std::shared_ptr<TreePool> pool_of_one(const State& state) {
  auto pool = std::make_shared<TreePool>(state.tree, state.started);
  pool->count(state.id, state.parent, session::use_of(state));
  return pool;
}

/// To the millisecond, so that any raise of a limit shows in its text: "3 min 20 s".
std::string exact_time(Duration d) {
  constexpr std::pair<int64_t, const char*> kUnits[] = {
      {3'600'000, " h"}, {60'000, " min"}, {1'000, " s"}, {1, " ms"}};
  int64_t left = d.count() / 1'000'000;
  std::string out;
  for (const auto& [size, unit] : kUnits) {
    if (left / size == 0) continue;
    out += (out.empty() ? "" : " ") + std::to_string(left / size) + unit;
    left %= size;
  }
  return out.empty() ? "0 s" : out;
}

/// What its journal says of its place in a tree, and of whose budgets it counts against, may be a
/// claim: its row has what is proven (SessionManager::import).
void take_proven(State& state, const store::SessionRow& row) {
  state.root = row.root.empty() ? row.id : row.root;
  state.parent = row.parent;
  state.depth = row.depth;
  if (row.key) state.key = row.key->str();
}

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

std::string limit_text(const TreeLimits& limits, std::string_view budget) {
  if (budget == "steps") return std::to_string(limits.steps);
  if (budget == "spawns") return std::to_string(limits.spawns);
  if (budget == "tokens") return std::to_string(limits.tokens);
  if (budget == "money") return limits.cost.usd();
  if (budget == "time") return exact_time(limits.time);
  return "";
}

std::optional<Shortage> shortage_of(const TreeLimits& limits, const TreeUse& used,
                                    const TreeUse& more, Duration age) {
  auto lacks = [&](std::string budget, std::string spent) {
    std::string limit = limit_text(limits, budget);
    return Shortage{std::move(budget), std::move(limit), std::move(spent)};
  };
  auto over = [](int64_t spent, int64_t asked, int64_t limit) {
    return asked > 0 && spent + asked > limit;
  };
  if (over(used.steps, more.steps, limits.steps)) return lacks("steps", std::to_string(used.steps));
  if (over(used.spawns, more.spawns, limits.spawns)) {
    return lacks("spawns", std::to_string(used.spawns));
  }
  if (over(used.tokens, more.tokens, limits.tokens)) {
    return lacks("tokens", std::to_string(used.tokens));
  }
  if (more.cost > Money() && used.cost + more.cost > limits.cost) {
    return lacks("money", used.cost.usd());
  }
  if (age > limits.time) return lacks("time", format_duration(age));
  return std::nullopt;
}

TreeUse TreePool::part(const SessionId& session) const {
  auto it = parts_.find(session);
  return it == parts_.end() ? TreeUse() : it->second.use;
}

int64_t TreePool::subtree_tokens(const SessionId& session) const {
  auto it = parts_.find(session);
  return it == parts_.end() ? 0 : it->second.subtree_tokens;
}

void TreePool::count(const SessionId& session, const SessionId& parent, const TreeUse& use) {
  Part& part = parts_[session];
  int64_t above = use.tokens - part.use.tokens;
  used_ += use - part.use;
  part.use = use;
  part.subtree_tokens += above;
  if (part.parent.empty() && !parent.empty()) {
    part.parent = parent;
    above = part.subtree_tokens;  // what was counted below it is news further up
  }
  if (above == 0) return;
  // Whatever the rows say: a ring of parents has an end here.
  const Part* below = &part;
  for (size_t n = parts_.size(); n > 0 && !below->parent.empty(); --n) {
    Part& next = parts_[below->parent];
    next.subtree_tokens += above;
    below = &next;
  }
}

template <typename Take>
void TreePool::upwards(SessionId at, Take take) const {
  for (size_t n = parts_.size(); n > 0 && !at.empty(); --n) {  // as in count(): no ring is endless
    auto it = parts_.find(at);
    if (it == parts_.end() || !take(it->first, it->second)) return;
    at = it->second.parent;
  }
}

void TreePool::set_subtask(const SessionId& session, std::optional<int64_t> tokens) {
  parts_[session].subtask_max = tokens.value_or(kNoLimit);
}

std::optional<int64_t> TreePool::subtask(const SessionId& session) const {
  auto it = parts_.find(session);
  const int64_t max = it == parts_.end() ? kNoLimit : it->second.subtask_max.value_or(kNoLimit);
  return max == kNoLimit ? std::nullopt : std::optional<int64_t>(max);
}

std::optional<SubtaskTokens> TreePool::tightest(const SessionId& session) const {
  std::optional<SubtaskTokens> out;
  upwards(session, [&out](const SessionId& id, const Part& part) {
    const int64_t max = part.subtask_max.value_or(kNoLimit);
    if (max == kNoLimit) return true;
    if (!out || max - part.subtree_tokens < out->left()) {
      out = SubtaskTokens{id, max, part.subtree_tokens};
    }
    return true;
  });
  return out;
}

SessionId TreePool::unsaid(const SessionId& session) const {
  SessionId out;
  upwards(session, [&out](const SessionId& id, const Part& part) {
    if (part.parent.empty()) return false;
    if (!part.subtask_max) out = id;
    return out.empty();
  });
  return out;
}

void TreePool::await_room(const SessionId& session, const SessionId& of, int64_t tokens) {
  awaited_[session] = Awaited{of, tokens};
}

std::vector<SessionId> TreePool::take_with_room() {
  std::vector<SessionId> out;
  std::erase_if(awaited_, [this, &out](const auto& entry) {
    const auto& [session, wanted] = entry;
    const auto max = subtask(wanted.of);
    if (max && *max - subtree_tokens(wanted.of) < wanted.tokens) return false;
    out.push_back(session);
    return true;
  });
  return out;
}

std::shared_ptr<TreePool> TreePools::find(const SessionId& root) const {
  auto it = pools_.find(root);
  return it == pools_.end() ? nullptr : it->second.lock();
}

void TreePools::count(const store::SessionRow& row) {
  std::shared_ptr<TreePool> pool = find(row.root);
  if (pool == nullptr && reading_ && reading_->root == row.root) pool = reading_->pool;
  if (pool == nullptr) return;
  // It may be awake already, and count more than when it came.
  pool->count(row.id, row.parent, most_of(pool->part(row.id), use_of(row)));
}

/// Those above say their limits themselves while they are awake; since the pool was opened they may
/// not have been.
Task<Result<std::shared_ptr<TreePool>>> TreePools::open(Context ctx, const State* state) {
  CO_TRY(auto pool, co_await of_tree(ctx, state));
  if (state->depth < 2) co_return pool;
  for (;;) {
    const SessionId above = pool->unsaid(state->parent);
    if (above.empty()) co_return pool;
    auto read = co_await load_state(ctx, journal_, above);
    const bool purged = !read && read.error().reason == "purged";
    if (!read && !purged) co_return fail(std::move(read).error());
    if (pool->unsaid(above) != above) continue;  // it has woken meanwhile, and knows better
    pool->set_subtask(above, read ? read->subtask.tokens : std::nullopt);
  }
}

Task<Result<std::shared_ptr<TreePool>>> TreePools::of_tree(Context ctx, const State* state) {
  if (auto pool = find(state->root)) co_return pool;
  CO_TRY(auto permit, co_await loading_.acquire(ctx));
  if (auto pool = find(state->root)) co_return pool;
  auto read = co_await load(ctx, state);
  reading_.reset();
  CO_TRY(auto pool, std::move(read));
  keep(state->root, pool);
  co_return pool;
}

void TreePools::keep(const SessionId& root, const std::shared_ptr<TreePool>& pool) {
  if (pools_.size() % kPoolSweep == kPoolSweep - 1) {
    std::erase_if(pools_, [](const auto& entry) { return entry.second.expired(); });
  }
  pools_[root] = pool;
}

std::shared_ptr<TreePool> TreePools::open_now(const State& state) {
  if (!alone(state) || state.depth > 0) return nullptr;
  if (auto pool = find(state.root)) return pool;
  // Whoever reads a pool now may read this one.
  if (loading_.available() == 0) return nullptr;
  auto pool = pool_of_one(state);
  keep(state.root, pool);
  return pool;
}

Task<Result<std::shared_ptr<TreePool>>> TreePools::load(Context ctx, const State* state) {
  if (alone(*state)) co_return pool_of_one(*state);
  bool root = state->root == state->id;
  TreeLimits limits = state->tree;
  WallTime started = state->started;
  if (!root) {
    CO_TRY(State top, co_await load_state(ctx, journal_, state->root));
    limits = top.tree;
    started = top.started;
  }
  auto pool = std::make_shared<TreePool>(limits, started);
  reading_ = Reading{state->root, pool};
  store::SessionFilter filter;
  filter.root = state->root;
  filter.limit = kRowSlice;
  for (;;) {
    CO_TRY(auto rows, co_await journal_->list(ctx, filter));
    for (const store::SessionRow& row : rows) {
      if (row.tenant != state->tenant) continue;
      pool->count(row.id, row.parent, use_of(row));
      // Of which limit, and how much it needs, it says when it is told: without room at its parent
      // there is none.
      if ((row.pending & kAwaitsRaise) != 0) pool->await_room(row.id, row.parent, 1);
    }
    if (rows.size() < filter.limit) co_return pool;
    filter.before = rows.back().id;
  }
}

store::SessionRow row_for(const State& state) {
  store::SessionRow row;
  row.id = state.id;
  row.tenant = state.tenant;
  row.agent = state.agent.name;
  row.agent_version = state.agent.version;
  row.updated = state.last_time;
  row.last_sequence = state.last_sequence;
  row.last_hash = state.last_hash;
  row.trace_id = state.trace_id;
  row.root = state.root;
  row.parent = state.parent;
  row.depth = static_cast<uint32_t>(state.depth);
  row.spent.steps = state.steps;
  row.spent.tokens = state.tokens;
  row.spent.cost = state.cost;
  row.spent.spawns = state.spawns;
  row.reserved.tokens = state.reservation.tokens;
  row.reserved.cost = state.reservation.cost;
  return row;
}

Error purged_error(const SessionId& id) {
  return Error(Code::kFailedPrecondition,
               "session " + id.str() + " was purged: what it said is gone")
      .with_reason("purged");
}

Task<Result<State>> load_state(Context ctx, store::Journal* journal, SessionId id,
                               FoldedFrom* from) {
  CO_TRY(auto row, co_await journal->find(ctx, id));
  co_return co_await load_state(ctx, journal, std::move(row), UINT64_MAX, from);
}

Task<Result<State>> load_state(Context ctx, store::Journal* journal, store::SessionRow row,
                               uint64_t last, FoldedFrom* from) {
  const SessionId id = row.id;
  State state;
  FoldedFrom folded;
  CO_TRY(auto kept, co_await journal->load_snapshot(ctx, id));
  if (kept && kept->sequence <= last) {
    // Derived data: what does not read or fit is passed over, the journal has it all.
    if (auto read = read_snapshot(*kept)) {
      state = std::move(*read);
      folded.snapshot_at = kept->sequence;
      folded.snapshot_bytes = kept->bytes.size();
    }
  }
  state.id = id;
  while (state.last_sequence < last) {
    const uint64_t left = last - state.last_sequence;
    const size_t slice = left < kLoadSlice ? static_cast<size_t>(left) : kLoadSlice;
    CO_TRY(auto events, co_await journal->read(ctx, id, state.last_sequence + 1, slice));
    const bool gone = !events.empty() && events.front().kind == contract::kind::kPurge &&
                      events.front().sequence != state.last_sequence + 1;
    if (gone) co_return fail(purged_error(id));
    for (const contract::Event& event : events) {
      folded.bytes_since += static_cast<int64_t>(event.payload.size());
      CO_TRY_VOID(fold(state, event));
    }
    if (events.size() < slice) break;
  }
  take_proven(state, row);
  if (from != nullptr) *from = folded;
  co_return state;
}

}  // namespace drover::session
