#include "catalog/facts.h"

#include <algorithm>

#include "base/limits/data_class.h"
#include "contract/data_class.h"

namespace drover::catalog {
namespace {

Failure bad(const FactKind& kind, std::string_view expected) {
  return fail(Code::kInvalidArgument, "fact '" + std::string(kind.name) + "' must be " +
                                          std::string(expected) + " (" + std::string(kind.help) +
                                          ")");
}

bool word(const Json& value) { return value.string() != nullptr && !value.string()->empty(); }
bool amount(const Json& value) { return value.number().has_value() && *value.number() >= 0; }

Result<void> check(const FactKind& kind, const Json& value) {
  if (value.dump().size() > limits::kFactBytesMax) return bad(kind, "shorter");
  switch (kind.type) {
    case FactType::kName:
      if (!word(value)) return bad(kind, "a word");
      return {};
    case FactType::kNames: {
      const Json::Array* items = value.array_items();
      if (items != nullptr && std::all_of(items->begin(), items->end(), word)) return {};
      if (!word(value)) return bad(kind, "a list of words");
      return {};
    }
    case FactType::kNumber:
      if (!amount(value)) return bad(kind, "a number of at least 0");
      return {};
    case FactType::kFlag:
      if (!value.is_bool()) return bad(kind, "true or false");
      return {};
    case FactType::kRetention:
      if (!word(value) || !contract::parse_retention(*value.string())) {
        return bad(kind, "none, session, unlimited or a duration such as 30d");
      }
      return {};
    case FactType::kSensitivity:
      if (!word(value) || !contract::parse_sensitivity(*value.string())) {
        return bad(kind, "public, internal, confidential or restricted");
      }
      return {};
    case FactType::kTenancy:
      // Another word would be taken for a shared one, by rules that need a dedicated one.
      if (!word(value) || (*value.string() != "shared" && *value.string() != "dedicated")) {
        return bad(kind, "shared or dedicated");
      }
      return {};
    case FactType::kTable: {
      const Json::Object* members = value.members();
      if (members == nullptr || !std::all_of(members->begin(), members->end(),
                                             [](const auto& m) { return amount(m.second); })) {
        return bad(kind, "a mapping of words to numbers");
      }
      return {};
    }
  }
  return {};
}

}  // namespace

const std::vector<FactKind>& fact_kinds() {
  using enum FactType;
  static const std::vector<FactKind> kKinds = {
      {"partition", kName, "the cloud's own wall: aws, aws-us-gov, aws-eusc, azure, coreweave"},
      {"region", kName, "the provider's name of the region"},
      {"country", kName, "where the machines stand, ISO 3166 in lower case"},
      {"zone", kName, "the most exact legal zone that it lies in"},
      {"operator", kName, "who runs it: the legal person"},
      {"jurisdiction", kName, "the zone whose law the operator's parent is bound to"},
      {"certifications", kNames, "such as c5, iso27001, hds, fedramp-high, secnumcloud"},
      {"sovereignty", kNumber, "level 0 to 4 of the EU Cloud Sovereignty Framework"},
      {"fault_domain", kName, "what fails together with it"},
      {"hardware", kNames, "accelerators, such as h100, b200, trainium2; cpu for none"},
      {"vision", kFlag, "whether the model reads images"},
      {"context_window", kNumber, "tokens of a prompt and its answer, at most"},
      {"attestation", kNames, "kinds of evidence that it can give: aws-nitro, nvidia-cc"},
      {"tenancy", kTenancy, "shared: a general pool; dedicated: nobody else's work"},
      {"cleared_for", kSensitivity, "the highest sensitivity that may be processed there"},
      {"purposes", kNames, "what it may be used for; any for everything"},
      {"retention", kRetention, "how long the provider keeps prompts and answers"},
      {"trains_on_data", kFlag, "whether the provider trains models on what it is sent"},
      {"human_review", kFlag, "whether the provider's people may read what it is sent"},
      {"prompt_cache", kName,
       "the zone that cached prompts are kept in; none if there is no cache"},
      {"processing_scope", kName, "the zone that requests may be routed within"},
      {"rtt_ms", kTable, "round trips to other regions in milliseconds"},
      {"private_links", kNames, "regions or networks with a private link to it"},
      {"link_mbps", kNumber, "the rate at which data reaches it, in megabits a second"},
      {"egress_usd_per_gb", kNumber, "what a gigabyte costs that leaves it"},
      {"ingress_usd_per_gb", kNumber, "what a gigabyte costs on its way there"},
      {"price_uplift", kNumber, "what the list price is multiplied by here; 1 for none"},
      {"cold_start_ms", kNumber, "the wait of the first call after a pause"},
      {"preemptible", kFlag, "whether it can be taken away during a call"},
      {"requests_per_minute", kNumber, "quota of calls"},
      {"tokens_per_minute", kNumber, "quota of tokens"},
      {"calls_in_flight", kNumber, "calls that it answers at once"},
      {"service_tiers", kNames, "service tiers that may be asked for, such as flex, priority"},
      {"batch", kFlag, "whether it takes batches"},
      {"carbon_g_per_kwh", kNumber, "carbon intensity of its power"},
  };
  return kKinds;
}

const FactKind* fact_kind(std::string_view name) {
  for (const FactKind& kind : fact_kinds()) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

const Fact* Facts::find(std::string_view name) const {
  auto it = std::lower_bound(facts_.begin(), facts_.end(), name,
                             [](const Fact& f, std::string_view n) { return f.name < n; });
  return it != facts_.end() && it->name == name ? &*it : nullptr;
}

Result<void> Facts::set(Fact fact) {
  const FactKind* kind = fact_kind(fact.name);
  if (kind == nullptr) {
    return fail(Code::kInvalidArgument,
                "there is no fact '" + fact.name + "' (drover catalog check --facts lists them)");
  }
  TRY_VOID(check(*kind, fact.value));
  auto it = std::lower_bound(facts_.begin(), facts_.end(), fact.name,
                             [](const Fact& f, const std::string& n) { return f.name < n; });
  if (it != facts_.end() && it->name == fact.name) {
    *it = std::move(fact);
  } else {
    facts_.insert(it, std::move(fact));
  }
  return {};
}

void Facts::overlay(const Facts& others) {
  for (const Fact& fact : others.facts_) {
    Result<void> taken = set(fact);
    (void)taken;  // it was checked when it was set there
  }
}

std::string_view Facts::text(std::string_view name) const {
  const Fact* fact = find(name);
  const std::string* text = fact == nullptr ? nullptr : fact->value.string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

std::vector<std::string> Facts::list(std::string_view name) const {
  std::vector<std::string> out;
  const Fact* fact = find(name);
  if (fact == nullptr) return out;
  if (const std::string* one = fact->value.string()) return {*one};
  if (const Json::Array* items = fact->value.array_items()) {
    for (const Json& item : *items) out.push_back(*item.string());
  }
  return out;
}

const Json* Facts::value(std::string_view name) const {
  const Fact* fact = find(name);
  return fact == nullptr ? nullptr : &fact->value;
}

Result<Facts> Facts::from_json(const Json& object, std::string_view source, std::string_view date) {
  Facts out;
  if (!object.is_object()) {
    return fail(Code::kInvalidArgument, "facts must be a mapping of names to values, not " +
                                            std::string(object.type_name()));
  }
  for (const auto& [name, value] : *object.members()) {
    if (value.is_null()) continue;
    Fact fact{name, value, std::string(source), std::string(date)};
    if (const Json* own = value.find("value"); own != nullptr) {
      fact.source = value.get_string("source").value_or(source);
      fact.date = value.get_string("date").value_or(date);
      Json inner = *own;
      fact.value = std::move(inner);
    }
    TRY_VOID(out.set(std::move(fact)));
  }
  return out;
}

Json Facts::to_json() const {
  Json out = Json::object();
  for (const Fact& fact : facts_) {
    Json one = Json::object().set("value", fact.value);
    if (!fact.source.empty()) one.set("source", fact.source);
    if (!fact.date.empty()) one.set("date", fact.date);
    out.set(fact.name, std::move(one));
  }
  return out;
}

}  // namespace drover::catalog
