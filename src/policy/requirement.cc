#include "policy/requirement.h"

#include <algorithm>

#include "attest/evidence.h"
#include "base/bytes.h"
#include "base/limits/attest.h"

namespace drover::policy {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool meet(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& w) { return contains(b, w); });
}

/// Reads one, and tells each fault at its member. Something else than a text or a list where one
/// belongs would be no demand at all if it were passed over.
class RequirementReader {
 public:
  RequirementReader(const Zones& zones, const Requirement::Tell& tell)
      : zones_(zones), tell_(tell) {}

  Requirement read(const Json& json) {
    if (!known(json, "", "a requirement", {"name", "when", "for", "needs"})) return out_;
    out_.name = text(json, "", "name").value_or("");
    if (!contract::is_class_word(out_.name)) {
      fault(json.find("name") == nullptr ? "" : "name",
            "a requirement needs a name (a-z, 0-9, '-')");
    }
    if (const Json* when = json.find("when")) read_when(*when);
    const bool stated = read_kinds(json);
    const Json* needs = json.find("needs");
    if (needs == nullptr) {
      fault("", "it says no needs");
      return out_;
    }
    const size_t before = faults_;
    read_needs(*needs);
    if (faults_ == before && demands_nothing()) fault("needs", "it needs nothing");
    if (!out_.pools.empty() && stated && (out_.for_kind[1] || out_.for_kind[2])) {
      fault("for", "pool: tools and stores are in none; say for: model");
    }
    return out_;
  }

 private:
  void fault(const std::string& at, const std::string& message) {
    ++faults_;
    tell_(at, (contract::is_class_word(out_.name) ? "requirement '" + out_.name + "': " : "") +
                  message);
  }

  static std::string join(const std::string& at, std::string_view key) {
    return at.empty() ? std::string(key) : at + "." + std::string(key);
  }

  /// False: it is no mapping. Unknown names are told, and the rest is read all the same.
  bool known(const Json& object, const std::string& at, const std::string& what,
             std::initializer_list<std::string_view> names) {
    if (!object.is_object()) {
      fault(at, what + " must be a mapping");
      return false;
    }
    for (const auto& [key, value] : *object.members()) {
      if (std::find(names.begin(), names.end(), key) != names.end()) continue;
      std::string list;
      for (std::string_view n : names) list += (list.empty() ? "" : ", ") + std::string(n);
      fault(join(at, key), "unknown setting '" + key + "' in " + what + " (known: " + list + ")");
    }
    return true;
  }

  std::optional<std::string> text(const Json& object, const std::string& at, std::string_view key) {
    const Json* v = object.find(key);
    if (v == nullptr || v->is_null()) return std::nullopt;
    if (const std::string* s = v->string()) return *s;
    fault(join(at, key), std::string(key) + " must be a text, not " + std::string(v->type_name()));
    return std::nullopt;
  }

  std::vector<std::string> list(const Json& object, const std::string& at, std::string_view key) {
    std::vector<std::string> out;
    const Json* v = object.find(key);
    if (v == nullptr || v->is_null()) return out;
    if (const std::string* one = v->string()) return {*one};
    const Json::Array* items = v->array_items();
    for (size_t i = 0; items != nullptr && i < items->size(); ++i) {
      if (const std::string* s = (*items)[i].string()) out.push_back(*s);
    }
    if (items == nullptr || out.empty() || out.size() != items->size()) {
      fault(join(at, key), std::string(key) + " must be a list of names");
      out.clear();
    }
    return out;
  }

  int zone(const Json& object, const std::string& at, std::string_view key) {
    auto name = text(object, at, key);
    if (!name) return Traits::kUnknown;
    const int found = zones_.find(*name);
    if (found >= 0) return found;
    fault(join(at, key), std::string(key) + ": there is no zone '" + *name + "'");
    return Traits::kUnknown;
  }

  void read_when(const Json& when) {
    if (!known(when, "when", "when", {"sensitivity", "residency", "purpose", "tenant"})) return;
    if (auto sensitivity = text(when, "when", "sensitivity")) {
      auto level = contract::parse_sensitivity(*sensitivity);
      if (!level) {
        fault("when.sensitivity",
              "sensitivity must be public, internal, confidential or restricted");
      } else {
        out_.sensitivity = *level;
      }
    }
    out_.residency = zone(when, "when", "residency");
    out_.purposes = list(when, "when", "purpose");
    auto tenant = text(when, "when", "tenant");
    if (tenant && tenant->empty()) fault("when.tenant", "tenant must be the name of one");
    out_.tenant = tenant.value_or("");
  }

