#include "road/guard.h"

#include "base/limits/policy.h"

namespace drover::road {

std::shared_ptr<const policy::Policy> Guard::current() const {
  static const std::shared_ptr<const policy::Policy> kBuiltIn = std::make_shared<policy::Policy>();
  return policy_ == nullptr ? kBuiltIn : policy_->get();
}

void Guard::set_things(std::map<std::string, ThingSpec> things) {
  specs_ = std::move(things);
  made_for_ = nullptr;
}

void Guard::refresh(const std::shared_ptr<const policy::Policy>& policy) {
  if (made_for_ == policy) return;
  made_for_ = policy;
  things_.clear();
  slow_answers_.clear();
  for (const auto& [id, spec] : specs_) {
    things_[id] = policy::make_thing(id, spec.kind, "", spec.facts, policy->zones());
  }
}

Task<void> Guard::prepare(Context ctx, policy::ThingKind kind, std::string name, TenantId tenant,
                          std::string data_class) {
  if (!asks_outside()) co_return;
  std::shared_ptr<const policy::Policy> policy = current();
  refresh(policy);
  auto data = contract::DataClass::parse(data_class);
  if (!data) co_return;  // check() says what is wrong with it
  policy::Ask ask;
  ask.kind = kind;
  ask.tenant = tenant.str();
  ask.data = policy->effective(ask.tenant, *data);
  // One question for all things of the kind. One that nobody states anything of is asked about too.
  policy::Thing unknown;
  unknown.kind = kind;
  unknown.id = name;
  std::map<std::string, policy::Thing> all = things_;
  all.try_emplace(name, std::move(unknown));
  std::vector<const policy::Thing*> things;
  for (const auto& [id, thing] : all) {
    if (thing.kind == kind) things.push_back(&thing);
  }
  co_await external_->prepare(ctx, std::move(ask), std::move(things));
}

std::optional<policy::Denial> Guard::denial(const policy::Policy& policy, const policy::Ask& ask,
                                            const policy::Thing& thing) {
  const policy::Case prepared(policy, ask);
  if (auto no = prepared.deny_by_rules(thing)) return no;
  if (policy.slow()) {
    std::string key(policy::thing_kind_name(ask.kind));
    key += '\1' + thing.id + '\1' + ask.data.text();
    if (policy.by_tenant()) key += '\1' + ask.tenant;
    auto it = slow_answers_.find(key);
    if (it == slow_answers_.end()) {
      if (slow_answers_.size() >= limits::kDecisionsMax) slow_answers_.clear();
      it = slow_answers_.emplace(std::move(key), prepared.deny_slowly(thing)).first;
    }
    if (it->second) return it->second;
  }
  return prepared.deny_quickly(thing);
}

Result<void> Guard::check(policy::ThingKind kind, const std::string& name, const TenantId& tenant,
                          std::string_view data_class) {
  std::shared_ptr<const policy::Policy> policy = current();
  refresh(policy);
  policy::Ask ask;
  ask.kind = kind;
  ask.tenant = tenant.str();
  TRY(ask.data, contract::DataClass::parse(data_class));
  ask.data = policy->effective(ask.tenant, ask.data);
  policy::Thing unknown;
  unknown.kind = kind;
  unknown.id = name;
  auto it = things_.find(name);
  const policy::Thing& thing = it == things_.end() ? unknown : it->second;
  std::optional<policy::Denial> no = denial(*policy, ask, thing);
  if (!no) return {};
  std::string text = std::string(policy::thing_kind_name(kind)) + " '" + name +
                     "' may not see this data (" + ask.data.text() + "): " + no->rule + ": " +
                     no->why;
  return fail(policy::refused(std::move(text), policy::kNoPlace, no->unasked));
}

bool Guard::bound(const TenantId& tenant, std::string_view data_class) const {
  auto parsed = contract::DataClass::parse(data_class);
  return !parsed || !current()->effective(tenant.str(), *parsed).unrestricted();
}

std::string Guard::brings(const std::string& name) const {
  auto it = specs_.find(name);
  return it == specs_.end() ? std::string() : it->second.data_class;
}

Result<std::string> Guard::resolve(std::string_view data_class) const {
  TRY(contract::DataClass parsed, contract::DataClass::parse(data_class));
  TRY(contract::DataClass resolved, current()->resolve(parsed));
  return resolved.text();
}

}  // namespace drover::road
