#include "identity/principal.h"

#include <algorithm>

namespace drover::identity {
namespace {

Scope scope_for(Action action) {
  switch (action) {
    case Action::kCallModel:
      return Scope::kCall;
    case Action::kCreateSession:
    case Action::kReadSession:
    case Action::kWriteSession:
    case Action::kReadMemory:
    case Action::kWriteMemory:
    case Action::kReadTrace:
      return Scope::kSessions;
    case Action::kManageKeys:
    case Action::kManageServer:
      return Scope::kAdmin;
  }
  return Scope::kAdmin;
}

}  // namespace

std::string_view scope_name(Scope scope) {
  switch (scope) {
    case Scope::kCall:
      return "call";
    case Scope::kSessions:
      return "sessions";
    case Scope::kAdmin:
      return "admin";
  }
  return "admin";
}

bool Principal::has(Scope scope) const {
  return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

Principal Principal::system(TenantId tenant) {
  Principal out;
  out.tenant = std::move(tenant);
  out.name = "system";
  out.scopes = {Scope::kCall, Scope::kSessions, Scope::kAdmin};
  return out;
}

Result<void> authorise(const Principal& principal, Action action, const TenantId& owner) {
  if (principal.tenant != owner) {
    return fail(Error(Code::kNotFound, "not found").with_reason("not_found"));
  }
  Scope needed = scope_for(action);
  if (principal.has(needed)) return {};
  return fail(Error(Code::kPermissionDenied,
                    "this key lacks the scope '" + std::string(scope_name(needed)) + "'")
                  .with_reason("missing_scope"));
}

}  // namespace drover::identity
