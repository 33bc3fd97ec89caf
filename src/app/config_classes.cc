#include "app/config_classes.h"

#include "base/limits/admission.h"

namespace drover::app {
namespace {

std::optional<road::ServiceClass> class_setting(const Json& object, const std::string& at,
                                                const char* name, const TellFault& fault) {
  const Json* value = object.find(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  auto read =
      value->string() == nullptr ? std::nullopt : road::parse_service_class(*value->string());
  if (!read) fault(at + "." + name, std::string(name) + " must be fast, slow or auto", "");
  return read;
}

std::optional<uint32_t> count_setting(const Json& object, const std::string& at, const char* name,
                                      const TellFault& fault) {
  const Json* value = object.find(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  std::optional<int64_t> n = value->integer();
  if (n && *n >= 1 && *n <= limits::kCallsConfiguredMost) return static_cast<uint32_t>(*n);
  fault(at + "." + name,
        std::string(name) + " must be a whole number from 1 to " +
            std::to_string(limits::kCallsConfiguredMost),
        "");
  return std::nullopt;
}

void tier_setting(const Json& object, const std::string& at, const TellFault& fault,
                  std::string& out) {
  const Json* value = object.find("tier");
  if (value == nullptr) return;
  const std::string* text = value->string();
  if (text == nullptr && !value->is_null()) {
    fault(at + ".tier", "tier must be the name of a service tier", "priority, flex, or none");
    return;
  }
  out = text == nullptr || *text == "none" ? std::string() : *text;
}

using Rules = std::map<std::string, road::ClassRule, std::less<>>;

void read_rules(const Json& section, const char* whose, bool weighted, const TellFault& fault,
                Rules& out) {
  const Json* map = section.find(whose);
  if (map == nullptr || map->is_null()) return;
  const std::string at = std::string("classes.") + whose;
  if (!map->is_object() || map->members()->size() > limits::kClassRulesMax) {
    fault(at,
          at + " must be a mapping of at most " + std::to_string(limits::kClassRulesMax) + " names",
          "such as research: {default: slow}");
    return;
  }
  const SettingNames of_tenants = {"default", "at_most", "weight"};
  const SettingNames of_keys = {"default", "at_most"};
  for (const auto& [name, item] : *map->members()) {
    const std::string where = at + "." + name;
    if (!known_settings(item, where, weighted ? of_tenants : of_keys, fault)) continue;
    road::ClassRule rule;
    rule.otherwise = class_setting(item, where, "default", fault);
    rule.at_most = class_setting(item, where, "at_most", fault);
    rule.weight = amount_setting(item, where, "weight", 1'000, fault).value_or(1);
    if (rule.weight < 0.001) {
      fault(where + ".weight", "a weight must be at least 0.001", "1 is everybody's");
      rule.weight = 1;
    }
    out[name] = rule;
  }
}

}  // namespace

void read_classes(const Json& section, const TellFault& fault, road::ClassSettings& out) {
  const std::string at = "classes";
  SettingNames names = {"default", "calls", "kept_for_fast", "queue", "load",
                        "fast",    "slow",  "tenants",       "keys"};
  if (!known_settings(section, at, names, fault)) return;
  auto part = [&](const char* name, SettingNames parts) -> const Json* {
    const Json* value = section.find(name);
    if (value == nullptr || value->is_null()) return nullptr;
    return known_settings(*value, at + "." + name, parts, fault) ? value : nullptr;
  };
  out.otherwise = class_setting(section, at, "default", fault).value_or(out.otherwise);
  out.calls = count_setting(section, at, "calls", fault).value_or(out.calls);
  out.kept_for_fast =
      amount_setting(section, at, "kept_for_fast", 1, fault).value_or(out.kept_for_fast);
  if (const Json* queue = part("queue", {"calls", "fast", "slow"})) {
    const std::string where = at + ".queue";
    out.waiting = count_setting(*queue, where, "calls", fault).value_or(out.waiting);
    out.fast_wait = time_setting(*queue, where, "fast", fault).value_or(out.fast_wait);
    out.slow_wait = time_setting(*queue, where, "slow", fault).value_or(out.slow_wait);
  }
  if (const Json* load = part("load", {"heavy", "light", "dwell"})) {
    const std::string where = at + ".load";
    out.heavy_above = amount_setting(*load, where, "heavy", 1, fault).value_or(out.heavy_above);
    out.light_below = amount_setting(*load, where, "light", 1, fault).value_or(out.light_below);
    out.dwell = time_setting(*load, where, "dwell", fault).value_or(out.dwell);
    if (out.light_below >= out.heavy_above) {
      fault(where, "light must be below heavy, or auto would turn back and forth",
            "such as {heavy: 0.8, light: 0.5}");
      out.light_below = out.heavy_above / 2;
    }
  }
  if (const Json* fast = part("fast", {"first_token", "hedge_after", "tier"})) {
    const std::string where = at + ".fast";
    out.fast_target = time_setting(*fast, where, "first_token", fault).value_or(out.fast_target);
    out.fast_hedge_after =
        time_setting(*fast, where, "hedge_after", fault).value_or(out.fast_hedge_after);
    tier_setting(*fast, where, fault, out.fast_tier);
  }
  if (const Json* slow = part("slow", {"tier"})) {
    tier_setting(*slow, at + ".slow", fault, out.slow_tier);
  }
  read_rules(section, "tenants", true, fault, out.tenants);
  read_rules(section, "keys", false, fault, out.keys);
}

}  // namespace drover::app
