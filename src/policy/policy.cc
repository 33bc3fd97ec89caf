#include "policy/policy.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/limits/policy.h"
#include "catalog/processing_scope.h"

namespace drover::policy {
namespace {

/// The remedy, where a rule misses a fact: how an operator states it. Own stores have theirs in
/// `here`, others with them.
std::string to_state(const Thing& thing, std::string_view fact) {
  const char* where = thing.kind == ThingKind::kStore ? "here, or facts of a store" : "facts";
  return " (" + std::string(where) + ": {" + std::string(fact) + ": …})";
}

std::string content_of(const PolicySpec& spec) {
  std::string all;
  for (const ZoneSpec& z : spec.zones) all += z.name + "<" + joined(z.within) + "\n";
  for (const auto& [name, data] : spec.classes) all += name + "=" + data.text() + "\n";
  for (const auto& [tenant, data] : spec.tenants) all += tenant + ":" + data.text() + "\n";
  all += spec.floor.text() + "\n" + spec.requirements.dump();
  for (const auto& authorizer : spec.authorizers) all += authorizer->fingerprint();
  return all;
}

}  // namespace

bool is_denial(const Error& error) { return error.reason == kNoPlace || error.reason == kUnasked; }

Error refused(std::string text, std::string_view reason, bool unasked) {
  if (!unasked) {
    return Error(Code::kPermissionDenied, std::move(text)).with_reason(std::string(reason));
  }
  Error out(Code::kUnavailable, std::move(text), Retry::kAfter);
  out.reason = kUnasked;
  out.retry_after = limits::kUnaskedRetry;
  return out;
}

std::string fingerprint_of(std::string_view content) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : content) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::string out;
  for (int shift = 60; shift > 12; shift -= 4) out += "0123456789abcdef"[hash >> shift & 15];
  return out;
}

std::string class_title(std::string_view list, const std::string& name) {
  return (list == "classes" ? "class '" : "tenant '") + name + "': ";
}

void Policy::read_classes(const PolicySpec& spec, const Tell& tell) {
  auto meant = [&](const contract::DataClass& data, const std::string& at,
                   const std::string& title) {
    auto resolved = resolve(data);
    if (resolved) return std::move(*resolved);
    const bool of_zone = resolved.error().reason == "unknown_zone";
    std::string remedy = of_zone ? "policy.zones adds zones" : "";
    for (const std::string& name : data.names) {
      const bool level = !of_zone && contract::parse_sensitivity(name).has_value();
      if (level) remedy = "a level is {sensitivity: " + name + "}";
    }
    tell(of_zone ? at + ".residency" : at, title + resolved.error().message, std::move(remedy));
    return contract::DataClass();
  };
  for (const auto& [name, data] : spec.classes) {
    const std::string at = "classes." + name;
    const std::string title = class_title("classes", name);
    // There all the same: what names a class with a fault is not at fault as well.
    contract::DataClass& known = classes_[name];
    if (!contract::is_class_word(name)) {
      tell(at, title + "that is no name of a class (a-z, 0-9, '.', '_', '-')", "");
    } else if (!data.names.empty()) {
      tell(at, title + "it must say what it means, not name another class", "");
    } else {
      known = meant(data, at, title);
    }
  }
  floor_ = meant(spec.floor, "floor", "floor: ");
  for (const auto& [tenant, data] : spec.tenants) {
    tenants_[tenant] = meant(data, "tenants." + tenant, class_title("tenants", tenant));
  }
}

void Policy::read_requirements(const Json& list, const Tell& tell) {
  if (list.is_null()) return;
  const Json::Array* items = list.array_items();
  if (items == nullptr) {
    return tell("requirements", "requirements must be a list", "begin each entry with '- '");
  }
  for (size_t i = 0; i < items->size(); ++i) {
    const std::string item = "requirements[" + std::to_string(i) + "]";
    if (i >= limits::kRequirementsMax) {
      return tell(item, "more than " + std::to_string(limits::kRequirementsMax) + " requirements",
                  "");
    }
    requirements_.push_back(Requirement::read(
        (*items)[i], zones_, [&](const std::string& at, const std::string& message) {
          tell(at.empty() ? item : item + "." + at, message, "");
        }));
  }
}

