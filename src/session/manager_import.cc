// Imports: an exported session is stored as it stands. What its journal says of its place in a tree
// and of its key is only a claim: it may name anybody's session as its root and its parent, and
// anybody's key, whose budgets its calls would use up. The row has the place that is proven here
// and the key of who imports it, and the row is what counts (load_state); the journal keeps the
// claim.

#include <utility>

#include "contract/validate.h"
#include "session/import_check.h"
#include "session/labels.h"
#include "session/manager.h"
#include "session/own_store.h"

namespace drover::session {
namespace {

using identity::Action;
using identity::Principal;

/// Whether the event that the child names is the spawn of this very child.
bool spawned(const std::vector<contract::Event>& read, const State& child) {
  if (read.empty() || read.front().sequence != child.parent_sequence) return false;
  if (read.front().kind != contract::kind::kChildSpawned) return false;
  auto payload = Json::parse(read.front().payload);
  return payload && payload->get_string("child") == child.id.str();
}

store::SessionRow imported_row(const Principal& who, const State& state) {
  store::SessionRow row = row_for(state);
  row.status = state.status == Status::kEnded ? "ended" : "waiting";
  if (state.status == Status::kEnded) row.end_reason = state.reason;
  if (row.status == "waiting") row.waiting_for = state.reason;
  row.created = state.started;
  row.key = who.key;
  row.due = state.kept_until();
  return row;
}

}  // namespace

/// Puts it below its parent, if that is here and spawned it, and else at the top of a tree of its
/// own: then it says why, "" otherwise. Who is of another tenant is not here.
Task<Result<std::string>> SessionManager::place_import(Context ctx, State* state) {
  const SessionId root = std::exchange(state->root, state->id);
  const SessionId parent = std::exchange(state->parent, SessionId());
  state->depth = 0;
  if (parent.empty()) {
    co_return root == state->id ? std::string() : std::string("it names no parent");
  }
  auto above = co_await services_.journal->find(ctx, parent);
  if (!above && above.error().code != Code::kNotFound) co_return fail(std::move(above).error());
  if (!above || above->tenant != state->tenant) co_return std::string("its parent is not here");
  CO_TRY(auto read, co_await services_.journal->read(ctx, parent, state->parent_sequence, 1));
  if (!spawned(read, *state)) {
    co_return std::string("its parent's journal does not say that it spawned it");
  }
  state->root = above->root;
  state->parent = parent;
  state->depth = static_cast<int64_t>(above->depth) + 1;
  co_return std::string();
}

Task<Result<Imported>> SessionManager::import(Context ctx, Principal who,
                                              std::vector<contract::Event> events) {
  CO_TRY_VOID(identity::authorise(who, Action::kCreateSession, who.tenant));
  if (events.empty()) co_return fail(Code::kInvalidArgument, "the export holds no event");
  State state;
  state.id = events.front().session;
  for (const contract::Event& event : events) CO_TRY_VOID(contract::validate_event(event));
  CO_TRY_VOID(verify_chain(state.id, events));
  CO_TRY_VOID(check_plausible(events, services_.loop->wall()));
  for (const contract::Event& event : events) CO_TRY_VOID(fold(state, event));
  if (state.tenant != who.tenant) {
    co_return fail(Code::kPermissionDenied, "the session belongs to tenant " + state.tenant.str());
  }
  // What of a session is bounded where it begins.
  if (!state.labels.is_null()) CO_TRY_VOID(check_labels(state.labels));
  CO_TRY_VOID(co_await own_store_holds(ctx, services_, state.tenant, state.data_class));
  Imported out;
  out.id = state.id;
  out.claimed_root = state.root;
  out.claimed_parent = state.parent;
  CO_TRY(out.detached, co_await place_import(ctx, &state));
  const store::SessionRow row = imported_row(who, state);
  CO_TRY_VOID(co_await services_.journal->append(ctx, row, 0, std::move(events)));
  if (services_.signer != nullptr) {
    services_.signer->durable(state.id, state.last_sequence, state.last_hash);
  }
  trees_.count(row);
  co_return out;
}

}  // namespace drover::session
