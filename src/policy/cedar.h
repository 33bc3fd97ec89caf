#pragma once
// Rules in the Cedar language, decided by the official engine (src/policy/cedar, Rust behind a C
// interface). They are asked after the built-in rules and can only remove: Cedar's own default is
// to deny, so a file of rules begins with what it permits.
//
//   permit(principal, action, resource);
//   @id("no-foreign-parent")
//   forbid(principal, action == Action::"call_model", resource)
//   when { context.sensitivity >= 2 }
//   unless { resource has jurisdiction && resource.jurisdiction == "de" };
//   @id("two-pairs-of-eyes")
//   forbid(principal, action == Action::"export", resource)
//   when { context.sensitivity >= 2 } unless { principal.name == "privacy officer" };
//
// Two groups of actions. "use" is call_model, call_tool and store: the principal is a Tenant, the
// resource an Endpoint, a Tool or a Store with its facts as attributes (missing ones are missing:
// `has` asks), `zones` (its zone and all that hold it), `pool` and `kind`. "manage" is approve,
// extend, export, kill, purge, catalog, keys, agents, lease and server: the principal is a Key in
// its Tenant, with `name` and `scopes`, the resource a Session in its Tenant, with its `agent`, or
// the Tenant whose things they are. The context is the data's class, of a session where it is one.
// cedar_schema() has all of it, and files are validated against it when they are loaded. Faults,
// with line and column, are an attribute that does not exist (behind `has` too) or that is not
// asked for with `has`, a rule that can never apply, a template (`?principal`, `?resource`: nothing
// is linked to one here), and a Tenant's or a Session's id that cannot be one. The engine itself
// lets some of these pass, and warns of others: such a rule forbids nothing, and looks like one
// that holds.
//
// A program that was built without the engine knows the words but loads nothing: load() says so.
// Values; deny() may be called by any thread.

#include <memory>
#include <string>
#include <string_view>

#include "policy/policy.h"

namespace drover::policy {

/// Whether this program has the engine in it.
bool cedar_built_in();
/// The version of the engine, or "" without one.
std::string_view cedar_version();
/// What rules are validated against.
std::string cedar_schema();
/// kInvalidArgument: every fault on a line of its own, "FILE:LINE:COLUMN: …", in their order.
/// kUnimplemented: there is no engine in this program.
Result<std::shared_ptr<const Authorizer>> load_cedar(std::string_view policies,
                                                     const std::string& file,
                                                     std::shared_ptr<const Zones> zones);

}  // namespace drover::policy
