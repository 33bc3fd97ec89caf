#pragma once
// The policy of the process: zones, the operator's classes and requirements, and the built-in hard
// rules, which hold without any of those. One immutable value with a fingerprint; a reload makes a
// new one.
//
// The built-in rules, in order; each removes a thing with its name and why, and needs its facts:
//
//   class           the data's class is readable here: its names and zones are known, its inputs'
//                   residencies and purposes have something in common
//   residency       the thing's zone, and the zone that requests may be routed within, lie within
//                   the data's residency
//   cache           so does the zone of a model's prompt cache; no cache where the class forbids it
//   sensitivity     the thing is cleared for it (data that is public needs no clearance)
//   purpose         the thing serves a purpose that the data may be used for
//   usage           no training on the data, no reading by the provider's people
//   retention       the provider or the tool keeps it no longer than the data may be kept; in a
//                   store this program purges it itself
//   isolation       restricted data is not mixed with a general pool: the tenancy is dedicated
//
// Then what the step needs (policy/needs.h; rule "needs"), then the requirements
// (policy/requirement.h) by their own names, then the authorisers, if there are some. A Case is one
// question prepared: judging a thing then costs no text. Pure; any thread.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/needs.h"
#include "policy/requirement.h"

namespace drover::policy {

/// What is asked: may data of this class go to things of this kind, for this tenant?
struct Ask {
  ThingKind kind = ThingKind::kModel;
  std::string tenant;
  contract::DataClass data;
  /// Of the step, for models; beside what the data demands.
  Needs needs = Needs();
};

struct Denial {
  std::string rule;
  std::string why;
  /// It is no word of a rule: who would have to be asked has not answered. No is the answer all the
  /// same, until he does.
  bool unasked = false;
};

/// The reasons of an error that a denial is: by a rule, and unasked.
inline constexpr std::string_view kNoPlace = "no_place";
inline constexpr std::string_view kUnasked = "policy_unavailable";
/// Whether it is either: a denial, in words of our own.
bool is_denial(const Error& error);
/// What a denial is to whoever asked: kPermissionDenied with the reason given, or for an unasked
/// one kUnavailable (kUnasked), to be tried again after limits::kUnaskedRetry.
Error refused(std::string text, std::string_view reason, bool unasked);

/// What is asked that is no use of data: may this key approve, extend, export, kill, … ?
struct VerbAsk {
  std::string verb;  // identity::verb_of
  std::string tenant;
  std::string key;
  std::string name;  // the key's label
  std::vector<std::string> scopes;
  std::string owner;    // the tenant whose thing it is
  std::string session;  // what it is done to, where it is a session
  std::string agent;
  contract::DataClass data;  // of the session or the record
  bool record = false;       // it is done to a record of memory
  /// Whether it is about some data: then each is a question of its own.
  bool about_data() const { return record || !session.empty(); }
};

/// A tenant's id in rules, and where it stands first: "rules.cedar:3:21", or "".
struct NamedTenant {
  std::string id;
  std::string place;
};

/// Rules in a language of their own, asked after the built-in ones. Never widens what they allow.
class Authorizer {
 public:
  virtual ~Authorizer() = default;
  virtual std::optional<Denial> deny(const Ask& ask, const Thing& thing) const = 0;
  virtual std::optional<Denial> deny_verb(const VerbAsk& ask) const { return std::nullopt; }
  /// Changes whenever an answer may have: what was kept of older ones is void.
  virtual uint64_t generation() const { return 0; }
  /// Whether deny() takes so long that no loop may wait for it. Such a one may be asked by any
  /// thread, and answers the same question alike for ever.
  virtual bool slow() const { return false; }
  /// Whether the answer may differ by tenant.
  virtual bool by_tenant() const = 0;
  /// The ids of tenants that its rules name: each must be one's, or the rule holds for nobody.
  virtual std::vector<NamedTenant> tenants() const { return {}; }
  virtual std::string fingerprint() const = 0;
};

struct PolicySpec {
  std::vector<ZoneSpec> zones;
  std::map<std::string, contract::DataClass> classes;
  /// The least that holds for everything, and for what a tenant brings; joined to what is stated.
  contract::DataClass floor;
  std::map<std::string, contract::DataClass> tenants;
  Json requirements;                                           // an array; see requirement.h
  std::vector<std::shared_ptr<const Authorizer>> authorizers;  // all must allow
};

/// "class 'patient': " of an entry of `classes`, "tenant 'clinic': " of `tenants`; complaints begin
/// with it.
std::string class_title(std::string_view list, const std::string& name);

class Policy {
 public:
  /// Where a fault is in the spec ("zones[2]", "classes.patient.residency",
  /// "requirements[0].needs.zone"), what is wrong, and what to write instead, or "".
  using Tell = std::function<void(const std::string& at, std::string message, std::string remedy)>;

