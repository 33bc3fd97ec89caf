#include "app/config_slips.h"

#include <algorithm>
#include <set>

#include "base/near_word.h"

namespace drover::app {
namespace {

using Words = std::set<std::string>;

/// The word that was meant, whatever its case; "" if none is near.
std::string meant(std::string_view word, const Words& known) {
  return std::string(near_name(word, {known.begin(), known.end()}));
}

std::string thing_title(const std::string& name) {
  return name == road::kOwnStore ? "here" : "'" + name + "'";
}

/// The regions that the catalog has of a provider; of all with "".
Words regions_of(const catalog::Places& places, std::string_view provider) {
  Words out;
  for (const auto& [id, place] : places.all()) {
    const bool its = provider.empty() || std::find(place.providers.begin(), place.providers.end(),
                                                   provider) != place.providers.end();
    if (its && !place.region.empty()) out.insert(place.region);
  }
  return out;
}

void note_regions(Config& config) {
  std::set<std::pair<std::string, std::string>> told;
  for (const catalog::Endpoint& e : config.endpoints) {
    if (e.region.empty() || config.places.find(e.provider, e.region) != nullptr) continue;
    const Words known = regions_of(config.places, e.provider);
    const std::string near = meant(e.region, known);
    // Of a provider of his own, and of a place whose zone he states, the operator knows best.
    const bool own = known.empty() || !e.facts.text("zone").empty();
    if ((own && near.empty()) || !told.emplace(e.provider, e.region).second) continue;
    config.notes.push_back("endpoint '" + e.id + "': no catalog has the region '" + e.region +
                           "' of " + e.provider + ", so nothing is known of its place" +
                           did_you_mean(e.region, known));
  }
  // Other things may be anywhere: only what looks like a slip is told.
  const Words all = regions_of(config.places, "");
  for (const auto& [name, thing] : config.things) {
    const std::string region(thing.facts.text("region"));
    if (region.empty() || all.contains(region)) continue;
    const std::string near = did_you_mean(region, all);
    if (near.empty()) continue;
    config.notes.push_back(thing_title(name) + ": no catalog has the region '" + region + "'" +
                           near);
  }
}

void add_purposes(const contract::DataClass& data, Words& out) {
  if (data.purposes) out.insert(data.purposes->begin(), data.purposes->end());
}
void add_purposes(const std::string& data_class, Words& out) {
  if (auto data = contract::DataClass::parse(data_class)) add_purposes(*data, out);
}
void add_purposes(const catalog::Facts& facts, Words& out) {
  for (std::string& purpose : facts.list("purposes")) {
    if (purpose != "any") out.insert(std::move(purpose));
  }
}

/// All purposes that data may be for, by what is stated of it here.
Words purposes_of_data(const Config& config) {
  Words out;
  for (const auto& [name, data] : config.policy->classes()) add_purposes(data, out);
  for (const auto& [name, data] : config.policy->tenants()) add_purposes(data, out);
  add_purposes(config.policy->floor(), out);
  for (const auto& [name, agent] : config.agents) add_purposes(agent.data_class, out);
  for (const auto& [name, thing] : config.things) add_purposes(thing.data_class, out);
  return out;
}

void note_purposes_required(const Words& of_data, Config& config) {
  Words named = of_data;
  for (const catalog::Endpoint& e : config.endpoints) add_purposes(e.facts, named);
  for (const auto& [name, thing] : config.things) add_purposes(thing.facts, named);
  for (const policy::Requirement& r : config.policy->requirements()) {
    for (const std::string& purpose : r.purposes) {
      if (named.contains(purpose)) continue;
      config.notes.push_back("requirement '" + r.name + "' is for the purpose '" + purpose +
                             "', which no class, endpoint, store or tool names" +
                             did_you_mean(purpose, named));
    }
  }
}

void note_purposes_served(const Words& of_data, Config& config) {
  Words named = of_data;
  for (const policy::Requirement& r : config.policy->requirements()) {
    named.insert(r.purposes.begin(), r.purposes.end());
  }
  // Callers state purposes with what they send, and nobody here knows which: only what looks like
  // a slip is told.
  Words told;
  auto look = [&](const std::string& title, const catalog::Facts& facts) {
    Words served;
    add_purposes(facts, served);
    for (const std::string& purpose : served) {
      const std::string near = did_you_mean(purpose, named);
      if (named.contains(purpose) || near.empty() || !told.insert(purpose).second) continue;
      config.notes.push_back(title + ": no class, agent or requirement names the purpose '" +
                             purpose + "'" + near);
    }
  };
  for (const catalog::Endpoint& e : config.endpoints) look("endpoint '" + e.id + "'", e.facts);
  for (const auto& [name, thing] : config.things) look(thing_title(name), thing.facts);
}

void note_purposes(Config& config) {
  if (config.policy == nullptr) return;
  const Words of_data = purposes_of_data(config);
  note_purposes_required(of_data, config);
  note_purposes_served(of_data, config);
}

}  // namespace

std::string did_you_mean(std::string_view word, const std::set<std::string>& known) {
  const std::string near = meant(word, known);
  return near.empty() ? std::string() : ": did you mean '" + near + "'?";
}

void note_slips(Config& config) {
  note_regions(config);
  note_purposes(config);
}

}  // namespace drover::app
