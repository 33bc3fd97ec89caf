#pragma once
// What tools, stores and planners may see: each use is judged by the hard rules of the policy, with
// the facts that the operator states of them. A thing of which nothing is stated may see only data
// that no rule asks a fact for. Kept beside it: the class of what a tool's results bring in.
//
// Loop thread only. What it is made of outlives it.

#include <map>
#include <memory>
#include <string>

#include "base/ids.h"
#include "policy/policy.h"

namespace drover::road {

/// What an operator says of a tool server, a planner's origin or the node's own store.
struct ThingSpec {
  policy::ThingKind kind = policy::ThingKind::kTool;
  catalog::Facts facts;
  /// Of what it hands back, as text.
  std::string data_class;
};

/// The node's own store: journal, memory, blobs.
inline constexpr const char* kOwnStore = "this server";

class Guard {
 public:
  /// `policy` may be null: the built-in rules alone.
  explicit Guard(const policy::PolicyHolder* policy = nullptr) : policy_(policy) {}
  void set_things(std::map<std::string, ThingSpec> things);

  /// kPermissionDenied (reason "no_place") names the thing, the rule and why. `data_class` is the
  /// session's, as text; the tenant's floors are added.
  Result<void> check(policy::ThingKind kind, const std::string& name, const TenantId& tenant,
                     std::string_view data_class);
  /// The class of what the thing hands back; "" where none is stated.
  std::string brings(const std::string& name) const;
  /// Names resolved and zones checked, as text: what a caller states is looked at before it is
  /// written down. kInvalidArgument says what there is.
  Result<std::string> resolve(std::string_view data_class) const;

 private:
  std::shared_ptr<const policy::Policy> current() const;
  const policy::PolicyHolder* policy_;
  std::shared_ptr<const policy::Policy> made_for_;
  std::map<std::string, ThingSpec> specs_;
  std::map<std::string, policy::Thing> things_;  // of made_for_'s zones
};

}  // namespace drover::road
