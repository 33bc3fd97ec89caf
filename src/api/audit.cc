#include "api/audit.h"

#include "api/json_route.h"

namespace drover::api {
namespace {

constexpr uint64_t kAuditListed = 50;
constexpr uint64_t kAuditListedMost = 1000;

Result<uint64_t> before_of(const Exchange& exchange) {
  std::string text = exchange.request.head().query_param("before").value_or("");
  if (text.empty()) return 0;
  auto out = whole_number(text);
  if (!out) return fail(Code::kInvalidArgument, "'before' must be the sequence of an entry");
  return *out;
}

/// Whose refusals: nullopt stands for everybody's.
Result<std::optional<TenantId>> whose_audit(const Exchange& exchange,
                                            const AuditServices& services) {
  const identity::Principal& who = exchange.principal;
  TRY_VOID(identity::authorise(who, identity::Action::kReadAudit, who.tenant));
  std::string named = exchange.request.head().query_param("tenant").value_or("");
  const bool is_operator = who.tenant == identity::default_tenant();
  if (named.empty()) return is_operator ? std::optional<TenantId>() : who.tenant;
  auto found = services.tenants->find(named);
  // Only the operator may know which there are.
  if (!found && is_operator) return fail(std::move(found).error());
  if (!found) return fail(Error(Code::kNotFound, "not found").with_reason("not_found"));
  TRY_VOID(identity::authorise(who, identity::Action::kReadAudit, found->id));
  return std::optional<TenantId>(found->id);
}

Task<Result<Json>> list_audit(Context ctx, Exchange& exchange, AuditServices services) {
  CO_TRY(auto tenant, whose_audit(exchange, services));
  CO_TRY(uint64_t before, before_of(exchange));
  CO_TRY(uint64_t limit, query_limit(exchange, kAuditListed, kAuditListedMost));
  Json data = Json::array();
  for (const identity::AuditEntry& entry : services.audit->list(tenant, before, limit)) {
    data.push(entry.to_json());
  }
  const bool more = data.array_items()->size() == limit;
  co_return list_json(std::move(data), more);
}

}  // namespace

void add_audit_routes(Router& router, AuditServices services) {
  add_json<AuditServices>(router, "GET", "/v1/audit", services, list_audit);
}

}  // namespace drover::api
