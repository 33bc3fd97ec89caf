#include "app/config_policy.h"

#include <set>

#include "app/config_places.h"
#include "catalog/processing_scope.h"
#include "http/message.h"
#include "policy/cedar.h"

namespace drover::app {
namespace {

/// Unknown names are told, and the rest is read all the same.
bool known(const Json& object, const std::string& at, SettingNames names, const TellFault& fault) {
  return known_settings(object, at, names, fault) || object.is_object();
}

/// Each part is read by itself, so that a fault stands at its own line. `what` names the class.
contract::DataClass data_class(const Json& json, const std::string& at, const std::string& what,
                               const TellFault& fault) {
  constexpr const char* kExample = "such as {residency: eu, sensitivity: confidential}";
  contract::DataClass out;
  auto add = [&](const Json& part, const std::string& where) {
    auto read = contract::DataClass::from_json(part);
    if (read) {
      out = contract::join(out, *read);
    } else {
      fault(where, what + read.error().message, kExample);
    }
  };
  if (!json.is_object()) {
    add(json, at);
    return out;
  }
  for (const auto& [name, value] : *json.members()) {
    add(Json::object().set(name, value), at + "." + name);
  }
  return out;
}

std::map<std::string, contract::DataClass> data_classes(const Json& section, std::string_view key,
                                                        const TellFault& fault) {
  std::map<std::string, contract::DataClass> out;
  const Json* map = section.find(key);
  if (map == nullptr || map->is_null()) return out;
  std::string at = "policy." + std::string(key);
  if (!map->is_object()) {
    fault(at, at + " must be a mapping of names to classes", "");
    return out;
  }
  for (const auto& [name, value] : *map->members()) {
    out[name] = data_class(value, at + "." + name, policy::class_title(key, name), fault);
  }
  return out;
}

policy::ZoneSpec zone(const Json& item, const std::string& at, const TellFault& fault) {
  policy::ZoneSpec out;
  if (!known(item, at, {"name", "within", "title"}, fault)) return out;
  out.name = text_setting(item, at, "name", fault).value_or("");
  out.title = text_setting(item, at, "title", fault).value_or("");
  const Json* within = item.find("within");
  if (within == nullptr || within->is_null()) return out;
  if (const std::string* one = within->string()) {
    out.within.push_back(*one);
    return out;
  }
  const Json::Array* items = within->array_items();
  for (size_t i = 0; items != nullptr && i < items->size(); ++i) {
    if (const std::string* name = (*items)[i].string()) out.within.push_back(*name);
  }
  if (items == nullptr || out.within.size() != items->size()) {
    fault(at + ".within", "within must be a list of zones", "such as within: [de]");
  }
  return out;
}

/// Each at its place in the list; `nameless` gets the places of those whose fault is told, and of
/// which it would be told again that their name is none.
std::vector<policy::ZoneSpec> own_zones(const Json& section, const TellFault& fault,
                                        std::set<std::string>& nameless) {
  std::vector<policy::ZoneSpec> out;
  const Json* list = section.find("zones");
  if (list == nullptr || list->is_null()) return out;
  const Json::Array* items = list->array_items();
  if (items == nullptr) {
    fault("policy.zones", "zones must be a list", "begin each entry with '- '");
    return out;
  }
  for (size_t i = 0; i < items->size(); ++i) {
    const std::string at = "zones[" + std::to_string(i) + "]";
    out.push_back(zone((*items)[i], "policy." + at, fault));
    const Json* name = (*items)[i].find("name");
    const bool text = name == nullptr || name->is_null() || name->string() != nullptr;
    if (!(*items)[i].is_object() || !text) nameless.insert(at);
  }
  return out;
}

Result<std::shared_ptr<const policy::Authorizer>> load_rules(const std::string& file,
                                                             const ConfigPath& path,
                                                             const ReadFile& read_file,
                                                             const policy::Zones& zones) {
  TRY(std::string text, read_file(path(file)));
  return policy::load_cedar(text, file, std::make_shared<const policy::Zones>(zones));
}

/// Each line of what is wrong with a file is a fault of its own.
void tell_lines(std::string_view lines, const std::string& at, const TellFault& fault) {
  for (;;) {
    const size_t end = lines.find('\n');
    fault(at, std::string(lines.substr(0, end)), "");
    if (end == std::string_view::npos) return;
    lines.remove_prefix(end + 1);
  }
}

/// A time within bounds; what is not there stays as it is.
void read_time(const Json& section, const char* key, Duration least, Duration most,
               const TellFault& fault, Duration& out) {
  auto text = text_setting(section, "policy.opa", key, fault);
  if (!text) return;
  auto time = parse_duration(*text);
  if (time && *time >= least && *time <= most) {
    out = *time;
    return;
  }
  fault("policy.opa." + std::string(key), "'" + *text + "' is no time that it may be",
        "from " + format_duration(least) + " to " + format_duration(most));
}

void read_opa(const Json& section, const ConfigPath& path, const TellFault& fault, Config& out) {
  const std::string at = "policy.opa";
  if (!known(section, at, {"url", "timeout", "keep", "token", "ca_file"}, fault)) return;
  road::OpaOptions opa;
  opa.url = text_setting(section, at, "url", fault).value_or("");
  auto url = http::Url::parse(opa.url);
  if (!url || !url->target.starts_with("/v1/data/")) {
    fault("policy.opa.url", "'" + opa.url + "' is no document of OPA's data API",
          "such as http://127.0.0.1:8181/v1/data/drover/decision");
  }
  opa.token = text_setting(section, at, "token", fault).value_or("");
  if (!opa.token.empty() && !opa.token.starts_with("env:") && !opa.token.starts_with("file:")) {
    fault("policy.opa.token", "a secret does not stand in this file", "env:NAME, or file:PATH");
  }
  read_time(section, "timeout", 10ms, 30s, fault, opa.timeout);
  read_time(section, "keep", 1s, 24h, fault, opa.keep);
  if (auto file = text_setting(section, at, "ca_file", fault)) opa.ca_file = path(*file);
  out.opa = std::move(opa);
}

void read_policy(const Json& section, const ConfigPath& path, const ReadFile& read_file,
                 const TellFault& fault, Config& out) {
  out.policy = nullptr;  // with a fault in it, nobody knows what its classes and zones are
  if (!known(section, "policy",
             {"zones", "classes", "floor", "tenants", "requirements", "cedar", "opa"}, fault)) {
    return;
  }
  size_t faults = 0;
  TellFault counted = [&](const std::string& at, std::string message, std::string remedy) {
    ++faults;
    fault(at, std::move(message), std::move(remedy));
  };
  policy::PolicySpec spec;
  std::set<std::string> nameless;
  spec.zones = own_zones(section, counted, nameless);
  spec.classes = data_classes(section, "classes", counted);
  spec.tenants = data_classes(section, "tenants", counted);
  if (const Json* floor = section.find("floor"); floor != nullptr && !floor->is_null()) {
    spec.floor = data_class(*floor, "policy.floor", "floor: ", counted);
  }
  if (const Json* list = section.find("requirements")) spec.requirements = *list;
  const policy::Policy::Tell tell = [&](const std::string& at, std::string message,
                                        std::string remedy) {
    if (nameless.contains(at)) return;
    counted("policy." + at, std::move(message), std::move(remedy));
  };
  auto made = policy::Policy::read(spec, tell);
  auto cedar = text_setting(section, "policy", "cedar", counted);
  if (cedar && faults == 0) {
    auto rules = load_rules(*cedar, path, read_file, made->zones());
    if (!rules) {
      tell_lines(rules.error().message, "policy.cedar", counted);
    } else {
      spec.authorizers.push_back(std::move(*rules));
      made = policy::Policy::read(std::move(spec), tell);
    }
  }
  if (const Json* opa = section.find("opa"); opa != nullptr && !opa->is_null()) {
    read_opa(*opa, path, counted, out);
  }
  if (faults == 0) out.policy = std::move(made);
}

/// Each by itself, so that a fault stands at its own line.
catalog::Facts facts_at(const Json& object, const std::string& at, const TellFault& fault) {
  catalog::Facts out;
  auto add = [&](const Json& part, const std::string& where) {
    auto read = catalog::Facts::from_json(part, "operator", "");
    if (read) {
      out.overlay(*read);
    } else {
      fault(where, read.error().message, "");
    }
  };
  if (!object.is_object()) {
    add(object, at);
    return out;
  }
  for (const auto& [name, value] : *object.members()) {
    add(Json::object().set(name, value), at + "." + name);
  }
  return out;
}

/// nullopt: not stated, or a fault.
std::optional<road::Preference> preference(const Json& placement, std::string_view key,
                                           const TellFault& fault) {
  const Json* stated = placement.find(key);
  if (stated == nullptr || stated->is_null()) return std::nullopt;
  std::string name = stated->string() == nullptr ? stated->dump() : *stated->string();
  auto parsed = road::parse_preference(name);
  if (!parsed) {
    fault("placement." + std::string(key), "'" + name + "' is no preference",
          "listed, balanced, cheapest, fastest, greenest or spare");
  }
  return parsed;
}

}  // namespace

void read_policy_sections(const Json& root, const ConfigPath& path, const ReadFile& read_file,
                          const TellFault& fault, Config& out) {
  if (const Json* section = root.find("policy"); section != nullptr && !section->is_null()) {
    read_policy(*section, path, read_file, fault, out);
  }
  read_places(root, path, read_file, fault, out);
  if (const Json* here = root.find("here"); here != nullptr && !here->is_null()) {
    road::ThingSpec store;
    store.kind = policy::ThingKind::kStore;
    store.facts = facts_at(*here, "here", fault);
    out.road.here = std::string(store.facts.text("region"));
    out.things[road::kOwnStore] = std::move(store);
  }
  if (const Json* placement = root.find("placement");
      placement != nullptr && !placement->is_null() &&
      known(*placement, "placement", {"prefer", "low_risk"}, fault)) {
    out.road.preference =
        preference(*placement, "prefer", fault).value_or(road::Preference::kListed);
    out.road.low_risk = preference(*placement, "low_risk", fault);
  }
  auto own = out.things.find(road::kOwnStore);
  if (own != out.things.end()) {
    check_zones(own->second.facts, *root.find("here"), "here", fault, out);
  }
}

catalog::Facts own_facts(const Json& item, const std::string& at, const TellFault& fault) {
  const Json* facts = item.find("facts");
  if (facts == nullptr || facts->is_null()) return {};
  return facts_at(*facts, at + ".facts", fault);
}

const catalog::Place* named_place(const Json& item, const std::string& at, const TellFault& fault,
                                  const Config& config) {
  auto id = text_setting(item, at, "place", fault);
  if (!id) return nullptr;
  const catalog::Place* place = config.places.find(*id);
  if (place == nullptr) {
    fault(at + ".place", "there is no place '" + *id + "'", "drover catalog show lists them");
  }
  return place;
}

void read_endpoint_facts(const Json& item, const std::string& at, const TellFault& fault,
                         const Config& config, catalog::Endpoint& e) {
  const catalog::Place* place = named_place(item, at, fault, config);
  if (!item.get_string("place") && !e.region.empty()) {
    place = config.places.find(e.provider, e.region);
  }
  if (place != nullptr && !e.region.empty() && !place->region.empty() &&
      place->region != e.region) {
    fault(at + ".place",
          "'" + place->id + "' is in the region '" + place->region + "', and the endpoint's is '" +
              e.region + "'",
          "leave one of the two out");
  }
  catalog::Facts own = own_facts(item, at, fault);
  auto state = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    auto set = own.set(catalog::Fact{name, value, "operator", ""});
    if (!set) fault(at, set.error().message, "");
  };
  state("region", e.region);
  state("partition", e.partition);
  state("zone", e.zone);
  // The same said as what the endpoint can do.
  if (const Json* images = item.find("images"); images != nullptr && images->is_bool()) {
    auto set = own.set(catalog::Fact{"vision", *images, "operator", ""});
    if (!set) fault(at, set.error().message, "");
  }
  if (e.context_window) {
    auto set = own.set(catalog::Fact{"context_window", *e.context_window, "operator", ""});
    if (!set) fault(at, set.error().message, "");
  }
  // An endpoint whose evidence is fetched and verified can give evidence of that kind.
  if (const Json* kind = item.at("attestation", "kind"); kind != nullptr && kind->string()) {
    if (own.find("attestation") == nullptr) state("attestation", *kind->string());
  }
  if (place != nullptr) e.facts = place->facts;
  // What is called may leave its region: the operator's word for this endpoint goes before.
  if (own.find("processing_scope") == nullptr) {
    state("processing_scope", catalog::processing_scope(e));
  }
  check_zones(own, item, at, fault, config);
  e.facts.overlay(own);
  if (e.zone.empty()) e.zone = std::string(e.facts.text("zone"));
  if (e.partition.empty() && place != nullptr) {
    e.partition = std::string(e.facts.text("partition"));
  }
}

void read_thing(const Json& item, const std::string& at, const std::string& name,
                const TellFault& fault, Config& out) {
  road::ThingSpec thing;
  thing.facts = own_facts(item, at, fault);
  check_zones(thing.facts, item, at, fault, out);
  if (const Json* data = item.find("data"); data != nullptr && !data->is_null()) {
    thing.data_class = data_class(*data, at + ".data", "", fault).text();
    auto checked = check_data_class(out, thing.data_class);
    if (!checked) fault(at + ".data", checked.error().message, "");
  }
  if (thing.facts.empty() && thing.data_class.empty()) return;
  out.things[name] = std::move(thing);
}

Result<void> check_data_class(const Config& config, const std::string& data_class) {
  TRY(contract::DataClass parsed, contract::DataClass::parse(data_class));
  if (config.policy == nullptr) return {};
  TRY(parsed, config.policy->resolve(parsed));
  return {};
}

}  // namespace drover::app
