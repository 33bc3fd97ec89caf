#include "app/config_unplaced.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/bytes.h"
#include "base/near_word.h"

namespace drover::app {
namespace {

/// The places named after a provider that none of them is for, by their names in lower case.
std::map<std::string, const catalog::Place*> for_others(const catalog::Places& places,
                                                        const std::string& provider) {
  std::map<std::string, const catalog::Place*> out;
  for (const auto& [id, place] : places.all()) {
    const std::vector<std::string>& names = place.providers;
    if (std::find(names.begin(), names.end(), provider) != names.end()) return {};
    if (id.starts_with(provider + "/")) out.emplace(to_lower(id), &place);
  }
  return out;
}

/// The one that is meant, however it is spelt; nullptr if none is near.
const catalog::Place* meant_of(const std::map<std::string, const catalog::Place*>& places,
                               const std::string& id) {
  std::vector<std::string_view> names;
  for (const auto& [name, place] : places) names.push_back(name);
  const std::string wanted = to_lower(id);
  auto it = places.find(wanted);
  if (it == places.end()) it = places.find(std::string(near_word(wanted, names)));
  return it == places.end() ? nullptr : it->second;
}

}  // namespace

void note_unplaced(Config& config) {
  std::set<std::pair<std::string, std::string>> told;
  for (const catalog::Endpoint& e : config.endpoints) {
    // Of a place that he names, or whose zone he states, the operator knows best.
    if (e.region.empty() || !e.facts.text("zone").empty()) continue;
    const auto places = for_others(config.places, e.provider);
    if (places.empty() || !told.emplace(e.provider, e.region).second) continue;
    const catalog::Place* meant = meant_of(places, e.provider + "/" + e.region);
    config.notes.push_back(
        "endpoint '" + e.id + "': the catalog's places of " + e.provider + " are for " +
        joined(places.begin()->second->providers) + " alone, so nothing is known of its place: " +
        (meant != nullptr ? "write place: " + meant->id + " if it is there"
                          : "write place: if it is one of them (drover catalog show)") +
        ", or state its facts");
  }
}

}  // namespace drover::app