  /// Whether kinds are stated.
  bool read_kinds(const Json& json) {
    const std::vector<std::string> kinds = list(json, "", "for");
    if (kinds.empty()) return false;
    constexpr std::string_view kNames[] = {"model", "tool", "store"};  // by ThingKind
    std::fill(std::begin(out_.for_kind), std::end(out_.for_kind), false);
    for (const std::string& kind : kinds) {
      const auto* named = std::find(std::begin(kNames), std::end(kNames), kind);
      if (named == std::end(kNames)) {
        fault("for", "for: '" + kind + "' is not model, tool or store");
      } else {
        out_.for_kind[named - std::begin(kNames)] = true;
      }
    }
    return true;
  }

  void read_needs(const Json& needs) {
    const bool mapping = known(needs, "needs", "needs",
                               {"certifications", "hardware", "pool", "sovereignty", "jurisdiction",
                                "zone", "tenancy", "attestation", "max_age"});
    if (!mapping) return;
    out_.certifications = list(needs, "needs", "certifications");
    out_.hardware = list(needs, "needs", "hardware");
    out_.pools = list(needs, "needs", "pool");
    if (const Json* level = needs.find("sovereignty"); level != nullptr && !level->is_null()) {
      if (!(level->number().value_or(-1) >= 0 && *level->number() <= 4)) {
        fault("needs.sovereignty", "sovereignty must be a number from 0 to 4");
      } else {
        out_.sovereignty = *level->number();
      }
    }
    out_.jurisdiction = zone(needs, "needs", "jurisdiction");
    out_.zone = zone(needs, "needs", "zone");
    auto tenancy = text(needs, "needs", "tenancy");
    if (tenancy && *tenancy != "dedicated") {
      fault("needs.tenancy", "tenancy can only need 'dedicated'");
    }
    out_.dedicated = tenancy.has_value();
    read_evidence(needs);
  }

  void read_evidence(const Json& needs) {
    const size_t before = faults_;
    auto kind = text(needs, "needs", "attestation");
    auto age = text(needs, "needs", "max_age");
    if (faults_ > before) return;
    if (!kind) {
      if (age) fault("needs.max_age", "max_age says how old the evidence of attestation is");
      return;
    }
    out_.evidence.kind = *kind;
    out_.evidence.rule = out_.name;
    if (auto known = attest::parse_kind(*kind); !known) {
      fault("needs.attestation", "attestation: " + known.error().message);
    }
    if (age) {
      auto time = parse_duration(*age);
      if (!time) {
        fault("needs.max_age", "max_age: " + time.error().message);
        return;
      }
      out_.evidence.max_age = *time;
    }
    if (out_.evidence.max_age <= Duration::zero()) {
      fault(age ? "needs.max_age" : "needs.attestation", "attestation needs a max_age, such as 1h");
    } else if (out_.evidence.max_age < limits::kEvidenceAgeMin) {
      fault("needs.max_age", "max_age must be at least " +
                                 format_duration(limits::kEvidenceAgeMin) +
                                 ": younger evidence cannot be kept at hand");
    }
  }

  bool demands_nothing() const {
    const Requirement& r = out_;
    return r.certifications.empty() && r.hardware.empty() && r.pools.empty() && r.sovereignty < 0 &&
           r.jurisdiction < 0 && r.zone < 0 && !r.dedicated && r.evidence.kind.empty();
  }

  const Zones& zones_;
  const Requirement::Tell& tell_;
  Requirement out_;
  size_t faults_ = 0;
};

}  // namespace

Requirement Requirement::read(const Json& json, const Zones& zones, const Tell& tell) {
  return RequirementReader(zones, tell).read(json);
}

Result<Requirement> Requirement::from_json(const Json& json, const Zones& zones) {
  std::optional<std::string> first;
  Requirement out = read(json, zones, [&](const std::string&, const std::string& message) {
    if (!first) first = message;
  });
  if (first) return fail(Code::kInvalidArgument, std::move(*first));
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
