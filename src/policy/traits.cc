#include "policy/traits.h"

#include <algorithm>

#include "base/bytes.h"

namespace drover::policy {
namespace {

int zone_of(const catalog::Facts& facts, std::string_view name, const Zones& zones) {
  std::string_view text = facts.text(name);
  if (text.empty()) return Traits::kUnknown;
  int zone = zones.find(text);
  return zone < 0 ? Traits::kForeign : zone;
}

int flag_of(const catalog::Facts& facts, std::string_view name) {
  const Json* value = facts.value(name);
  return value == nullptr ? Traits::kUnknown : static_cast<int>(value->boolean().value_or(false));
}

}  // namespace

std::string_view thing_kind_name(ThingKind kind) {
  switch (kind) {
    case ThingKind::kModel:
      return "model";
    case ThingKind::kTool:
      return "tool";
    case ThingKind::kStore:
      return "store";
  }
  return "model";
}

std::string what_it(std::string_view has, const std::vector<std::string>& list) {
  const std::string verb(has);
  return list.empty() ? "what it " + verb + " is not stated" : "it " + verb + " " + joined(list);
}

Traits traits_of(const catalog::Facts& facts, const Zones& zones) {
  Traits out;
  out.zone = zone_of(facts, "zone", zones);
  out.scope = zone_of(facts, "processing_scope", zones);
  if (out.scope == Traits::kUnknown) out.scope = out.zone;
  out.prompt_cache =
      facts.text("prompt_cache") == "none" ? Traits::kNone : zone_of(facts, "prompt_cache", zones);
  out.jurisdiction = zone_of(facts, "jurisdiction", zones);
  if (auto level = contract::parse_sensitivity(facts.text("cleared_for"))) {
    out.cleared_for = static_cast<int>(*level);
  }
  if (std::string_view keep = facts.text("retention"); !keep.empty()) {
    out.keep_s = contract::parse_retention(keep).value_or(contract::kKeepUnlimited);
  }
  out.trains = flag_of(facts, "trains_on_data");
  out.human_review = flag_of(facts, "human_review");
  if (std::string_view tenancy = facts.text("tenancy"); !tenancy.empty()) {
    out.dedicated = tenancy == "dedicated" ? 1 : 0;
  }
  if (const Json* level = facts.value("sovereignty")) {
    out.sovereignty = level->number().value_or(Traits::kUnknown);
  }
  out.vision = flag_of(facts, "vision");
  if (const Json* window = facts.value("context_window")) {
    out.context_window = window->integer().value_or(Traits::kUnknown);
  }
  out.purposes = facts.list("purposes");
  out.any_purpose =
      std::find(out.purposes.begin(), out.purposes.end(), "any") != out.purposes.end();
  out.certifications = facts.list("certifications");
  out.attestation = facts.list("attestation");
  out.hardware = facts.list("hardware");
  return out;
}

Thing make_thing(std::string id, ThingKind kind, std::string pool, catalog::Facts facts,
                 const Zones& zones) {
  Thing out;
  out.id = std::move(id);
  out.kind = kind;
  out.pool = std::move(pool);
  out.traits = traits_of(facts, zones);
  out.facts = std::move(facts);
  return out;
}

}  // namespace drover::policy
