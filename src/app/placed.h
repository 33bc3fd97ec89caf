#pragma once
// What drover.yaml places, each with the facts that are stated of it, for `drover catalog`: its
// endpoints (the facts of their region, then their own), tool servers, planners' origins, the
// workers of queues, and stores. Also those of which nothing is stated: the rules judge them all
// the same, by facts that are missing.
//
// Pure; values.

#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "catalog/facts.h"
#include "policy/traits.h"

namespace drover::app {

struct Placed {
  std::string id;
  policy::ThingKind kind = policy::ThingKind::kModel;
  catalog::Facts facts;
};

/// Endpoints in their order, then the others by name.
std::vector<Placed> placed_of(const Config& config);

/// The facts, in the order of the rules, without which a built-in rule says no to data that is
/// bound, and which are not stated.
std::vector<std::string_view> missing_facts(policy::ThingKind kind, const catalog::Facts& facts);

}  // namespace drover::app
