#pragma once
// The operator's rules for verbs (approve, extend, export, kill, purge, catalog, keys, …), put
// behind identity::authorise: the policy in force is asked, and what was refused goes into the
// audit. A no of the rules is kPermissionDenied (reason "policy"), and kUnavailable where an
// external authoriser would have to be asked and cannot be (policy::kUnasked).
//
// Answers that are not about one session or one record are kept until the policy changes, at most
// limits::kVerbAnswersMax of them. Owner: the process, one; what it is made of outlives it. Loop
// thread only.

#include <memory>
#include <string>
#include <unordered_map>

#include "identity/audit.h"
#include "identity/principal.h"
#include "policy/policy.h"

namespace drover::policy {

/// The question for rules; `data` of a session or a record is what holds for it there.
VerbAsk verb_question(const Policy& policy, const identity::Principal& principal,
                      identity::Action action, const identity::Subject& subject);

class VerbGate final : public identity::Gate {
 public:
  /// `audit` may be null: nothing is written down.
  VerbGate(const PolicyHolder& policy, identity::Audit* audit) : policy_(policy), audit_(audit) {}

  bool has_rules() const override { return !policy_.get()->authorizers().empty(); }
  Result<void> judge(const identity::Principal& principal, identity::Action action,
                     const identity::Subject& subject) const override;
  void denied(const identity::Principal& principal, identity::Action action,
              const identity::Subject& subject, const Error& error) const override;

 private:
  const PolicyHolder& policy_;
  identity::Audit* audit_;
  mutable std::shared_ptr<const Policy> kept_for_;
  mutable uint64_t generation_ = 0;
  mutable std::unordered_map<std::string, std::optional<Denial>> kept_;
};

}  // namespace drover::policy
