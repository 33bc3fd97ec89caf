#include "api/trees.h"

#include <algorithm>

#include "api/json_route.h"
#include "base/limits/store.h"

namespace drover::api {
namespace {

constexpr uint64_t kTreesListed = 1000;

Json spent_json(const store::Spent& spent) {
  Json out = Json::object().set("steps", spent.steps).set("tokens", spent.tokens);
  out.set("cost_usd", spent.cost.usd()).set("spawns", spent.spawns);
  return out;
}

Json tree_row_json(const store::SessionRow& row) {
  Json out = Json::object().set("id", row.id.str());
  if (!row.parent.empty()) out.set("parent", row.parent.str());
  out.set("depth", static_cast<int64_t>(row.depth));
  out.set("agent", row.agent).set("agent_version", row.agent_version);
  out.set("status", row.status);
  if (!row.waiting_for.empty()) out.set("waiting_for", row.waiting_for);
  if (!row.end_reason.empty()) out.set("end_reason", row.end_reason);
  out.set("spent", spent_json(row.spent));
  out.set("created", format_rfc3339(row.created)).set("updated", format_rfc3339(row.updated));
  return out;
}

Task<Result<Json>> show_tree(Context ctx, Exchange& exchange, TreeServices services) {
  CO_TRY(SessionId id, SessionId::parse(exchange.param("id")));
  CO_TRY(auto own, co_await services.sessions->find(ctx, exchange.principal, id));
  SessionId root = own.root.empty() ? own.id : own.root;
  store::SessionFilter filter;
  filter.root = root;
  CO_TRY(filter.limit, query_limit(exchange, kTreesListed, limits::kStoreRowsMax));
  uint64_t limit = filter.limit;
  CO_TRY(auto rows, co_await services.sessions->list(ctx, exchange.principal, std::move(filter)));
  std::reverse(rows.begin(), rows.end());  // as they were begun
  CO_TRY(auto totals, co_await services.journal->tree(ctx, root));
  auto state = co_await services.sessions->state(ctx, exchange.principal, root);
  Json sessions = Json::array();
  for (const store::SessionRow& row : rows) sessions.push(tree_row_json(row));
  Json all = spent_json(totals.spent);
  all.set("sessions", totals.sessions).set("open", totals.open);
  all.set("depth", static_cast<int64_t>(totals.depth_max));
  all.set("reserved_tokens", totals.reserved.tokens);
  all.set("reserved_cost_usd", totals.reserved.cost.usd());
  Json out = Json::object().set("object", "tree").set("root", root.str());
  if (state) out.set("limits", state->tree.to_json());
  out.set("totals", std::move(all)).set("has_more", rows.size() == limit);
  out.set("sessions", std::move(sessions));
  co_return out;
}

}  // namespace

void add_tree_routes(Router& router, TreeServices services) {
  add_json<TreeServices>(router, "GET", "/v1/sessions/{id}/tree", services, show_tree);
}

}  // namespace drover::api
