#pragma once
// Decisions of the hard rules, kept: for each principal class, kind, data class and needs the set
// of things of one list (the endpoints of a catalog, by index) that no rule removes. The hot path
// asks for a set and never for a rule. A changed list, policy or answer of an authoriser makes all
// of them void.
//
// Slow authorisers (Authorizer::slow: Cedar) are asked once for each principal class, kind and data
// class, whatever the needs; what they said is kept apart as Verdicts. A loop has them made ahead:
//
//   if (!decisions.ready(ask)) {
//     Question question = decisions.question(ask);
//     Verdicts verdicts = judge(question);               // on another thread
//     decisions.take(question, std::move(verdicts));     // false: of another epoch, ask anew
//   }
//
// Whoever does not waits for them in get(). A principal class is the tenant where some rule looks
// at tenants, and everybody otherwise. At most limits::kDecisionsMax of each are kept; one more,
// and all are made anew as they are asked for. Loop thread only, but judge().

#include <array>
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

/// What slow authorisers said to one question about all things of a list.
struct Verdicts {
  Bits allowed;
  /// Of each thing that they removed, its place in `denials` plus one; few denials are different.
  std::vector<uint16_t> why;
  std::vector<Denial> denials;
};

/// A question for slow authorisers and all that answering it takes; any thread may have it.
struct Question {
  std::shared_ptr<const Policy> policy;
  std::shared_ptr<const std::vector<Thing>> things;
  Ask ask;
  std::string key;
  uint64_t epoch = 0;
};
/// Asks the slow authorisers. Any thread; takes half a second for 1,000 things and 200 rules.
Verdicts judge(const Question& question);

class Decisions {
 public:
  /// Takes a policy and a list of things; all earlier decisions are void.
  void reset(std::shared_ptr<const Policy> policy, std::vector<Thing> things);

  /// Whether get() has no slow authoriser to ask.
  bool ready(const Ask& ask);
  Question question(const Ask& ask);
  /// False if they are of another epoch: then they are worth nothing.
  bool take(const Question& question, Verdicts verdicts);
  /// Questions that slow authorisers were asked and that stand: worth asking again after a reset.
  std::vector<Ask> asked() const;

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
  const std::vector<Thing>& things() const { return *things_; }
  /// Grows with each reset().
  uint64_t epoch() const { return epoch_; }
  size_t kept() const { return kept_.size(); }
  bool slow() const { return slow_; }

 private:
  struct Known {
    Ask ask;
    Verdicts verdicts;
  };
  /// Whom and what it is about, without the needs.
  std::string class_key(const Ask& ask) const;
  const Verdicts& verdicts(const Ask& ask);
  const Verdicts& keep(const Question& question, Verdicts verdicts);
  [[gnu::noinline]] Decision make(const Ask& ask);
  void forget();

  std::shared_ptr<const Policy> policy_ = std::make_shared<Policy>();
  std::shared_ptr<const std::vector<Thing>> things_ = std::make_shared<std::vector<Thing>>();
  bool by_tenant_ = false;
  bool slow_ = false;
  uint64_t epoch_ = 0;
  uint64_t generation_ = 0;  // of the policy's authorisers, that what is kept is of
  std::string key_;          // of the last question, so that asking allocates nothing
  std::unordered_map<std::string, Decision> kept_;
  /// Of kept_, by kind, where tenants are alike: of data of which nothing is said and a step that
  /// needs nothing, as most are. Null: not asked yet.
  std::array<const Decision*, kThingKinds> free_{};
  std::unordered_map<std::string, Known> known_;
};

}  // namespace drover::policy
