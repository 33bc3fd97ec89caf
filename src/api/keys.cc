#include "api/keys.h"

#include <set>

#include "api/json_route.h"
#include "api/steer_read.h"
#include "road/budget.h"

namespace drover::api {
namespace {

using identity::Action;
using identity::KeyInfo;

Json key_json(const KeyInfo& info) {
  Json scopes = Json::array();
  for (identity::Scope scope : info.scopes) scopes.push(identity::scope_name(scope));
  Json out = Json::object().set("id", info.id.str()).set("object", "key");
  out.set("tenant", info.tenant.str()).set("label", info.label);
  out.set("scopes", std::move(scopes));
  out.set("created", format_rfc3339(info.created));
  if (info.revoked) out.set("revoked", format_rfc3339(*info.revoked));
  out.set("fingerprint", info.fingerprint);
  if (!info.budgets.is_null()) out.set("budgets", info.budgets);
  return out;
}

Json tenant_json(const identity::Tenant& tenant) {
  Json out = Json::object().set("id", tenant.id.str()).set("object", "tenant");
  out.set("name", tenant.name).set("created", format_rfc3339(tenant.created));
  return out;
}

/// The tenant meant, authorised: the caller's own if none is named. To those who may not, another
/// tenant looks the same as one that is not there.
Result<TenantId> tenant_of(const Exchange& exchange, const KeyServices& services,
                           std::string_view named) {
  TenantId tenant = exchange.principal->tenant;
  if (!named.empty()) {
    auto found = services.tenants->find(named);
    // Only an operator who manages keys may know which there are.
    if (!found && tenant == identity::default_tenant()) {
      TRY_VOID(identity::authorise(exchange.principal, Action::kManageKeys, tenant));
      return fail(std::move(found).error());
    }
    if (!found) return fail(Error(Code::kNotFound, "not found").with_reason("not_found"));
    tenant = found->id;
  }
  TRY_VOID(identity::authorise(exchange.principal, Action::kManageKeys, tenant));
  return tenant;
}

Result<std::vector<identity::Scope>> read_scopes(const Json& body) {
  std::vector<identity::Scope> out;
  const Json* scopes = body.find("scopes");
  if (scopes == nullptr || scopes->array_items() == nullptr || scopes->array_items()->empty()) {
    return fail(Code::kInvalidArgument,
                "'scopes' must list some of call, sessions, approve and admin");
  }
  for (const Json& item : *scopes->array_items()) {
    if (item.string() == nullptr) return fail(Code::kInvalidArgument, "a scope is a text");
    TRY(identity::Scope scope, identity::parse_scope(*item.string()));
    out.push_back(scope);
  }
  return out;
}

/// "budgets": a list of budgets, or in short "money=5/day,requests=60/minute". Null: none named.
Result<Json> read_budgets(const Json& body) {
  const Json* named = body.find("budgets");
  if (named == nullptr || named->is_null()) return Json();
  std::vector<road::Budget> budgets;
  if (const std::string* text = named->string()) {
    TRY(budgets, road::parse_key_budgets(*text));
  } else if (const Json::Array* items = named->array_items()) {
    for (const Json& item : *items) {
      TRY(road::Budget one, road::budget_from_json(item));
      budgets.push_back(std::move(one));
    }
  } else {
    return fail(Code::kInvalidArgument, "'budgets' is a list, or a text such as money=5/day");
  }
  Json out = Json::array();
  std::set<std::string> names;
  for (road::Budget& b : budgets) {
    if (!b.of(road::Dimension::kKey).empty() || !b.of(road::Dimension::kTenant).empty()) {
      return fail(Code::kInvalidArgument,
                  "a key's budget is for that key: leave out whom it is for");
    }
    // Several of one kind (money by the day and tokens by the day) are told apart by what they are.
    if (b.name.empty() && budgets.size() > 1) {
      b.name = std::string(b.money ? "money" : b.tokens ? "tokens" : "requests") + " of the key";
    }
    if (!names.insert(b.name + "/" + std::string(road::per_name(b.per))).second) {
      return fail(Code::kInvalidArgument, "two budgets are alike: give each a 'name'");
    }
    out.push(road::to_json(b));
  }
  return out;
}

Task<Result<Json>> create_key(Context ctx, Exchange& exchange, KeyServices services) {
  // First whether the caller may at all, then what it asks for.
  CO_TRY_VOID(
      identity::authorise(exchange.principal, Action::kManageKeys, exchange.principal->tenant));
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY_VOID(body::known(body, {"tenant", "label", "scopes", "budgets"}));
  CO_TRY(TenantId tenant, tenant_of(exchange, services, body.get_string("tenant").value_or("")));
  CO_TRY(auto scopes, read_scopes(body));
  std::string label(body.get_string("label").value_or(""));
  CO_TRY(Json budgets, read_budgets(body));
  CO_TRY(auto made, co_await services.keys->create(ctx, std::move(tenant), std::move(label),
                                                   std::move(scopes), std::move(budgets)));
  // Its own, and those that the configuration has for keys of this label.
  if (services.budgets_changed) CO_TRY_VOID(services.budgets_changed());
  Json out = key_json(made.info);
  out.set("key", std::string(made.key.reveal()));
  co_return out;
}

Task<Result<Json>> list_keys(Context ctx, Exchange& exchange, KeyServices services) {
  std::string named = exchange.request.head().query_param("tenant").value_or("");
  CO_TRY(TenantId tenant, tenant_of(exchange, services, named));
  std::optional<TenantId> filter = tenant;
  if (named.empty() && tenant == identity::default_tenant()) filter.reset();  // the operator: all
  Json data = Json::array();
  for (const KeyInfo& info : services.keys->list(filter)) data.push(key_json(info));
  co_return list_json(std::move(data), false);
}

Task<Result<Json>> revoke(Context ctx, Exchange& exchange, KeyServices services) {
  CO_TRY_VOID(
      identity::authorise(exchange.principal, Action::kManageKeys, exchange.principal->tenant));
  CO_TRY(KeyId id, KeyId::parse(exchange.param("id")));
  CO_TRY(KeyInfo info, services.keys->find(id));
  CO_TRY_VOID(identity::authorise(exchange.principal, Action::kManageKeys, info.tenant));
  CO_TRY_VOID(co_await services.keys->revoke(ctx, info.tenant, id));
  CO_TRY(info, services.keys->find(id));
  co_return key_json(info);
}

Task<Result<Json>> set_budgets(Context ctx, Exchange& exchange, KeyServices services) {
  CO_TRY_VOID(
      identity::authorise(exchange.principal, Action::kManageKeys, exchange.principal->tenant));
  CO_TRY(KeyId id, KeyId::parse(exchange.param("id")));
  CO_TRY(KeyInfo info, services.keys->find(id));
  CO_TRY_VOID(identity::authorise(exchange.principal, Action::kManageKeys, info.tenant));
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY_VOID(body::known(body, {"budgets"}));
  CO_TRY(Json budgets, read_budgets(body));
  CO_TRY_VOID(co_await services.keys->set_budgets(ctx, info.tenant, id, std::move(budgets)));
  if (services.budgets_changed) CO_TRY_VOID(services.budgets_changed());
  CO_TRY(info, services.keys->find(id));
  co_return key_json(info);
}

Task<Result<Json>> create_tenant(Context ctx, Exchange& exchange, KeyServices services) {
  CO_TRY_VOID(
      identity::authorise(exchange.principal, Action::kManageServer, exchange.principal->tenant));
  CO_TRY(Json body, co_await read_json(ctx, exchange));
  CO_TRY_VOID(body::known(body, {"name"}));
  std::string name(body.get_string("name").value_or(""));
  CO_TRY(auto tenant, co_await services.tenants->create(ctx, std::move(name)));
  co_return tenant_json(tenant);
}

Task<Result<Json>> list_tenants(Context ctx, Exchange& exchange, KeyServices services) {
  Json data = Json::array();
  const TenantId& own = exchange.principal->tenant;
  CO_TRY_VOID(identity::authorise(exchange.principal, Action::kManageKeys, own));
  for (const identity::Tenant& tenant : services.tenants->list()) {
    if (identity::may(exchange.principal, Action::kManageKeys, tenant.id))
      data.push(tenant_json(tenant));
  }
  co_return list_json(std::move(data), false);
}

}  // namespace

void add_key_routes(Router& router, KeyServices services) {
  add_json<KeyServices>(router, "GET", "/v1/keys", services, list_keys);
  add_json<KeyServices>(router, "POST", "/v1/keys", services, create_key, 201);
  add_json<KeyServices>(router, "DELETE", "/v1/keys/{id}", services, revoke);
  add_json<KeyServices>(router, "PUT", "/v1/keys/{id}/budgets", services, set_budgets);
  add_json<KeyServices>(router, "GET", "/v1/tenants", services, list_tenants);
  add_json<KeyServices>(router, "POST", "/v1/tenants", services, create_tenant, 201);
}

}  // namespace drover::api
