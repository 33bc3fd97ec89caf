#pragma once
// Requirements: what an operator demands of places beyond the built-in rules, without a policy
// language. Each says for which data it holds and what a thing needs then; a thing that lacks it,
// or of which it is not known, is removed. Requirements only ever remove.
//
//   requirements:
//     - name: bsi-c5
//       when: {sensitivity: confidential, residency: eu}     # at or above; bound to inside it
//       for: [model, tool]                                   # default: model, tool and store
//       needs: {certifications: [c5], sovereignty: 2, jurisdiction: eu}
//     - name: enclave
//       when: {purpose: care}
//       for: model                                           # nothing else can give evidence
//       needs: {attestation: aws-nitro, max_age: 1h}
//
// What is no text or list where one belongs is a fault, as is a requirement that needs nothing: one
// that was passed over would demand nothing without a word. A pool is asked of models only,
// whatever else the requirement is for.
//
// Values.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "policy/traits.h"

namespace drover::policy {

/// Evidence of a kind that must be at hand and not older.
struct EvidenceNeed {
  std::string kind;
  Duration max_age{};
  std::string rule;  // who asks for it
  bool operator==(const EvidenceNeed&) const = default;
};

struct Requirement {
  std::string name;
  // When it holds; all of what is set.
  contract::Sensitivity sensitivity = contract::Sensitivity::kPublic;
  int residency = Traits::kUnknown;
  std::vector<std::string> purposes;
  std::string tenant;  // its id; as the operator named it until that is looked up
  bool for_kind[3] = {true, true, true};  // by ThingKind
  // What a thing needs then; all of what is set.
  std::vector<std::string> certifications;  // all of them
  std::vector<std::string> hardware;        // one of them
  std::vector<std::string> pools;           // one of them, of a model
  double sovereignty = Traits::kUnknown;
  int jurisdiction = Traits::kUnknown;
  int zone = Traits::kUnknown;
  bool dedicated = false;
  EvidenceNeed evidence;  // its kind empty: none

  /// Where a fault is in the requirement ("needs.zone"; "": in it as a whole), and what is wrong;
  /// the name stands in front where there is one.
  using Tell = std::function<void(const std::string& at, const std::string& message)>;
  /// Tells every fault; with one, what is returned means nothing.
  static Requirement read(const Json& json, const Zones& zones, const Tell& tell);
  /// The same; the error is the first fault.
  static Result<Requirement> from_json(const Json& json, const Zones& zones);
  /// What the thing lacks; nullopt: nothing.
  std::optional<std::string> lacks(const Thing& thing, const Zones& zones) const;
};

}  // namespace drover::policy
