#pragma once
// The gate of verbs (policy/gate.h) with an external authoriser beside the operator's rules: who
// can wait has it asked before the rules at hand are judged (identity::authorise_asking). Owned by
// the process; what it is made of outlives it. Loop thread only.

#include "policy/gate.h"
#include "road/opa.h"

namespace drover::road {

class AskingGate final : public identity::Gate {
 public:
  AskingGate(const policy::PolicyHolder& policy, identity::Audit* audit)
      : policy_(policy), rules_(policy, audit) {}
  void set_external(Opa* opa) { opa_ = opa; }

  bool has_rules() const override { return rules_.has_rules(); }
  bool asks_outside() const override { return opa_ != nullptr && opa_->active(); }
  async::Task<void> prepare(async::Context ctx, identity::Principal principal,
                            std::optional<identity::Action> action,
                            identity::Subject subject) const override;
  Result<void> judge(const identity::Principal& principal, identity::Action action,
                     const identity::Subject& subject) const override {
    return rules_.judge(principal, action, subject);
  }
  void denied(const identity::Principal& principal, identity::Action action,
              const identity::Subject& subject, const Error& error) const override {
    rules_.denied(principal, action, subject, error);
  }

 private:
  const policy::PolicyHolder& policy_;
  policy::VerbGate rules_;
  Opa* opa_ = nullptr;
};

}  // namespace drover::road
