#pragma once
// What tools, stores and planners may see: each use is judged by the hard rules of the policy, with
// the facts that the operator states of them. A thing of which nothing is stated may see only data
// that no rule asks a fact for. Kept beside it: the class of what a tool's results bring in.
//
// What slow authorisers (Cedar: half a millisecond with 200 rules) said of a thing and a class is
// kept until the policy or the things change, so that a call asks them once; the rest is judged
// anew each time. At most limits::kDecisionsMax; one more, and they are asked anew.
//
// Loop thread only. What it is made of outlives it.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/ids.h"
#include "policy/policy.h"
#include "road/external.h"

namespace drover::road {

using async::Context;
using async::Task;

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
  void set_external(ExternalRules* external) { external_ = external; }
  bool asks_outside() const { return external_ != nullptr && external_->active(); }

  /// Asks who is asked outside, if there is anybody and it was not lately: to be awaited before
  /// check(), which never waits.
  Task<void> prepare(Context ctx, policy::ThingKind kind, std::string name, TenantId tenant,
                     std::string data_class);
  /// kPermissionDenied (reason "no_place") names the thing, the rule and why; kUnavailable where it
  /// could not be asked (policy::refused). `data_class` is the session's, as text; the tenant's
  /// floors are added.
  Result<void> check(policy::ThingKind kind, const std::string& name, const TenantId& tenant,
                     std::string_view data_class);
  /// Whether data of that class, with the tenant's floors, is bound to anything at all.
  bool bound(const TenantId& tenant, std::string_view data_class) const;
  /// The class of what the thing hands back; "" where none is stated.
  std::string brings(const std::string& name) const;
  /// Names resolved and zones checked, as text: what a caller states is looked at before it is
  /// written down. kInvalidArgument says what there is.
  Result<std::string> resolve(std::string_view data_class) const;

 private:
  std::shared_ptr<const policy::Policy> current() const;
  void refresh(const std::shared_ptr<const policy::Policy>& policy);
  std::optional<policy::Denial> denial(const policy::Policy& policy, const policy::Ask& ask,
                                       const policy::Thing& thing);
  const policy::PolicyHolder* policy_;
  ExternalRules* external_ = nullptr;
  std::shared_ptr<const policy::Policy> made_for_;
  std::map<std::string, ThingSpec> specs_;
  std::map<std::string, policy::Thing> things_;  // of made_for_'s zones
  std::unordered_map<std::string, std::optional<policy::Denial>> slow_answers_;
};

}  // namespace drover::road
