#pragma once
// Tenants and keys as drover.yaml names them: people write names and labels, everything that judges
// goes by ids. The policy, the classes and the budgets of a configuration are made to speak of ids
// here, before they are used; an id that stands there already stays.
//
// kInvalidArgument names who is not there and how to make them. A command that makes them needs a
// runtime first: with skip_unknown what is for nobody is left out instead (of the policy: it stays
// as it was named, and holds for nobody).
//
// A value that looks at tenants and keys, which must be loaded and outlive it. Loop thread only.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "identity/keys.h"
#include "identity/tenants.h"
#include "policy/policy.h"
#include "road/budget.h"
#include "road/road.h"

namespace drover::app {

class Parties {
 public:
  /// `folder` is the data folder that the remedies name; "" where a command finds it by itself: the
  /// default one, or that of a server that runs.
  Parties(const identity::Tenants& tenants, const identity::Keys& keys, bool skip_unknown,
          std::string folder = "")
      : tenants_(tenants), keys_(keys), skip_unknown_(skip_unknown), folder_(std::move(folder)) {}

  /// Floors of tenants, and requirements that hold for one. Rules of authorisers are asked with ids
  /// and are not rewritten: whom they name must be ids, and all that are none are told at once.
  Result<std::shared_ptr<const policy::Policy>> in_policy(
      std::shared_ptr<const policy::Policy> named) const;
  /// The classes of tenants and keys.
  Result<road::Settings> in_settings(road::Settings named) const;
  /// One budget for each key that a label means, and the budgets that keys have themselves.
  Result<std::vector<road::Budget>> in_budgets(const std::vector<road::Budget>& named) const;

 private:
  Result<std::vector<road::Budget>> by_ids(road::Budget budget) const;
  Result<void> check_rules(const policy::Policy& policy) const;
  /// `what` begins the complaint: "the budget 'b' is".
  Result<std::string> tenant_id(const std::string& named, const std::string& what) const;
  /// A label stands for all keys in force that bear it; for none once all of them are revoked.
  Result<std::vector<std::string>> key_ids(const std::string& named, const std::string& what) const;
  std::string command(const std::string& words) const;
  std::string remedy(const std::string& words) const;

  const identity::Tenants& tenants_;
  const identity::Keys& keys_;
  bool skip_unknown_;
  std::string folder_;
};

}  // namespace drover::app
