#pragma once
// Internal to src/app: what a policy's own check says of its zones and classes, each fault told at
// the line where it stands (policy::Policy::make stops at the first and knows no lines). Pure.

#include <string>
#include <string_view>
#include <vector>

#include "app/config_deadlines.h"
#include "policy/policy.h"

namespace drover::app {

/// "class 'patient': " of an entry of policy.classes, "tenant 'clinic': " of policy.tenants;
/// complaints begin with it.
std::string class_title(std::string_view key, const std::string& name);

/// Tells the first zone with which the list no longer is what zones may be.
void check_own_zones(const std::vector<policy::ZoneSpec>& own, const TellFault& fault);

/// Tells each class, floor and tenant's class that names what there is not. Where the zones are
/// at fault nothing is told: what the names mean is then not known.
void check_classes(const policy::PolicySpec& spec, const TellFault& fault);

}  // namespace drover::app
