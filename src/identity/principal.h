#pragma once
// Who asks. A principal is made from a key (or is the process itself) and passes the one authorise
// function before anything is done for it.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "base/ids.h"
#include "base/local_ptr.h"
#include "base/result.h"

namespace drover::identity {

enum class Scope : uint8_t { kCall, kSessions, kApprove, kAdmin };
std::string_view scope_name(Scope scope);  // "call", "sessions", "approve", "admin"
Result<Scope> parse_scope(std::string_view name);

class Gate;

struct Principal {
  TenantId tenant;
  KeyId key;         // empty for the process itself
  std::string name;  // the key's label, for actors and logs
  std::vector<Scope> scopes;
  /// The operator's own rules, asked after the scopes; null: none. Outlives the principal.
  const Gate* gate = nullptr;
  bool has(Scope scope) const;
  /// The process itself (demo, recovery): every scope, the given tenant.
  static Principal system(TenantId tenant);
};

/// A principal that many calls share, and that nobody changes any more: handed on without a copy,
/// and kept by a call under way, whatever becomes of its key. By the default it is nobody, who may
/// do nothing. Loop thread only.
class PrincipalRef {
 public:
  PrincipalRef() = default;
  PrincipalRef(Principal principal)
      : held_(LocalPtr<const Principal>::make(std::move(principal))) {}
  const Principal& operator*() const { return held_ ? *held_ : nobody(); }
  const Principal* operator->() const { return &**this; }
  operator const Principal&() const { return **this; }

 private:
  static const Principal& nobody();
  LocalPtr<const Principal> held_;
};

/// What is asked for. Every surface calls authorise() and nothing else.
enum class Action : uint8_t {
  kCallModel,
  kCreateSession,
  kReadSession,
  kWriteSession,
  kApprove,       // decide for a person on a tool call that waits
  kExtendBudget,  // grant or refuse more than a step budget; raise a tree's
  kKill,          // stop a session, by a kill or a cancel, or a tree
  kKillMany,      // stop all sessions of an agent or a tenant
  kLeaseWork,     // do a session's work from outside
  kReadAgents,
  kManageAgents,  // deploy, pin, drain; move sessions to another version
  kReadMemory,
  kWriteMemory,
  kReadTrace,
  kReadCost,  // what the tenant used and what it cost
  kManageKeys,
  kManageServer,   // backup, metrics of all tenants
  kExport,         // take a session out, whole
  kPurge,          // remove what is remembered
  kChangeCatalog,  // reload: endpoints, places, rules
  kReadAudit,      // what was refused to whom
};
/// What the operator's rules call it: "approve", "extend", "export", "kill", "purge", "catalog",
/// "keys", "agents", "lease", "server"; "" for an action that is no management of anything: those
/// are judged where the data goes (policy/policy.h).
std::string_view verb_of(Action action);

/// What it is done to.
struct Subject {
  TenantId owner;  // the tenant of the thing asked for
  std::string session;
  std::string agent;
  std::string data_class;  // of the session, or of the record, as text
  bool record = false;     // it is a record of memory, which is no session's
};

/// Rules of the operator's own for verbs, and where denials are written down (policy/gate.h).
class Gate {
 public:
  virtual ~Gate() = default;
  /// Whether there are rules at all: without some, a subject needs no data class.
  virtual bool has_rules() const = 0;
  /// Whether rules are decided elsewhere too, and prepare() is to be awaited before judge(), which
  /// never waits and says no where nobody has answered.
  virtual bool asks_outside() const { return false; }
  /// Asks there about one verb, or (nullopt) about all that the key may try on its tenant's things.
  virtual async::Task<void> prepare(async::Context ctx, Principal principal,
                                    std::optional<Action> action, Subject subject) const {
    co_return;
  }
  /// Only ever takes away what the scopes allow.
  virtual Result<void> judge(const Principal& principal, Action action,
                             const Subject& subject) const = 0;
  /// Told of each verb that was refused, whoever refused it.
  virtual void denied(const Principal& principal, Action action, const Subject& subject,
                      const Error& error) const = 0;
};

/// Allows or says why not. The subject's owner is the principal's own tenant for new things.
/// Another tenant's thing is kNotFound, so that its existence is not told. A missing scope is
/// kPermissionDenied. The default tenant is the operator's: only its admin keys manage the server
/// (backup, reload, metrics of all), and they may manage every tenant's keys, but they too see
/// nothing of another tenant's sessions, memory or traces. What is allowed by that is then put to
/// the operator's rules, if there are some (reason "policy"); a refused verb is audited.
Result<void> authorise(const Principal& principal, Action action, const Subject& subject);
Result<void> authorise(const Principal& principal, Action action, const TenantId& owner);
/// The same for one who can wait for rules that are decided elsewhere.
async::Task<Result<void>> authorise_asking(async::Context ctx, Principal principal, Action action,
                                           Subject subject);
/// The verbs that there are.
std::vector<std::string> all_verbs();
/// The same question asked for showing only: a no is not written down.
bool may(const Principal& principal, Action action, const TenantId& owner);

}  // namespace drover::identity
