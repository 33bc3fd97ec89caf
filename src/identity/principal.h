#pragma once
// Who asks. A principal is made from a key (or is the process itself) and passes the one authorise
// function before anything is done for it.

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace drover::identity {

enum class Scope : uint8_t { kCall, kSessions, kApprove, kAdmin };
std::string_view scope_name(Scope scope);  // "call", "sessions", "approve", "admin"
Result<Scope> parse_scope(std::string_view name);

struct Principal {
  TenantId tenant;
  KeyId key;         // empty for the process itself
  std::string name;  // the key's label, for actors and logs
  std::vector<Scope> scopes;
  bool has(Scope scope) const;
  /// The process itself (demo, recovery): every scope, the given tenant.
  static Principal system(TenantId tenant);
};

/// What is asked for. Extended by later policy; every surface calls authorise() and nothing else.
enum class Action : uint8_t {
  kCallModel,
  kCreateSession,
  kReadSession,
  kWriteSession,
  kApprove,       // decide for a person on a tool call that waits
  kExtendBudget,  // grant or refuse more than a step budget; raise a tree's
  kKill,          // stop a session or a tree at once
  kKillMany,      // stop all sessions of an agent or a tenant
  kLeaseWork,     // do a session's work from outside
  kReadAgents,
  kManageAgents,  // deploy, pin, drain; move sessions to another version
  kReadMemory,
  kWriteMemory,
  kReadTrace,
  kReadCost,  // what the tenant used and what it cost
  kManageKeys,
  kManageServer,  // reload, backup, metrics of all tenants
};

/// Allows or says why not. `owner` is the tenant of the thing asked for (the principal's own for
/// new things). Another tenant's thing is kNotFound, so that its existence is not told. A missing
/// scope is kPermissionDenied. The default tenant is the operator's: only its admin keys manage the
/// server (backup, reload, metrics of all), and they may manage every tenant's keys, but they too
/// see nothing of another tenant's sessions, memory or traces.
Result<void> authorise(const Principal& principal, Action action, const TenantId& owner);

}  // namespace drover::identity