std::shared_ptr<const Policy> Policy::read(PolicySpec spec, const Tell& tell) {
  auto out = std::make_shared<Policy>();
  out->fingerprint_ = fingerprint_of(content_of(spec));
  bool zones_known = true;
  out->zones_ = Zones::read(spec.zones, [&](size_t zone, const std::string& message) {
    zones_known = false;
    tell("zones[" + std::to_string(zone) + "]", message, "");
  });
  if (!zones_known) return out;
  out->read_classes(spec, tell);
  out->read_requirements(spec.requirements, tell);
  out->authorizers_ = std::move(spec.authorizers);
  return out;
}

Result<std::shared_ptr<const Policy>> Policy::make(PolicySpec spec) {
  std::optional<std::string> first;
  auto out = read(std::move(spec), [&](const std::string&, std::string message, std::string) {
    if (!first) first = std::move(message);
  });
  if (first) return fail(Code::kInvalidArgument, std::move(*first));
  return out;
}

std::shared_ptr<const Policy> Policy::with(std::shared_ptr<const Authorizer> authorizer) const {
  auto out = std::make_shared<Policy>(*this);
  out->fingerprint_ = fingerprint_of(fingerprint_ + authorizer->fingerprint());
  out->authorizers_.push_back(std::move(authorizer));
  return out;
}

std::shared_ptr<const Policy> Policy::renamed(const std::map<std::string, std::string>& ids) const {
  auto out = std::make_shared<Policy>(*this);
  out->tenants_.clear();
  for (const auto& [tenant, data] : tenants_) {
    auto id = ids.find(tenant);
    // Of a tenant that is named twice, by name and by id, both hold.
    contract::DataClass& floor = out->tenants_[id == ids.end() ? tenant : id->second];
    floor = contract::join(floor, data);
  }
  for (Requirement& r : out->requirements_) {
    if (auto id = ids.find(r.tenant); id != ids.end()) r.tenant = id->second;
  }
  return out;
}

std::optional<Denial> Policy::deny_verb(const VerbAsk& ask) const {
  for (const auto& authorizer : authorizers_) {
    if (auto denial = authorizer->deny_verb(ask)) return denial;
  }
  return std::nullopt;
}

uint64_t Policy::generation() const {
  uint64_t out = 0;
  for (const auto& authorizer : authorizers_) out += authorizer->generation();
  return out;
}

bool Policy::slow() const {
  return std::any_of(authorizers_.begin(), authorizers_.end(),
                     [](const auto& authorizer) { return authorizer->slow(); });
}

bool Policy::by_tenant() const {
  return std::any_of(authorizers_.begin(), authorizers_.end(),
                     [](const auto& authorizer) { return authorizer->by_tenant(); }) ||
         std::any_of(requirements_.begin(), requirements_.end(),
                     [](const Requirement& r) { return !r.tenant.empty(); });
}

Result<contract::DataClass> Policy::resolve(const contract::DataClass& data) const {
  contract::DataClass out = data;
  out.names.clear();
  for (const std::string& name : data.names) {
    auto it = classes_.find(name);
    if (it == classes_.end()) {
      std::string there;
      for (const auto& [known, meaning] : classes_) there += (there.empty() ? "" : ", ") + known;
      return fail(Error(Code::kInvalidArgument,
                        "there is no data class '" + name + "' (" +
                            (there.empty() ? "none is defined" : "there are: " + there) + ")")
                      .with_reason("unknown_data_class"));
    }
    out = contract::join(out, it->second);
  }
  Zones::Residency residency = zones_.resolve(out.residency);
  if (!residency.unknown.empty()) {
    return fail(Error(Code::kInvalidArgument, "there is no zone '" + residency.unknown + "'")
                    .with_reason("unknown_zone"));
  }
  return out;
}

