#include "app/parties.h"

#include <map>
#include <set>

namespace drover::app {

std::string Parties::command(const std::string& words) const {
  return "`drover " + words + (folder_.empty() ? "" : " --data " + folder_) + "`";
}
std::string Parties::remedy(const std::string& words) const {
  return "which there is not: make it first, with " + command(words);
}

Result<std::string> Parties::tenant_id(const std::string& named, const std::string& what) const {
  auto found = tenants_.find(named);
  if (found) return found->id.str();
  // Nobody can make a tenant with an id that he chooses: what would be made is another one.
  if (TenantId::parse(named)) {
    return fail(Code::kInvalidArgument, what + " for the tenant '" + named +
                                            "', which there is not: " + command("tenant ls") +
                                            " has the ids of those that there are");
  }
  return fail(Code::kInvalidArgument,
              what + " for the tenant '" + named + "', " + remedy("tenant create " + named));
}

Result<std::vector<std::string>> Parties::key_ids(const std::string& named,
                                                  const std::string& what) const {
  std::vector<std::string> ids;
  if (named.starts_with("key_")) {
    ids.push_back(named);
    return ids;
  }
  bool ever = false;
  for (const identity::KeyInfo& info : keys_.list(std::nullopt)) {
    if (info.label != named) continue;
    ever = true;
    if (!info.revoked) ids.push_back(info.id.str());
  }
  if (ever) return ids;
  return fail(Code::kInvalidArgument, what + " for the key '" + named + "', " +
                                          remedy("key create --label " + named) +
                                          ", or name its id");
}

Result<void> Parties::check_rules(const policy::Policy& policy) const {
  // By id alone: to a rule that names a tenant, or an id that another has for its name, nobody is.
  std::set<std::string> ids;
  std::map<std::string, std::string> unknown;  // where each stands
  for (const identity::Tenant& tenant : tenants_.list()) ids.insert(tenant.id.str());
  for (const auto& authorizer : policy.authorizers()) {
    for (const policy::NamedTenant& tenant : authorizer->tenants()) {
      if (!ids.contains(tenant.id)) unknown.emplace(tenant.id, tenant.place);
    }
  }
  if (unknown.empty()) return {};
  std::string all;
  for (const auto& [id, place] : unknown) {
    all += (all.empty() ? "'" : ", '") + id + "'" + (place.empty() ? "" : " (" + place + ")");
  }
  const std::string whom = unknown.size() == 1 ? "the tenant " : "each of the tenants ";
  return fail(Code::kInvalidArgument, "a rule in 'policy.cedar' is for " + whom + all +
                                          ", and nobody has such an id: " + command("tenant ls") +
                                          " has the ids of those that there are");
}

Result<std::shared_ptr<const policy::Policy>> Parties::in_policy(
    std::shared_ptr<const policy::Policy> named) const {
  std::map<std::string, std::string> ids;
  auto add = [&](const std::string& tenant, const std::string& what) -> Result<void> {
    auto id = tenant_id(tenant, what);
    if (!id && skip_unknown_) return {};
    if (!id) return fail(std::move(id).error());
    if (*id != tenant) ids[tenant] = std::move(*id);
    return {};
  };
  for (const auto& [tenant, floor] : named->tenants()) {
    TRY_VOID(add(tenant, "a class in 'policy.tenants' is"));
  }
  for (const policy::Requirement& r : named->requirements()) {
    if (!r.tenant.empty()) TRY_VOID(add(r.tenant, "the requirement '" + r.name + "' is"));
  }
  if (!skip_unknown_) TRY_VOID(check_rules(*named));
  if (ids.empty()) return named;
  return named->renamed(ids);
}

Result<road::Settings> Parties::in_settings(road::Settings named) const {
  const road::ClassSettings classes = named.classes;
  named.classes.tenants.clear();
  named.classes.keys.clear();
  for (const auto& [name, rule] : classes.tenants) {
    auto id = tenant_id(name, "'classes' are");
    if (!id && skip_unknown_) continue;
    if (!id) return fail(std::move(id).error());
    named.classes.tenants[*id] = rule;
  }
  for (const auto& [name, rule] : classes.keys) {
    auto ids = key_ids(name, "'classes' are");
    if (!ids && skip_unknown_) continue;
    if (!ids) return fail(std::move(ids).error());
    for (const std::string& id : *ids) named.classes.keys[id] = rule;
  }
  return named;
}

/// With tenant and key by their ids: one for each key that it means.
Result<std::vector<road::Budget>> Parties::by_ids(road::Budget b) const {
  const std::string what = "the budget '" + b.name + "' is";
  std::string& tenant = b.whom[static_cast<size_t>(road::Dimension::kTenant)];
  if (!tenant.empty() && tenant != road::kEach) {
    TRY(tenant, tenant_id(tenant, what));
  }
  std::vector<road::Budget> out;
  std::string& key = b.whom[static_cast<size_t>(road::Dimension::kKey)];
  if (key.empty() || key == road::kEach) {
    out.push_back(std::move(b));
    return out;
  }
  TRY(auto ids, key_ids(key, what));
  for (std::string& id : ids) {
    key = std::move(id);
    out.push_back(b);
  }
  return out;
}

Result<std::vector<road::Budget>> Parties::in_budgets(
    const std::vector<road::Budget>& named) const {
  std::vector<road::Budget> out;
  for (const road::Budget& one : named) {
    auto budgets = by_ids(one);
    if (!budgets && skip_unknown_) continue;
    if (!budgets) return fail(std::move(budgets).error());
    for (road::Budget& b : *budgets) out.push_back(std::move(b));
  }
  for (const identity::KeyInfo& info : keys_.list(std::nullopt)) {
    if (info.revoked || info.budgets.array_items() == nullptr) continue;
    for (const Json& item : *info.budgets.array_items()) {
      TRY(road::Budget b, road::budget_from_json(item));
      if (b.name.empty()) b.name = "key " + info.label;
      b.whom[static_cast<size_t>(road::Dimension::kKey)] = info.id.str();
      out.push_back(std::move(b));
    }
  }
  return out;
}

}  // namespace drover::app
