#include "identity/principal.h"

#include <algorithm>

#include "identity/tenants.h"

namespace drover::identity {
namespace {

struct Rule {
  Action action;
  Scope scope;
  /// Whether the operator's tenant may do it to another tenant's things.
  bool operator_everywhere;
  /// Whether only the operator's tenant may do it.
  bool operator_only;
};

// The whole of what a key may do.
constexpr Rule kRules[] = {
    {Action::kCallModel, Scope::kCall, false, false},
    {Action::kCreateSession, Scope::kSessions, false, false},
    {Action::kReadSession, Scope::kSessions, false, false},
    {Action::kWriteSession, Scope::kSessions, false, false},
    // Apart from the rest of a session: whoever talks to an agent need not be who answers for it.
    {Action::kApprove, Scope::kApprove, false, false},
    {Action::kExtendBudget, Scope::kApprove, false, false},
    {Action::kKill, Scope::kSessions, false, false},
    {Action::kKillMany, Scope::kAdmin, true, false},
    {Action::kLeaseWork, Scope::kSessions, false, false},
    {Action::kReadAgents, Scope::kSessions, false, false},
    {Action::kManageAgents, Scope::kAdmin, false, false},
    {Action::kReadMemory, Scope::kSessions, false, false},
    {Action::kWriteMemory, Scope::kSessions, false, false},
    {Action::kReadTrace, Scope::kSessions, false, false},
    {Action::kReadCost, Scope::kSessions, false, false},
    {Action::kManageKeys, Scope::kAdmin, true, false},
    {Action::kManageServer, Scope::kAdmin, true, true},
};

const Rule* rule_of(Action action) {
  for (const Rule& rule : kRules) {
    if (rule.action == action) return &rule;
  }
  return nullptr;
}

}  // namespace

std::string_view scope_name(Scope scope) {
  switch (scope) {
    case Scope::kCall:
      return "call";
    case Scope::kSessions:
      return "sessions";
    case Scope::kApprove:
      return "approve";
    case Scope::kAdmin:
      return "admin";
  }
  return "unknown";
}

Result<Scope> parse_scope(std::string_view name) {
  for (Scope scope : {Scope::kCall, Scope::kSessions, Scope::kApprove, Scope::kAdmin}) {
    if (name == scope_name(scope)) return scope;
  }
  return fail(Code::kInvalidArgument, "no scope '" + std::string(name.substr(0, 40)) +
                                          "': there are call, sessions, approve and admin");
}

bool Principal::has(Scope scope) const {
  return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

Principal Principal::system(TenantId tenant) {
  Principal out;
  out.tenant = std::move(tenant);
  out.name = "system";
  out.scopes = {Scope::kCall, Scope::kSessions, Scope::kApprove, Scope::kAdmin};
  return out;
}

Result<void> authorise(const Principal& principal, Action action, const TenantId& owner) {
  const Rule* rule = rule_of(action);
  if (rule == nullptr) return fail(Code::kPermissionDenied, "this action has no rule");
  const bool is_operator = principal.tenant == default_tenant();
  if (principal.tenant.empty() ||
      (owner != principal.tenant && !(rule->operator_everywhere && is_operator))) {
    return fail(Error(Code::kNotFound, "not found").with_reason("not_found"));
  }
  if (!principal.has(rule->scope)) {
    return fail(Error(Code::kPermissionDenied, "this key lacks the scope '" +
                                                   std::string(scope_name(rule->scope)) +
                                                   "': ask for a key that has it")
                    .with_reason("missing_scope"));
  }
  if (rule->operator_only && !is_operator) {
    return fail(Code::kPermissionDenied, "only a key of the operator's tenant may do this");
  }
  return {};
}

}  // namespace drover::identity