contract::DataClass Policy::effective(const std::string& tenant,
                                      const contract::DataClass& data) const {
  contract::DataClass out = data;
  if (!out.names.empty()) out = resolve(data).value_or(data);
  if (!floor_.unrestricted()) out = contract::join(out, floor_);
  if (tenants_.empty()) return out;
  auto it = tenants_.find(tenant);
  return it == tenants_.end() ? out : contract::join(out, it->second);
}

Case::Case(const Policy& policy, const Ask& ask)
    : policy_(policy), ask_(ask), residency_(policy.zones().resolve(ask.data.residency)) {
  const contract::DataClass& data = ask.data;
  if (!data.names.empty()) {
    impossible_ =
        Denial{"class", "the data's class '" + data.names.front() + "' is not defined here"};
  } else if (!residency_.unknown.empty()) {
    impossible_ = Denial{"class", "the data is bound to '" + residency_.unknown +
                                      "', a zone that is not known here"};
  } else if (!residency_.anywhere && residency_.zones.none()) {
    impossible_ =
        Denial{"class", "its inputs are bound to zones with no place in common: " + data.text()};
  } else if (data.purposes && data.purposes->empty()) {
    impossible_ = Denial{"class", "its inputs may be used for different purposes only"};
  }
  for (const Requirement& r : policy.requirements()) {
    if (!r.for_kind[static_cast<size_t>(ask.kind)] || data.sensitivity < r.sensitivity) continue;
    if (!r.tenant.empty() && r.tenant != ask.tenant) continue;
    if (r.residency >= 0) {
      const ZoneSet& zones = policy.zones().inside(r.residency);
      if (residency_.anywhere || (residency_.zones & ~zones).any()) continue;
    }
    if (!r.purposes.empty()) {
      bool within =
          data.purposes &&
          std::all_of(data.purposes->begin(), data.purposes->end(), [&](const std::string& p) {
            return std::find(r.purposes.begin(), r.purposes.end(), p) != r.purposes.end();
          });
      if (!within) continue;
    }
    requirements_.push_back(&r);
  }
}

bool Case::inside(int zone) const {
  return zone >= 0 && residency_.zones.test(static_cast<size_t>(zone));
}

std::string Case::stated(const Thing& thing, std::string_view fact) const {
  const Json* value = thing.facts.value(fact);
  if (value == nullptr) return "not stated" + to_state(thing, fact);
  return value->string() != nullptr ? *value->string() : value->dump();
}

std::string Case::where_cached(const Thing& thing) const {
  const bool known = thing.facts.value("prompt_cache") != nullptr;
  return (known ? "its prompt cache is in " : "where its prompt cache lies is ") +
         stated(thing, "prompt_cache");
}

std::optional<Denial> Case::deny(const Thing& thing) const {
  if (auto denial = deny_by_rules(thing)) return denial;
  if (auto denial = deny_slowly(thing)) return denial;
  return deny_quickly(thing);
}

std::optional<Denial> Case::deny_by(const Thing& thing, bool slow) const {
  for (const auto& authorizer : policy_.authorizers()) {
    if (authorizer->slow() != slow) continue;
    if (auto denial = authorizer->deny(ask_, thing)) return denial;
  }
  return std::nullopt;
}

std::optional<Denial> Case::deny_by_rules(const Thing& thing) const {
  if (impossible_) return impossible_;
  if (auto denial = built_in(thing)) {
    if (denial->rule == "purpose" && thing.traits.purposes.empty()) {
      denial->why += to_state(thing, "purposes");
    }
    return denial;
  }
  if (thing.kind == ThingKind::kModel) {
    if (auto why = ask_.needs.lacks(thing)) return Denial{"needs", std::move(*why)};
  }
  for (const Requirement* r : requirements_) {
    if (auto why = r->lacks(thing, policy_.zones())) return Denial{r->name, std::move(*why)};
  }
  return std::nullopt;
}

