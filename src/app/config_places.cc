#include "app/config_places.h"

#include <algorithm>
#include <iterator>

#include "app/config_slips.h"
#include "base/bytes.h"
#include "providers/provider.h"

namespace drover::app {
namespace {

catalog::PlaceChecks checks_of(const Config& config) {
  catalog::PlaceChecks out;
  out.fact = [&config](const catalog::Fact& fact) {
    std::string wrong = wrong_zone(fact, config);
    return wrong.empty() ? wrong : wrong + " (policy.zones adds zones)";
  };
  out.provider = wrong_provider;
  return out;
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

std::string wrong_zone(const catalog::Fact& fact, const Config& config) {
  const std::string* zone = fact.value.string();
  const bool names_one =
      std::find(std::begin(kZoneFacts), std::end(kZoneFacts), fact.name) != std::end(kZoneFacts);
  if (config.policy == nullptr || !names_one || zone == nullptr || *zone == "none") return {};
  if (config.policy->zones().find(*zone) >= 0) return {};
  return "its " + fact.name + " is '" + *zone + "', and there is no such zone";
}

void read_places(const Json& root, const ConfigPath& path, const ReadFile& read_file,
                 const TellFault& fault, Config& out) {
  out.places = catalog::Places::starter();
  const Json* files = root.find("catalog");
  if (files == nullptr || files->is_null()) return;
  const Json::Array* items = files->array_items();
  if (items == nullptr) return fault("catalog", "catalog must be a list of files", "[places.yaml]");
  const catalog::PlaceChecks checks = checks_of(out);
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
