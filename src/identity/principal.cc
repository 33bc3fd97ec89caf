#include "identity/principal.h"

#include <algorithm>

#include "identity/tenants.h"

namespace drover::identity {
namespace {

struct Rule {
  Action action;
  std::string_view verb;
  Scope scope;
  /// Whether the operator's tenant may do it to another tenant's things.
  bool operator_everywhere;
  /// Whether only the operator's tenant may do it.
  bool operator_only;
};

// The whole of what a key may do.
constexpr Rule kRules[] = {
    {Action::kCallModel, "", Scope::kCall, false, false},
    {Action::kCreateSession, "", Scope::kSessions, false, false},
    {Action::kReadSession, "", Scope::kSessions, false, false},
    {Action::kWriteSession, "", Scope::kSessions, false, false},
    // Apart from the rest of a session: whoever talks to an agent need not be who answers for it.
    {Action::kApprove, "approve", Scope::kApprove, false, false},
    {Action::kExtendBudget, "extend", Scope::kApprove, false, false},
    {Action::kKill, "kill", Scope::kSessions, false, false},
    {Action::kKillMany, "kill", Scope::kAdmin, true, false},
    {Action::kLeaseWork, "lease", Scope::kSessions, false, false},
    {Action::kReadAgents, "", Scope::kSessions, false, false},
    {Action::kManageAgents, "agents", Scope::kAdmin, false, false},
    {Action::kReadMemory, "", Scope::kSessions, false, false},
    {Action::kWriteMemory, "", Scope::kSessions, false, false},
    {Action::kReadTrace, "", Scope::kSessions, false, false},
    {Action::kReadCost, "", Scope::kSessions, false, false},
    {Action::kManageKeys, "keys", Scope::kAdmin, true, false},
    {Action::kManageServer, "server", Scope::kAdmin, true, true},
    {Action::kExport, "export", Scope::kSessions, false, false},
    {Action::kPurge, "purge", Scope::kSessions, false, false},
    {Action::kChangeCatalog, "catalog", Scope::kAdmin, true, true},
    {Action::kReadAudit, "", Scope::kAdmin, true, false},
};

const Rule* rule_of(Action action) {
  for (const Rule& rule : kRules) {
    if (rule.action == action) return &rule;
  }
  return nullptr;
}

/// By tenants and scopes alone.
Result<void> by_scope(const Principal& principal, Action action, const TenantId& owner) {
  const Rule* rule = rule_of(action);
  if (rule == nullptr) return fail(Code::kPermissionDenied, "this action has no rule");
  const auto is_operator = [&] { return principal.tenant == default_tenant(); };
  // Mostly asked about one's own things, by one's own tenant's id.
  const auto is_own = [&] { return &owner == &principal.tenant || owner == principal.tenant; };
  if (principal.tenant.empty() || (!is_own() && !(rule->operator_everywhere && is_operator()))) {
    return fail(Error(Code::kNotFound, "not found").with_reason("not_found"));
  }
  if (!principal.has(rule->scope)) {
    return fail(Error(Code::kPermissionDenied, "this key lacks the scope '" +
                                                   std::string(scope_name(rule->scope)) +
                                                   "': ask for a key that has it")
                    .with_reason("missing_scope"));
  }
  if (rule->operator_only && !is_operator()) {
    return fail(Code::kPermissionDenied, "only a key of the operator's tenant may do this");
  }
  return {};
}

}  // namespace

std::string_view verb_of(Action action) {
  const Rule* rule = rule_of(action);
  return rule == nullptr ? std::string_view() : rule->verb;
}

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

const Principal& PrincipalRef::nobody() {
  static const Principal kNobody;
  return kNobody;
}

Result<void> authorise(const Principal& principal, Action action, const Subject& subject) {
  Result<void> allowed = by_scope(principal, action, subject.owner);
  if (principal.gate == nullptr || verb_of(action).empty()) return allowed;
  if (allowed) allowed = principal.gate->judge(principal, action, subject);
  if (!allowed) principal.gate->denied(principal, action, subject, allowed.error());
  return allowed;
}

Result<void> authorise(const Principal& principal, Action action, const TenantId& owner) {
  // The way of each call: nothing is copied.
  if (principal.gate == nullptr || verb_of(action).empty()) {
    return by_scope(principal, action, owner);
  }
  Subject subject;
  subject.owner = owner;
  return authorise(principal, action, subject);
}

async::Task<Result<void>> authorise_asking(async::Context ctx, Principal principal, Action action,
                                           Subject subject) {
  const bool outside = principal.gate != nullptr && principal.gate->asks_outside() &&
                       !verb_of(action).empty() && by_scope(principal, action, subject.owner);
  if (outside) co_await principal.gate->prepare(ctx, principal, action, subject);
  co_return authorise(principal, action, subject);
}

std::vector<std::string> all_verbs() {
  std::vector<std::string> out;
  for (const Rule& rule : kRules) {
    const bool known = std::find(out.begin(), out.end(), rule.verb) != out.end();
    if (!rule.verb.empty() && !known) out.emplace_back(rule.verb);
  }
  return out;
}

bool may(const Principal& principal, Action action, const TenantId& owner) {
  if (!by_scope(principal, action, owner)) return false;
  if (principal.gate == nullptr || verb_of(action).empty()) return true;
  Subject subject;
  subject.owner = owner;
  return principal.gate->judge(principal, action, subject).has_value();
}

}  // namespace drover::identity
