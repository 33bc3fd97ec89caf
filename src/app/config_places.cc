#include "app/config_places.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "app/config_slips.h"
#include "base/bytes.h"
#include "catalog/processing_scope.h"
#include "providers/provider.h"

namespace drover::app {
namespace {

constexpr const char* kScope = "processing_scope";
/// The facts that name zones.
constexpr const char* kZoneFacts[] = {"zone", "prompt_cache", "jurisdiction", kScope};

/// Those of which a word may be a slip: near_word() would take one of two letters for any other of
/// two, and a long one for what it begins with.
std::set<std::string> zones_like(const std::string& word, const policy::Zones& zones) {
  std::set<std::string> out;
  const std::string lower = to_lower(word);
  for (const policy::ZoneSpec& zone : zones.all()) {
    const std::string& name = zone.name;
    const bool near = lower.size() > 2 && lower.front() == name.front() &&
                      name.size() <= lower.size() + 1 && lower.size() <= name.size() + 1;
    if (near || name == lower) out.insert(name);
  }
  return out;
}

std::string remedy_of(std::string_view fact) {
  return std::string("policy.zones adds zones") +
         (fact == kScope ? "; global is beyond all of them" : "");
}

const policy::Zones* zones_of(const Config& config) {
  return config.policy == nullptr ? nullptr : &config.policy->zones();
}

}  // namespace

std::string wrong_provider(const std::string& name) {
  static const std::vector<std::string> kNames =
      providers::ProviderTable(providers::ProviderEnvironment()).names();
  if (std::find(kNames.begin(), kNames.end(), name) != kNames.end()) return {};
  const std::string near = did_you_mean(name, {kNames.begin(), kNames.end()});
  return "there is no provider '" + name + "'" +
         (near.empty() ? " (there are: " + joined(kNames) + ")" : near);
}

std::string wrong_zone(const catalog::Fact& fact, const policy::Zones* zones) {
  const std::string* zone = fact.value.string();
  const bool names_one =
      std::find(std::begin(kZoneFacts), std::end(kZoneFacts), fact.name) != std::end(kZoneFacts);
  if (zones == nullptr || !names_one || zone == nullptr || zones->find(*zone) >= 0) return {};
  if (fact.name == kScope ? catalog::is_beyond_zones(*zone) : *zone == "none") return {};
  return "its " + fact.name + " is '" + *zone + "', and there is no such zone" +
         did_you_mean(*zone, zones_like(*zone, *zones));
}

catalog::PlaceChecks place_checks(const policy::Zones* zones) {
  catalog::PlaceChecks out;
  out.fact = [zones](const catalog::Fact& fact) {
    std::string wrong = wrong_zone(fact, zones);
    return wrong.empty() ? wrong : wrong + " (" + remedy_of(fact.name) + ")";
  };
  out.provider = wrong_provider;
  return out;
}

void check_zones(const catalog::Facts& facts, const Json& item, const std::string& at,
                 const TellFault& fault, const Config& config) {
  for (const char* name : kZoneFacts) {
    const catalog::Fact* stated = facts.find(name);
    std::string wrong = stated == nullptr ? "" : wrong_zone(*stated, zones_of(config));
    if (wrong.empty()) continue;
    const bool among_facts = item.at("facts", name) != nullptr;
    fault(at + (among_facts ? ".facts." : ".") + name, std::move(wrong), remedy_of(name));
  }
}

void read_places(const Json& root, const ConfigPath& path, const ReadFile& read_file,
                 const TellFault& fault, Config& out) {
  out.places = catalog::Places::starter();
  const Json* files = root.find("catalog");
  if (files == nullptr || files->is_null()) return;
  const Json::Array* items = files->array_items();
  if (items == nullptr) return fault("catalog", "catalog must be a list of files", "[places.yaml]");
  const catalog::PlaceChecks checks = place_checks(zones_of(out));
  for (size_t i = 0; i < items->size(); ++i) {
    const std::string* name = (*items)[i].string();
    const std::string at = "catalog[" + std::to_string(i) + "]";
    if (name == nullptr) {
      fault(at, "a catalog is the name of a file", "");
      continue;
    }
    auto text = read_file(path(*name));
    if (!text) {
      fault(at, text.error().message, "");
      continue;
    }
    std::vector<std::string> wrong;
    auto read = catalog::Places::parse(*text, *name, &wrong, checks);
    for (std::string& one : wrong) fault(at, std::move(one), "");
    // Where only words are wrong, what names its places is not at fault as well.
    if (!read) read = catalog::Places::parse(*text, *name);
    if (read) out.places.merge(*read);
  }
}

}  // namespace drover::app
