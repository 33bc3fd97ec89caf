#include "policy/requirement.h"

#include <algorithm>

#include "attest/evidence.h"
#include "base/bytes.h"
#include "base/limits/attest.h"

namespace drover::policy {
namespace {

tl::unexpected<Error> bad_requirement(std::string message) {
  return fail(Code::kInvalidArgument, std::move(message));
}

Result<void> known(const Json& object, std::string_view where,
                   std::initializer_list<std::string_view> names) {
  if (!object.is_object()) return bad_requirement(std::string(where) + " must be a mapping");
  for (const auto& [key, value] : *object.members()) {
    if (std::find(names.begin(), names.end(), key) != names.end()) continue;
    std::string list;
    for (std::string_view n : names) list += (list.empty() ? "" : ", ") + std::string(n);
    return bad_requirement("unknown setting '" + key + "' in " + std::string(where) +
                           " (known: " + list + ")");
  }
  return {};
}

/// Something else than a text would be no demand at all if it were passed over.
Result<std::optional<std::string>> stated_text(const Json& object, std::string_view key) {
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return std::optional<std::string>();
  if (const std::string* s = v->string()) return std::optional<std::string>(*s);
  return bad_requirement(std::string(key) + " must be a text, not " + std::string(v->type_name()));
}

Result<std::vector<std::string>> list(const Json& object, std::string_view key) {
  std::vector<std::string> out;
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return out;
  if (const std::string* one = v->string()) return std::vector<std::string>{*one};
  const Json::Array* items = v->array_items();
  for (size_t i = 0; items != nullptr && i < items->size(); ++i) {
    if (const std::string* s = (*items)[i].string()) out.push_back(*s);
  }
  if (items == nullptr || out.empty() || out.size() != items->size()) {
    return bad_requirement(std::string(key) + " must be a list of names");
  }
  return out;
}

Result<int> zone(const Json& object, std::string_view key, const Zones& zones) {
  TRY(auto name, stated_text(object, key));
  if (!name) return Traits::kUnknown;
  int found = zones.find(*name);
  if (found < 0) return bad_requirement(std::string(key) + ": there is no zone '" + *name + "'");
  return found;
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool meet(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& w) { return contains(b, w); });
}

Result<void> read_when(const Json& when, const Zones& zones, Requirement& out) {
  TRY_VOID(known(when, "when", {"sensitivity", "residency", "purpose", "tenant"}));
  TRY(auto sensitivity, stated_text(when, "sensitivity"));
  if (sensitivity) {
    auto level = contract::parse_sensitivity(*sensitivity);
    if (!level)
      return bad_requirement("sensitivity must be public, internal, confidential or restricted");
    out.sensitivity = *level;
  }
  TRY(out.residency, zone(when, "residency", zones));
  TRY(out.purposes, list(when, "purpose"));
  TRY(auto tenant, stated_text(when, "tenant"));
  if (tenant && tenant->empty()) return bad_requirement("tenant must be the name of one");
  out.tenant = tenant.value_or("");
  return {};
}

Result<void> read_evidence(const Json& needs, Requirement& out) {
  TRY(auto kind, stated_text(needs, "attestation"));
  TRY(auto age, stated_text(needs, "max_age"));
  if (!kind && age) return bad_requirement("max_age says how old the evidence of attestation is");
  if (!kind) return {};
  out.evidence.kind = *kind;
  if (auto known = attest::parse_kind(*kind); !known) {
    return bad_requirement("attestation: " + known.error().message);
  }
  if (age) {
    TRY(out.evidence.max_age, parse_duration(*age));
  }
  if (out.evidence.max_age <= Duration::zero()) {
    return bad_requirement("attestation needs a max_age, such as 1h");
  }
  if (out.evidence.max_age < limits::kEvidenceAgeMin) {
    return bad_requirement("max_age must be at least " + format_duration(limits::kEvidenceAgeMin) +
                           ": younger evidence cannot be kept at hand");
  }
  out.evidence.rule = out.name;
  return {};
}

Result<void> read_needs(const Json& needs, const Zones& zones, Requirement& out) {
  TRY_VOID(known(needs, "needs",
                 {"certifications", "hardware", "pool", "sovereignty", "jurisdiction", "zone",
                  "tenancy", "attestation", "max_age"}));
  TRY(out.certifications, list(needs, "certifications"));
  TRY(out.hardware, list(needs, "hardware"));
  TRY(out.pools, list(needs, "pool"));
  if (const Json* level = needs.find("sovereignty"); level != nullptr && !level->is_null()) {
    if (!(level->number().value_or(-1) >= 0 && *level->number() <= 4)) {
      return bad_requirement("sovereignty must be a number from 0 to 4");
    }
    out.sovereignty = *level->number();
  }
  TRY(out.jurisdiction, zone(needs, "jurisdiction", zones));
  TRY(out.zone, zone(needs, "zone", zones));
  TRY(auto tenancy, stated_text(needs, "tenancy"));
  if (tenancy && *tenancy != "dedicated")
    return bad_requirement("tenancy can only need 'dedicated'");
  out.dedicated = tenancy.has_value();
  return read_evidence(needs, out);
}

bool demands_nothing(const Requirement& r) {
  return r.certifications.empty() && r.hardware.empty() && r.pools.empty() && r.sovereignty < 0 &&
         r.jurisdiction < 0 && r.zone < 0 && !r.dedicated && r.evidence.kind.empty();
}

}  // namespace