  /// The built-in rules alone.
  Policy() = default;
  /// Tells every fault; with one, what is returned means nothing. Where zones are at fault the rest
  /// is not looked at: what names mean is then not known.
  static std::shared_ptr<const Policy> read(PolicySpec spec, const Tell& tell);
  /// The same; the error (kInvalidArgument) is the first fault.
  static Result<std::shared_ptr<const Policy>> make(PolicySpec spec);
  /// The same with one more authoriser.
  std::shared_ptr<const Policy> with(std::shared_ptr<const Authorizer> authorizer) const;

  /// The same with other words for tenants, such as ids for names; one without stays as it was. It
  /// says the same, so the fingerprint is the same.
  std::shared_ptr<const Policy> renamed(const std::map<std::string, std::string>& ids) const;

  const Zones& zones() const { return zones_; }
  const std::map<std::string, contract::DataClass>& classes() const { return classes_; }
  const contract::DataClass& floor() const { return floor_; }
  /// The floors of tenants. Asks speak of tenants by id, so only those count that are named by it.
  const std::map<std::string, contract::DataClass>& tenants() const { return tenants_; }
  const std::vector<Requirement>& requirements() const { return requirements_; }
  const std::vector<std::shared_ptr<const Authorizer>>& authorizers() const { return authorizers_; }
  /// The first authoriser's no.
  std::optional<Denial> deny_verb(const VerbAsk& ask) const;
  /// Changes whenever an authoriser's answers may have.
  uint64_t generation() const;
  /// Hex digits of what it says; the same policy has the same.
  const std::string& fingerprint() const { return fingerprint_; }
  /// Whether what is allowed depends on who asks.
  bool by_tenant() const;
  /// Whether one of the authorisers is slow.
  bool slow() const;
  /// Names replaced by what they mean, zones checked. kInvalidArgument says which there are.
  Result<contract::DataClass> resolve(const contract::DataClass& data) const;
  /// What holds for data of this class that a tenant brings: its floors joined to it, names
  /// resolved. What cannot be resolved stays as it is, and no place satisfies it.
  contract::DataClass effective(const std::string& tenant, const contract::DataClass& data) const;

 private:
  void read_classes(const PolicySpec& spec, const Tell& tell);
  void read_requirements(const Json& list, const Tell& tell);
  Zones zones_;
  std::map<std::string, contract::DataClass> classes_;
  contract::DataClass floor_;
  std::map<std::string, contract::DataClass> tenants_;
  std::vector<Requirement> requirements_;
  std::vector<std::shared_ptr<const Authorizer>> authorizers_;
  std::string fingerprint_ = "builtin";
};

/// Names content, for comparing: 12 hex digits (FNV-1a; nothing is proved by it).
std::string fingerprint_of(std::string_view content);

/// The policy in force; a reload replaces it. Loop thread only.
class PolicyHolder {
 public:
  std::shared_ptr<const Policy> get() const { return current_; }
  /// Whether that is the one in force. Asked often: nothing is counted up and down for it.
  bool holds(const std::shared_ptr<const Policy>& policy) const { return policy == current_; }
  void replace(std::shared_ptr<const Policy> policy) { current_ = std::move(policy); }

 private:
  std::shared_ptr<const Policy> current_ = std::make_shared<Policy>();
};

class Case {
 public:
  /// Both outlive this.
  Case(const Policy& policy, const Ask& ask);
  /// The first rule that removes the thing.
  std::optional<Denial> deny(const Thing& thing) const;
  // The three parts of it, in order: all rules but the authorisers', then those that are slow (any
  // thread may ask them), then the others (the loop's).
  std::optional<Denial> deny_by_rules(const Thing& thing) const;
  std::optional<Denial> deny_slowly(const Thing& thing) const { return deny_by(thing, true); }
  std::optional<Denial> deny_quickly(const Thing& thing) const { return deny_by(thing, false); }
  /// Evidence that must be at hand for a thing that no rule removes.
  std::vector<EvidenceNeed> evidence() const;
  /// Set where no thing at all can satisfy the class.
  const std::optional<Denial>& impossible() const { return impossible_; }

 private:
  std::optional<Denial> built_in(const Thing& thing) const;
  std::optional<Denial> deny_by(const Thing& thing, bool slow) const;
  bool inside(int zone) const;
  std::string stated(const Thing& thing, std::string_view fact) const;
  std::string where_cached(const Thing& thing) const;

  const Policy& policy_;
  const Ask& ask_;
  Zones::Residency residency_;
  std::vector<const Requirement*> requirements_;
  std::optional<Denial> impossible_;
};

}  // namespace drover::policy
