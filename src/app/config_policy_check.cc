#include "app/config_policy_check.h"

#include <algorithm>

namespace drover::app {

std::string class_title(std::string_view key, const std::string& name) {
  return (key == "classes" ? "class '" : "tenant '") + name + "': ";
}

void check_own_zones(const std::vector<policy::ZoneSpec>& own, const TellFault& fault) {
  if (policy::Zones::make(own)) return;
  std::vector<policy::ZoneSpec> so_far;
  for (size_t i = 0; i < own.size(); ++i) {
    so_far.push_back(own[i]);
    std::vector<policy::ZoneSpec> tried = so_far;
    // A zone may lie within one that follows it in the list.
    auto later = [&](const std::string& name) {
      return std::any_of(own.begin() + static_cast<ptrdiff_t>(i) + 1, own.end(),
                         [&](const policy::ZoneSpec& zone) { return zone.name == name; });
    };
    for (policy::ZoneSpec& zone : tried) std::erase_if(zone.within, later);
    auto made = policy::Zones::make(tried);
    if (made) continue;
    fault("policy.zones[" + std::to_string(i) + "]", made.error().message, "");
    return;
  }
}

void check_classes(const policy::PolicySpec& spec, const TellFault& fault) {
  policy::PolicySpec known;
  known.zones = spec.zones;
  if (!policy::Zones::make(spec.zones)) return;  // told already; what they mean, nobody knows
  for (const auto& [name, data] : spec.classes) {
    policy::PolicySpec alone;
    alone.zones = spec.zones;
    alone.classes[name] = data;
    const std::string at = "policy.classes." + name;
    auto made = policy::Policy::make(std::move(alone));
    if (made) {
      known.classes[name] = data;
      continue;
    }
    const Error& error = made.error();
    const bool of_zone = error.reason == "unknown_zone";
    fault(of_zone ? at + ".residency" : at, class_title("classes", name) + error.message,
          of_zone ? "policy.zones adds zones" : "");
    // What names it is not at fault as well.
    if (contract::is_class_word(name)) known.classes[name] = contract::DataClass();
  }
  auto policy = policy::Policy::make(std::move(known));
  if (!policy) return;
  auto check = [&](const contract::DataClass& data, const std::string& at,
                   const std::string& what) {
    auto resolved = (*policy)->resolve(data);
    if (resolved) return;
    std::string remedy;
    for (const std::string& name : data.names) {
      if (contract::parse_sensitivity(name)) remedy = "a level is {sensitivity: " + name + "}";
    }
    const bool of_zone = resolved.error().reason == "unknown_zone";
    if (of_zone) remedy = "policy.zones adds zones";
    fault(of_zone ? at + ".residency" : at, what + resolved.error().message, std::move(remedy));
  };
  check(spec.floor, "policy.floor", "floor: ");
  for (const auto& [tenant, data] : spec.tenants) {
    check(data, "policy.tenants." + tenant, class_title("tenants", tenant));
  }
}

}  // namespace drover::app