Result<Requirement> Requirement::from_json(const Json& json, const Zones& zones) {
  TRY_VOID(known(json, "a requirement", {"name", "when", "for", "needs"}));
  Requirement out;
  TRY(auto name, stated_text(json, "name"));
  out.name = name.value_or("");
  if (!contract::is_class_word(out.name))
    return bad_requirement("a requirement needs a name (a-z, 0-9, '-')");
  if (const Json* when = json.find("when")) TRY_VOID(read_when(*when, zones, out));
  TRY(std::vector<std::string> kinds, list(json, "for"));
  if (!kinds.empty()) {
    std::fill(std::begin(out.for_kind), std::end(out.for_kind), false);
    for (const std::string& kind : kinds) {
      if (kind == "model")
        out.for_kind[0] = true;
      else if (kind == "tool")
        out.for_kind[1] = true;
      else if (kind == "store")
        out.for_kind[2] = true;
      else
        return bad_requirement("for: '" + kind + "' is not model, tool or store");
    }
  }
  const Json* needs = json.find("needs");
  if (needs == nullptr) return bad_requirement("requirement '" + out.name + "' says no needs");
  TRY_VOID(read_needs(*needs, zones, out));
  if (demands_nothing(out)) return bad_requirement("requirement '" + out.name + "' needs nothing");
  if (!out.pools.empty() && !kinds.empty() && (out.for_kind[1] || out.for_kind[2])) {
    return bad_requirement("pool: tools and stores are in none; say for: model");
  }
  return out;
}

std::optional<std::string> Requirement::lacks(const Thing& thing, const Zones& zones) const {
  const Traits& t = thing.traits;
  for (const std::string& c : certifications) {
    if (!contains(t.certifications, c)) {
      return "needs the certification " + c + "; " + what_it("has", t.certifications);
    }
  }
  if (!hardware.empty() && !meet(hardware, t.hardware)) {
    return "needs hardware " + joined(hardware) + "; " + what_it("has", t.hardware);
  }
  if (!pools.empty() && thing.kind == ThingKind::kModel && !contains(pools, thing.pool)) {
    return "needs a pool that is " + joined(pools) + "; its pool is " +
           (thing.pool.empty() ? "not stated" : thing.pool);
  }
  if (sovereignty > t.sovereignty) {
    std::string has(thing.facts.find("sovereignty") == nullptr ? "not stated" : "lower");
    return "needs a higher sovereignty level; its level is " + has;
  }
  auto inside = [&](int wanted, int has) {
    return wanted < 0 || (has >= 0 && zones.inside(wanted).test(static_cast<size_t>(has)));
  };
  auto stated = [&](std::string_view fact) {
    std::string_view text = thing.facts.text(fact);
    return text.empty() ? std::string("not stated") : std::string(text);
  };
  if (!inside(jurisdiction, t.jurisdiction)) {
    return "needs a parent bound to the law of " + zones.name(jurisdiction) +
           "; its jurisdiction is " + stated("jurisdiction");
  }
  if (!inside(zone, t.zone) || !inside(zone, t.scope)) {
    return "needs to be within " + zones.name(zone) + "; its zone is " + stated("zone");
  }
  if (dedicated && t.dedicated != 1)
    return "needs dedicated tenancy; its tenancy is " + stated("tenancy");
  // Evidence is fetched from endpoints only: what a tool or a store is said to be able to prove,
  // nobody has looked at.
  if (!evidence.kind.empty() && thing.kind != ThingKind::kModel) {
    return "needs evidence of kind " + evidence.kind + ", which only a model's endpoint can give";
  }
  if (!evidence.kind.empty() && !contains(t.attestation, evidence.kind)) {
    return "needs evidence of kind " + evidence.kind + "; " + what_it("can give", t.attestation);
  }
  return std::nullopt;
}

}  // namespace drover::policy
