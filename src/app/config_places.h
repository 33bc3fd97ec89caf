#pragma once
// The section `catalog` of drover.yaml: the operator's own files of places (catalog/places.h), laid
// over the starter catalog. Their words are looked at too: a provider or a zone that there is not
// would leave a place unknown to its endpoints, or to the rules, without a word.
//
// Pure: faults go to the caller. To be read after `policy`, which adds zones.

#include <string>

#include "app/config.h"
#include "app/config_policy.h"

namespace drover::app {

void read_places(const Json& root, const ConfigPath& path, const ReadFile& read_file,
                 const TellFault& fault, Config& out);

/// What is wrong with a name that no provider has; else "".
std::string wrong_provider(const std::string& name);
/// What is wrong with a fact that names a zone which there is not, and the near one; else "". While
/// nobody knows which zones there are (null), nothing is.
std::string wrong_zone(const catalog::Fact& fact, const policy::Zones* zones);
/// Both, for the words of a file of places.
catalog::PlaceChecks place_checks(const policy::Zones* zones);
/// A zone that nobody knows is a slip: rules that need it would say no, and nobody would know why.
/// `item` states the facts, by `facts` or itself; `at` is its place in drover.yaml.
void check_zones(const catalog::Facts& facts, const Json& item, const std::string& at,
                 const TellFault& fault, const Config& config);

}  // namespace drover::app
