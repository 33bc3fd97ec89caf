#include "road/service_class.h"

namespace drover::road {

std::string_view service_class_name(ServiceClass service_class) {
  switch (service_class) {
    case ServiceClass::kFast:
      return "fast";
    case ServiceClass::kSlow:
      return "slow";
    case ServiceClass::kAuto:
      break;
  }
  return "auto";
}

std::optional<ServiceClass> parse_service_class(std::string_view name) {
  if (name == "fast") return ServiceClass::kFast;
  if (name == "slow") return ServiceClass::kSlow;
  if (name == "auto") return ServiceClass::kAuto;
  return std::nullopt;
}

std::optional<ServiceClass> class_of_tier(std::string_view tier) {
  if (tier == "priority" || tier == "reserved" || tier == "scale") return ServiceClass::kFast;
  if (tier == "flex") return ServiceClass::kSlow;
  if (tier == "auto" || tier == "default") return ServiceClass::kAuto;
  return std::nullopt;
}

namespace {

int speed(ServiceClass c) {
  return c == ServiceClass::kSlow ? 0 : c == ServiceClass::kAuto ? 1 : 2;
}

const ClassRule* find(const std::map<std::string, ClassRule, std::less<>>& rules,
                      std::string_view who) {
  if (rules.empty()) return nullptr;
  auto it = rules.find(who);
  return it == rules.end() ? nullptr : &it->second;
}

}  // namespace

ServiceClass ClassSettings::class_of(std::optional<ServiceClass> stated, std::string_view tenant,
                                     std::string_view key) const {
  const ClassRule* of_key = find(keys, key);
  const ClassRule* of_tenant = find(tenants, tenant);
  ServiceClass out = otherwise;
  for (const ClassRule* rule : {of_tenant, of_key}) {
    if (rule != nullptr && rule->otherwise) out = *rule->otherwise;
  }
  out = stated.value_or(out);
  for (const ClassRule* rule : {of_tenant, of_key}) {
    if (rule != nullptr && rule->at_most && speed(*rule->at_most) < speed(out)) {
      out = *rule->at_most;
    }
  }
  return out;
}

double ClassSettings::weight_of(std::string_view tenant) const {
  const ClassRule* rule = find(tenants, tenant);
  return rule == nullptr ? 1 : rule->weight;
}

}  // namespace drover::road
