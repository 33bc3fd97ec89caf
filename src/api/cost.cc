#include "api/cost.h"

#include <algorithm>
#include <set>

#include "api/json_route.h"
#include "base/bytes.h"
#include "base/limits/http.h"
#include "base/limits/money.h"
#include "base/near_word.h"
#include "contract/chat.h"
#include "identity/tenants.h"

namespace drover::api {
namespace {

using identity::Action;

std::string param(const Exchange& exchange, std::string_view name) {
  return exchange.request.head().query_param(name).value_or("");
}

/// The tenant whose money it is: the one named, or one's own; for the operator, all ("").
Result<std::string> whose_cost(const Exchange& exchange) {
  const std::string named = param(exchange, "tenant");
  const identity::Principal& who = exchange.principal;
  const bool operates = identity::may(who, Action::kManageServer, who.tenant);
  if (operates) return named;
  TRY_VOID(
      identity::authorise(who, Action::kReadCost, named.empty() ? who.tenant : TenantId(named)));
  return who.tenant.str();
}

Result<trace::LedgerFilter> read_filter(const Exchange& exchange) {
  trace::LedgerFilter out;
  TRY(out.tenant, whose_cost(exchange));
  out.key = param(exchange, "key");
  out.agent = param(exchange, "agent");
  out.session = param(exchange, "session");
  out.tree = param(exchange, "tree");
  out.model = param(exchange, "model");
  out.endpoint = param(exchange, "endpoint");
  out.provider = param(exchange, "provider");
  out.region = param(exchange, "region");
  out.tier = param(exchange, "tier");
  out.from_day = param(exchange, "from");
  out.to_day = param(exchange, "to");
  for (const std::string& day : {out.from_day, out.to_day}) {
    if (day.empty() || parse_rfc3339(day + "T00:00:00Z")) continue;
    return fail(Code::kInvalidArgument, "'" + day + "' is not a day: write 2026-11-23");
  }
  return out;
}

std::vector<std::string> cost_words(const std::string& list) {
  std::vector<std::string> out;
  for (size_t at = 0; at <= list.size();) {
    const size_t comma = std::min(list.find(',', at), list.size());
    if (comma > at) out.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return out;
}

Task<Result<Json>> report_costs(Context ctx, Exchange& exchange, CostServices services) {
  CO_TRY(trace::LedgerFilter filter, read_filter(exchange));
  std::vector<std::string> by = cost_words(param(exchange, "by"));
  CO_TRY(auto rows, services.ledger->query(filter, by));
  Json data = Json::array();
  for (const trace::LedgerRow& row : rows) data.push(trace::to_json(row));
  co_return list_json(std::move(data), false);
}

Json billing_json(const trace::Billing& b) {
  Json out = Json::object().set("usage", contract::to_json(b.usage));
  if (b.cost_known) out.set("cost_usd", b.cost.usd());
  return out;
}

Json call_json(const road::LedgerCall& call) {
  const trace::LedgerRecord& r = call.record;
  const trace::LedgerLine& l = call.line;
  Json out = Json::object();
  out.set("object", "call").set("at", format_rfc3339(r.at));
  if (call.settled) out.set("sequence", r.sequence);
  const std::pair<const char*, const std::string*> texts[] = {
      {"request_id", &r.request_id},
      {"idempotency_key", &r.call_key},
      {"tenant", &l.tenant},
      {"key", &l.key},
      {"agent", &l.agent},
      {"session", &l.session},
      {"tree", &l.tree},
      {"endpoint", &l.endpoint},
      {"provider", &l.provider},
      {"region", &l.region},
      {"model", &l.model},
      {"service_tier", &r.tier},
  };
  for (const auto& [name, text] : texts) {
    if (!text->empty()) out.set(name, *text);
  }
  out.set("usage", contract::to_json(r.billing.usage));
  if (r.billing.cost_known) out.set("cost_usd", r.billing.cost.usd());
  out.set("ok", r.ok);
  if (r.billing.usage.estimated) out.set("estimated", true);
  if (r.lost) out.set("lost", true);
  if (call.corrected) out.set("corrected", true);
  return out;
}

Task<Result<Json>> calls(Context ctx, Exchange& exchange, CostServices services) {
  CO_TRY(trace::LedgerFilter filter, read_filter(exchange));
  CO_TRY(uint64_t limit, query_limit(exchange, 100, limits::kLedgerCallsListed));
  const bool estimated = param(exchange, "estimated") == "true";
  CO_TRY(auto all, co_await services.books->calls(ctx));
  Json data = Json::array();
  uint64_t shown = 0;
  bool more = false;
  auto is = [](const std::string& wanted, const std::string& value) {
    return wanted.empty() || wanted == value;
  };
  for (auto it = all.rbegin(); it != all.rend() && !more; ++it) {
    const trace::LedgerLine& l = it->line;
    if (!it->settled || (estimated && !it->record.billing.usage.estimated)) continue;
    const std::string day = trace::day_of(it->record.at);
    const std::string tier(trace::ledger_tier(it->record.tier));
    const bool wanted = is(filter.tenant, l.tenant) && is(filter.key, l.key) &&
                        is(filter.agent, l.agent) && is(filter.session, l.session) &&
                        is(filter.tree, l.tree) && is(filter.model, l.model) &&
                        is(filter.endpoint, l.endpoint) && is(filter.provider, l.provider) &&
                        is(filter.region, l.region) && is(filter.tier, tier) &&
                        (filter.from_day.empty() || day >= filter.from_day) &&
                        (filter.to_day.empty() || day <= filter.to_day);
    if (!wanted) continue;
    more = shown == limit;
    if (!more) data.push(call_json(*it));
    ++shown;
  }
  co_return list_json(std::move(data), more);
}

Json use_json(const road::Budget& b, const road::Use& use) {
  Json out = Json::object();
  if (b.requests) out.set("requests", use.requests);
  if (b.tokens) out.set("tokens", use.tokens);
  if (b.money) out.set("money", use.money.usd());
  return out;
}

Task<Result<Json>> budgets(Context ctx, Exchange& exchange, CostServices services) {
  CO_TRY(std::string tenant, whose_cost(exchange));
  Json data = Json::array();
  for (const road::Accounts::Report& r : services.accounts->report()) {
    const road::Budget& b = r.account->budget();
    const road::DimensionValues& whose_cost = r.account->whose();
    // One's own alone: a budget over several tenants is the operator's.
    const std::string& of = whose_cost[static_cast<size_t>(road::Dimension::kTenant)];
    if (!tenant.empty() && of != tenant) continue;
    Json one = Json::object().set("object", "budget").set("name", b.name);
    for (size_t i = 0; i < road::kDimensions; ++i) {
      if (!whose_cost[i].empty()) one.set(std::string(road::kDimensionNames[i]), whose_cost[i]);
    }
    one.set("per", road::per_name(b.per)).set("rolling", b.rolling);
    road::Use limit;
    limit.requests = b.requests.value_or(0);
    limit.tokens = b.tokens.value_or(0);
    limit.money = b.money.value_or(Money());
    one.set("limit", use_json(b, limit)).set("used", use_json(b, r.used));
    one.set("reserved", use_json(b, r.reserved));
    if (r.renews != INT64_MAX) {
      one.set("renews", format_rfc3339(wall_from_unix_millis(r.renews * 1000)));
    }
    data.push(std::move(one));
  }
  co_return list_json(std::move(data), false);
}

// --- Bills ---

Json match_json(const road::Match& m) {
  Json out = m.call != nullptr ? call_json(*m.call) : Json::object();
  Json billed = billing_json(m.billed);
  if (m.row != nullptr) {
    if (!m.row->request_id.empty()) billed.set("request_id", m.row->request_id);
    if (!m.row->call_key.empty()) billed.set("idempotency_key", m.row->call_key);
    if (!m.row->model.empty()) billed.set("model", m.row->model);
    out.set("billed", std::move(billed));
  }
  return out;
}

Json matches_json(const std::vector<road::Match>& matches) {
  Json out = Json::object().set("count", static_cast<int64_t>(matches.size()));
  Json list = Json::array();
  Money booked, billed;
  int64_t booked_tokens = 0, billed_tokens = 0;
  for (const road::Match& m : matches) {
    if (m.call != nullptr && m.call->settled) {
      const trace::Billing& b = m.call->record.billing;
      booked += b.cost;
      booked_tokens += b.usage.input_tokens.value_or(0) + b.usage.output_tokens.value_or(0);
    }
    if (m.row != nullptr) {
      billed += m.billed.cost;
      billed_tokens += m.row->tokens();
    }
  }
  for (size_t i = 0; i < std::min<size_t>(matches.size(), 1'000); ++i) {
    list.push(match_json(matches[i]));
  }
  out.set("booked_tokens", booked_tokens).set("booked_usd", booked.usd());
  out.set("billed_tokens", billed_tokens).set("billed_usd", billed.usd());
  out.set("calls", std::move(list));
  return out;
}

Result<road::BillScope> read_scope(const Exchange& exchange) {
  road::BillScope out;
  out.providers = cost_words(param(exchange, "provider"));
  out.endpoint = param(exchange, "endpoint");
  for (auto [name, slot] : {std::pair("from", &out.from), std::pair("to", &out.to)}) {
    std::string text = param(exchange, name);
    if (text.empty()) continue;
    const bool day = text.size() == 10;
    const char* rest = !day                               ? ""
                       : std::string_view(name) == "from" ? "T00:00:00Z"
                                                          : "T23:59:59.999999999Z";
    auto time = parse_rfc3339(text + rest);
    if (!time) {
      return fail(Code::kInvalidArgument,
                  "'" + text + "' is no time: write a day, 2026-11-23, or RFC 3339");
    }
    *slot = *time;
  }
  return out;
}

/// A name that nobody has would make every row unknown.
Result<void> check_scope(const road::BillScope& scope, const std::vector<road::LedgerCall>& calls,
                         const catalog::Catalog& catalog) {
  std::set<std::string_view> providers, endpoints;
  for (const road::LedgerCall& call : calls) {
    providers.insert(call.line.provider);
    endpoints.insert(call.line.endpoint);
  }
  for (const catalog::Endpoint& e : catalog.endpoints()) {
    providers.insert(e.provider);
    endpoints.insert(e.id);
  }
  for (const std::string& name : scope.providers) {
    if (providers.contains(name)) continue;
    std::string_view near = near_word(name, {providers.begin(), providers.end()});
    return fail(Code::kInvalidArgument,
                "no endpoint's provider is '" + name + "'" +
                    (near.empty() ? "" : ": did you mean '" + std::string(near) + "'?"));
  }
  road::BillScope named;
  named.endpoint = scope.endpoint;
  auto covered = [&](std::string_view id) {
    trace::LedgerLine line;
    line.endpoint = id;
    return named.covers_place(line);
  };
  if (named.endpoint.empty() || std::any_of(endpoints.begin(), endpoints.end(), covered)) return {};
  return fail(Code::kInvalidArgument, "no endpoint is '" + scope.endpoint + "' or begins with it");
}

/// An estimate counts as unbilled only if every row of the bill found its call.
Result<void> check_complete(const road::Reconciliation& r) {
  if (r.unknown.empty()) return {};
  const trace::BillRow& first = *r.unknown.front().row;
  const std::string& id = first.request_id.empty() ? first.call_key : first.request_id;
  return fail(
      Code::kFailedPrecondition,
      std::to_string(r.unknown.size()) +
          " rows of the bill are of calls that are not "
          "known here (the first: " +
          (id.empty() ? "one without an id" : "'" + id + "'") +
          "), so it cannot be taken as whole: estimates that it seems to lack may be these. "
          "Nothing was changed; compare it without 'complete', and take out what was not "
          "sent from here");
}

Task<Result<Json>> bill(Context ctx, Exchange& exchange, CostServices services) {
  CO_TRY_VOID(
      identity::authorise(exchange.principal, Action::kManageServer, exchange.principal->tenant));
  CO_TRY(road::BillScope scope, read_scope(exchange));
  std::string apply = param(exchange, "apply");
  if (apply.empty()) apply = "none";
  if (apply != "none" && apply != "estimates" && apply != "all") {
    co_return fail(Code::kInvalidArgument, "'apply' is none, estimates or all");
  }
  CO_TRY(std::string body, co_await exchange.request.read_all(ctx, limits::kBillBytesMax));
  CO_TRY(auto rows, trace::read_bill(body));
  CO_TRY(auto turn, co_await services.books->bills().acquire(ctx));
  CO_TRY(auto calls, co_await services.books->calls(ctx));
  CO_TRY_VOID(check_scope(scope, calls, *services.catalog->get()));
  // Without a suspension from here on: what is compared is what is booked upon.
  road::Reconciliation r =
      road::reconcile(calls, rows, scope, road::price_by(services.catalog->get()));
  const bool complete = apply != "none" && param(exchange, "complete") == "true";
  // Before anything is booked: what nobody knows here may be the very calls that were estimated.
  if (complete) CO_TRY_VOID(check_complete(r));
  size_t applied = 0;
  if (apply != "none") {
    applied += services.books->apply(r.corrected, "bill");
    applied += services.books->apply(r.added, "bill");
  }
  if (complete) {
    applied += services.books->apply(r.estimated, "not in the bill");
  }
  if (apply == "all") applied += services.books->apply(r.different, "bill");
  Json out = Json::object().set("object", "reconciliation").set("exact", r.exact());
  out.set("rows", static_cast<int64_t>(rows.size())).set("agreed", r.agreed);
  out.set("billed_tokens", r.billed_tokens).set("ledger_tokens", r.ledger_tokens);
  out.set("applied", static_cast<int64_t>(applied));
  out.set("corrected", matches_json(r.corrected)).set("added", matches_json(r.added));
  out.set("different", matches_json(r.different)).set("unknown", matches_json(r.unknown));
  out.set("unbilled", matches_json(r.unbilled)).set("estimated", matches_json(r.estimated));
  co_return out;
}

}  // namespace

void add_cost_routes(Router& router, CostServices services) {
  add_json<CostServices>(router, "GET", "/v1/cost", services, report_costs);
  add_json<CostServices>(router, "GET", "/v1/cost/calls", services, calls);
  add_json<CostServices>(router, "GET", "/v1/budgets", services, budgets);
  add_json<CostServices>(router, "POST", "/v1/cost/bill", services, bill);
}

}  // namespace drover::api
