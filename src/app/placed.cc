#include "app/placed.h"

#include <array>
#include <map>
#include <span>

#include "catalog/processing_scope.h"
#include "http/message.h"
#include "road/guard.h"

namespace drover::app {
namespace {

// One for each built-in rule that asks for a fact (policy/policy.h), in their order.
constexpr std::array<std::string_view, 8> kOfModels = {
    "zone",      "prompt_cache",   "cleared_for",  "purposes",
    "retention", "trains_on_data", "human_review", "tenancy"};
constexpr std::array<std::string_view, 7> kOfTools = {
    "zone", "cleared_for", "purposes", "retention", "trains_on_data", "human_review", "tenancy"};
// How long a store keeps data is not asked: this program purges there itself.
constexpr std::array<std::string_view, 6> kOfStores = {"zone",           "cleared_for",  "purposes",
                                                       "trains_on_data", "human_review", "tenancy"};

std::span<const std::string_view> needed_of(policy::ThingKind kind) {
  if (kind == policy::ThingKind::kModel) return kOfModels;
  if (kind == policy::ThingKind::kTool) return kOfTools;
  return kOfStores;
}

/// As the guard names a planner: its origin, however that is spelt.
std::string origin_of(const std::string& address) {
  auto url = http::Url::parse(address);
  return url ? url->origin() : address;
}

}  // namespace

std::vector<Placed> placed_of(const Config& config) {
  std::vector<Placed> out;
  for (const catalog::Endpoint& e : config.endpoints) {
    out.push_back({e.id, policy::ThingKind::kModel, e.facts});
  }
  std::map<std::string, road::ThingSpec> things = config.things;
  road::ThingSpec store;
  store.kind = policy::ThingKind::kStore;
  things.try_emplace(road::kOwnStore, std::move(store));
  const road::ThingSpec tool;
  for (const tools::ToolServer& t : config.tools) things.try_emplace(t.name, tool);
  for (const session::PlannerOrigin& p : config.planners) {
    things.try_emplace(origin_of(p.origin), tool);
  }
  for (const std::string& queue : config.queues) things.try_emplace("queue:" + queue, tool);
  for (const auto& [name, agent] : config.agents) {
    const session::PlannerSpec& planner = agent.planner;
    if (!planner.url.empty()) things.try_emplace(origin_of(planner.url), tool);
    if (!planner.queue.empty()) things.try_emplace("queue:" + planner.queue, tool);
  }
  for (auto& [name, thing] : things) out.push_back({name, thing.kind, std::move(thing.facts)});
  return out;
}

std::vector<std::string_view> missing_facts(policy::ThingKind kind, const catalog::Facts& facts) {
  std::vector<std::string_view> out;
  for (std::string_view name : needed_of(kind)) {
    if (facts.find(name) == nullptr) out.push_back(name);
    // An unstated scope is the zone, unless what is called may leave it.
    if (name == "zone" && facts.text("processing_scope") == catalog::kScopeNotStated) {
      out.emplace_back("processing_scope");
    }
  }
  return out;
}

}  // namespace drover::app
