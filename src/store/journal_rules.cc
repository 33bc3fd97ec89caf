#include "store/journal_rules.h"

#include <algorithm>

#include "base/limits/store.h"

namespace drover::store {

Result<void> check_fence(const SessionRow* stored, const SessionRow& row, uint64_t expected_last) {
  const std::string& id = row.id.str();
  if (stored == nullptr) {
    if (expected_last == 0) return {};
    return fail(Code::kAborted, "no session " + id + " to append to");
  }
  if (expected_last == 0) return fail(Code::kAlreadyExists, id + " exists");
  if (stored->tenant != row.tenant) {
    return fail(Code::kInvalidArgument, id + " belongs to another tenant");
  }
  if (stored->last_sequence != expected_last) {
    return fail(Code::kAborted, id + " is at event " + std::to_string(stored->last_sequence) +
                                    ", not " + std::to_string(expected_last) +
                                    ": another writer owns it");
  }
  return {};
}

void complete_row(const SessionRow* stored, uint64_t expected_last,
                  const std::vector<contract::Event>& events, SessionRow& row) {
  if (stored != nullptr) {
    row.created = stored->created;
    row.root = stored->root;
    row.parent = stored->parent;
    row.depth = stored->depth;
    row.key = stored->key;
  } else if (row.root.empty()) {
    row.root = row.id;
  }
  row.last_sequence = expected_last + events.size();
  if (!events.empty()) {
    row.last_hash = events.back().hash;
  } else {
    row.last_hash = stored == nullptr ? std::string() : stored->last_hash;
  }
}

bool matches(const SessionFilter& filter, const SessionRow& row) {
  const auto takes = [](const auto& wanted, const auto& actual) {
    return wanted.empty() || wanted == actual;
  };
  const auto among = [](const std::set<SessionId>& wanted, const SessionId& actual) {
    return wanted.empty() || wanted.contains(actual);
  };
  return (!filter.tenant || row.tenant == *filter.tenant) && takes(filter.agent, row.agent) &&
         takes(filter.agent_version, row.agent_version) && takes(filter.status, row.status) &&
         takes(filter.waiting_for, row.waiting_for) && takes(filter.root, row.root) &&
         takes(filter.parent, row.parent) && (!filter.open || row.status != "ended") &&
         (filter.pending == 0 || (row.pending & filter.pending) != 0) &&
         (filter.before.empty() || row.id < filter.before) && among(filter.ids, row.id) &&
         among(filter.roots, row.root);
}

void add_to_tree(const SessionRow& row, TreeTotals& totals) {
  ++totals.sessions;
  if (row.status != "ended") ++totals.open;
  totals.depth_max = std::max(totals.depth_max, row.depth);
  totals.spent.steps += row.spent.steps;
  totals.spent.tokens += row.spent.tokens;
  totals.spent.cost += row.spent.cost;
  totals.spent.spawns += row.spent.spawns;
  totals.reserved.tokens += row.reserved.tokens;
  totals.reserved.cost += row.reserved.cost;
}

Result<void> check_snapshot(const SessionId& session, const Snapshot& snapshot) {
  if (snapshot.bytes.size() <= limits::kSnapshotBytesMax) return {};
  return fail(Code::kInvalidArgument, "a snapshot of " + session.str() + " has more than " +
                                          std::to_string(limits::kSnapshotBytesMax) + " bytes");
}

Result<void> check_erase(const SessionRow& row) {
  if (purged(row)) return {};
  return fail(Code::kFailedPrecondition, row.id.str() + " is not purged");
}

Error no_such_session(const SessionId& session) {
  return Error(Code::kNotFound, "no session " + session.str());
}

}  // namespace drover::store