std::optional<Denial> Case::built_in(const Thing& thing) const {
  const contract::DataClass& data = ask_.data;
  const Traits& t = thing.traits;
  bool model = thing.kind == ThingKind::kModel;
  if (!residency_.anywhere) {
    std::string bound = "the data may be in " + policy_.zones().describe(residency_.zones);
    if (!inside(t.zone))
      return Denial{"residency", bound + "; its zone is " + stated(thing, "zone")};
    if (!inside(t.scope)) {
      std::string scope = stated(thing, "processing_scope");
      std::string why = "requests may be routed within " + scope;
      if (scope == catalog::kScopeNotStated) {
        why = "how far requests are routed is not stated (facts: {processing_scope: …})";
      }
      return Denial{"residency", bound + "; " + why};
    }
    if (model && t.prompt_cache != Traits::kNone && !inside(t.prompt_cache)) {
      return Denial{"cache", bound + "; " + where_cached(thing)};
    }
  }
  if (model && (data.usage & contract::kNoCache) != 0 && t.prompt_cache != Traits::kNone) {
    return Denial{"cache", "the data must not be cached; " + where_cached(thing)};
  }
  if (data.sensitivity > contract::Sensitivity::kPublic &&
      t.cleared_for < static_cast<int>(data.sensitivity)) {
    return Denial{"sensitivity",
                  "the data is " + std::string(sensitivity_name(data.sensitivity)) + "; " +
                      (t.cleared_for == Traits::kUnknown
                           ? "what it is cleared for is not stated" + to_state(thing, "cleared_for")
                           : "it is cleared for " + stated(thing, "cleared_for"))};
  }
  if (data.purposes && !t.any_purpose) {
    bool serves = std::any_of(t.purposes.begin(), t.purposes.end(), [&](const std::string& p) {
      return std::binary_search(data.purposes->begin(), data.purposes->end(), p);
    });
    if (!serves) {
      return Denial{"purpose", "the data is for " + joined(*data.purposes) + "; " +
                                   what_it("serves", t.purposes)};
    }
  }
  if ((data.usage & contract::kNoTraining) != 0 && t.trains != 0) {
    return Denial{"usage", "the data must not train models; trains_on_data is " +
                               stated(thing, "trains_on_data")};
  }
  if ((data.usage & contract::kNoReview) != 0 && t.human_review != 0) {
    return Denial{"usage", "the data must not be read by the provider's people; human_review is " +
                               stated(thing, "human_review")};
  }
  // A store is this program's own: it purges there itself what may be kept no longer.
  if (data.keep_s != contract::kKeepUnlimited && thing.kind != ThingKind::kStore &&
      (t.keep_s == Traits::kUnknown || t.keep_s > data.keep_s)) {
    return Denial{"retention",
                  "the data may be kept: " + contract::retention_text(data.keep_s) +
                      (model ? "; its provider's retention is " : "; what it keeps is ") +
                      stated(thing, "retention")};
  }
  if (data.sensitivity == contract::Sensitivity::kRestricted && t.dedicated != 1) {
    return Denial{"isolation", "restricted data is not mixed with a general pool; its tenancy is " +
                                   stated(thing, "tenancy")};
  }
  return std::nullopt;
}

std::vector<EvidenceNeed> Case::evidence() const {
  std::vector<EvidenceNeed> out;
  for (const Requirement* r : requirements_) {
    if (!r->evidence.kind.empty()) out.push_back(r->evidence);
  }
  out.insert(out.end(), ask_.needs.evidence.begin(), ask_.needs.evidence.end());
  return out;
}

}  // namespace drover::policy
