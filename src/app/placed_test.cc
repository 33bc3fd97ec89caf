#include "app/placed.h"

#include "app/config_test_util.h"

namespace drover::app {
namespace {

using Names = std::vector<std::string_view>;

Config config_of(std::string_view text) {
  ConfigOutcome outcome = parse_drover_yaml(text);
  for (const ConfigFault& f : outcome.faults) ADD_FAILURE() << f.to_string();
  return std::move(outcome.config);
}

const Placed* find(const std::vector<Placed>& placed, std::string_view id) {
  for (const Placed& one : placed) {
    if (one.id == id) return &one;
  }
  return nullptr;
}

TEST(Placed, IsAlsoWhatNobodyStatesAFactOf) {
  const std::vector<Placed> placed = placed_of(config_of(R"(
endpoints:
  - {id: a, provider: openai, model: m}
tools:
  - {name: bare, command: [bare]}
  - {name: files, command: [files], facts: {zone: de}}
planners:
  - {origin: "HTTP://Plans.test:80/"}
  - {queue: wards}
agents:
  - {name: x, models: [m], planner: {queue: beds}}
  - {name: y, models: [m], planner: {url: "http://127.0.0.1:9000/next"}}
)"));
  std::vector<std::string> ids;
  for (const Placed& one : placed) ids.push_back(one.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"a", "bare", "files", "http://127.0.0.1:9000",
                                           "http://plans.test", "queue:beds", "queue:wards",
                                           "this server"}));
  ASSERT_EQ(placed.size(), 8u);
  EXPECT_EQ(placed[0].kind, policy::ThingKind::kModel);
  EXPECT_EQ(find(placed, "bare")->kind, policy::ThingKind::kTool);
  EXPECT_EQ(find(placed, "files")->facts.text("zone"), "de");
  EXPECT_EQ(find(placed, "this server")->kind, policy::ThingKind::kStore);
  EXPECT_EQ(missing_facts(policy::ThingKind::kTool, find(placed, "queue:wards")->facts),
            (Names{"zone", "cleared_for", "purposes", "retention", "trains_on_data", "human_review",
                   "tenancy"}));
  EXPECT_EQ(
      missing_facts(policy::ThingKind::kStore, find(placed, "this server")->facts),
      (Names{"zone", "cleared_for", "purposes", "trains_on_data", "human_review", "tenancy"}));
}

TEST(Placed, AnEndpointLacksWhatTheRulesAskFor) {
  const std::vector<Placed> placed = placed_of(config_of(R"(
endpoints:
  - id: azure
    provider: azure-openai
    model: m
    deployment: m
    region: germanywestcentral
    facts: {cleared_for: confidential, retention: none, human_review: false}
  - id: told
    provider: azure-openai
    model: m
    deployment: m
    region: germanywestcentral
    facts: {cleared_for: confidential, retention: none, human_review: false, purposes: [care],
            processing_scope: de}
)"));
  auto lacks = [&](std::string_view id, std::string_view fact) {
    for (std::string_view name :
         missing_facts(policy::ThingKind::kModel, find(placed, id)->facts)) {
      if (name == fact) return true;
    }
    return false;
  };
  EXPECT_TRUE(lacks("azure", "purposes"));
  EXPECT_TRUE(lacks("azure", "processing_scope")) << "its name does not tell how far it goes";
  EXPECT_FALSE(lacks("azure", "zone"));
  EXPECT_FALSE(lacks("told", "purposes"));
  EXPECT_FALSE(lacks("told", "processing_scope"));
}

}  // namespace
}  // namespace drover::app
