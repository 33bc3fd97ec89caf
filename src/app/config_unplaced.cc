#include "app/config_unplaced.h"

#include <algorithm>
#include <set>

#include "base/bytes.h"
#include "base/near_word.h"

namespace drover::app {
namespace {

/// The places named after a provider that none of them is for.
std::vector<std::string_view> for_others(const catalog::Places& places,
                                         const std::string& provider) {
  std::vector<std::string_view> out;
  for (const auto& [id, place] : places.all()) {
    const std::vector<std::string>& names = place.providers;
    if (std::find(names.begin(), names.end(), provider) != names.end()) return {};
    if (id.starts_with(provider + "/")) out.push_back(id);
  }
  return out;
}

}  // namespace

void note_unplaced(Config& config) {
  std::set<std::pair<std::string, std::string>> told;
  for (const catalog::Endpoint& e : config.endpoints) {
    // Of a place that he names, or whose zone he states, the operator knows best.
    if (e.region.empty() || !e.facts.text("zone").empty()) continue;
    const std::vector<std::string_view> places = for_others(config.places, e.provider);
    if (places.empty() || !told.emplace(e.provider, e.region).second) continue;
    const std::string meant(near_name(e.provider + "/" + e.region, places));
    const std::string those = joined(config.places.find(places.front())->providers);
    config.notes.push_back("endpoint '" + e.id + "': the catalog's places of " + e.provider +
                           " are for " + those + " alone, so nothing is known of its place: " +
                           (meant.empty()
                                ? "name its place (drover catalog show) if it is one of them"
                                : "write place: " + meant + " if it is there") +
                           ", or state its facts");
  }
}

}  // namespace drover::app
