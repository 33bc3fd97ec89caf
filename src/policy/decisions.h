#pragma once
// Decisions of the hard rules, kept: for each principal class, kind, data class and needs the set
// of things of one list (the endpoints of a catalog, by index) that no rule removes. The hot path
// asks for a set and never for a rule. A changed list, policy or answer of an authoriser makes all
// of them void.
//
// A principal class is the tenant where some rule looks at tenants, and everybody otherwise. At
// most limits::kDecisionsMax are kept; one more, and all are made anew as they are asked for. Loop
// thread only.

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "policy/bits.h"
#include "policy/policy.h"

namespace drover::policy {

struct Decision {
  Bits allowed;
  /// What an allowed thing must show besides, at the time of the call.
  std::vector<EvidenceNeed> evidence;
};

class Decisions {
 public:
  /// Takes a policy and a list of things; all earlier decisions are void.
  void reset(std::shared_ptr<const Policy> policy, std::vector<Thing> things);

  /// The reference lives until the next call of a function that is not const.
  const Decision& get(const Ask& ask);
  /// The same, made anew and not kept: what get() must equal.
  Decision decide(const Ask& ask) const;
  /// Why the thing is removed; nullopt if it is not.
  std::optional<Denial> why(const Ask& ask, size_t thing) const;
  /// Set where no thing can ever satisfy the class.
  std::optional<Denial> impossible(const Ask& ask) const;

  const Policy& policy() const { return *policy_; }
  std::shared_ptr<const Policy> shared_policy() const { return policy_; }
  const std::vector<Thing>& things() const { return things_; }
  /// Grows with each reset().
  uint64_t epoch() const { return epoch_; }
  size_t kept() const { return kept_.size(); }

 private:
  void key_of(const Ask& ask);
  std::shared_ptr<const Policy> policy_ = std::make_shared<Policy>();
  std::vector<Thing> things_;
  bool by_tenant_ = false;
  uint64_t epoch_ = 0;
  uint64_t generation_ = 0;  // of the policy's authorisers, that what is kept is of
  std::string key_;          // of the last question, so that asking allocates nothing
  std::unordered_map<std::string, Decision> kept_;
};

}  // namespace drover::policy
