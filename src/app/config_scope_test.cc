// Zones of drover.yaml: a fact that names one which nobody knows is a slip, of how far requests are
// routed too.
#include <gtest/gtest.h>

#include <algorithm>

#include "app/config.h"

namespace drover::app {
namespace {

std::vector<std::string> scope_faults(std::string_view text) {
  ConfigOutcome outcome = parse_config("drover.yaml", text, [](const std::string& path) {
    return Result<std::string>(fail(Code::kNotFound, path + ": no such file"));
  });
  std::vector<std::string> out;
  for (const ConfigFault& fault : outcome.faults) out.push_back(fault.to_string());
  return out;
}

TEST(ConfigScope, AZoneThatThereIsNotIsAFaultAtItsLine) {
  const std::string told =
      "its processing_scope is 'dx', and there is no such zone (policy.zones adds zones; global is "
      "beyond all of them)";
  const std::vector<std::string> expected = {"drover.yaml:3: " + told, "drover.yaml:7: " + told,
                                             "drover.yaml:9: " + told, "drover.yaml:11: " + told};
  EXPECT_EQ(scope_faults(R"(endpoints:
  - {id: a, provider: azure-openai, model: m, deployment: m, region: swedencentral,
     facts: {processing_scope: dx}}
  - id: b
    provider: openai
    model: m
    facts: {processing_scope: {value: dx, source: us, date: 2026-10-01}}
tools:
  - {name: t, url: "https://t.example", facts: {processing_scope: dx}}
planners:
  - {queue: wards, facts: {processing_scope: dx}}
)"),
            expected);
}

TEST(ConfigScope, WhatHereAndAStoreNameIsLookedAtTooAndTheNearZoneIsNamed) {
  const std::string own = " (policy.zones adds zones)";
  const std::vector<std::string> expected = {
      "drover.yaml:2: its processing_scope is 'eux', and there is no such zone: did you mean 'eu'? "
      "(policy.zones adds zones; global is beyond all of them)",
      "drover.yaml:6: its zone is 'de-bay', and there is no such zone: did you mean 'de-by'?" + own,
      "drover.yaml:7: its zone is 'atlantis', and there is no such zone" + own,
      "drover.yaml:9: fact 'processing_scope' must be"};
  std::vector<std::string> told = scope_faults(R"(
here: {processing_scope: eux}
policy:
  zones: [{name: de-by, within: [de]}]
stores:
  - {name: one, data: one, facts: {fault_domain: one, zone: de-bay}}
  - {name: two, data: two, facts: {fault_domain: two, zone: atlantis}}
endpoints:
  - {id: a, provider: openai, model: m, facts: {processing_scope: ""}}
)");
  std::sort(told.begin(), told.end());
  ASSERT_EQ(told.size(), expected.size()) << "an empty word is one fault";
  for (size_t i = 0; i < told.size(); ++i) EXPECT_TRUE(told[i].starts_with(expected[i])) << told[i];
}

TEST(ConfigScope, AZoneThatHasNoNameToReadIsOneFault) {
  std::vector<std::string> told = scope_faults(R"(policy:
  zones:
    - de-by
    - {name: 7, within: [de]}
    - {within: [de]}
    - {name: de-bw, within: [de]}
)");
  std::sort(told.begin(), told.end());
  const std::vector<std::string> expected = {"drover.yaml:3: policy.zones[0] must be a mapping",
                                             "drover.yaml:4: name must be a text",
                                             "drover.yaml:5: '' is no name of a zone"};
  ASSERT_EQ(told.size(), expected.size());
  for (size_t i = 0; i < told.size(); ++i) EXPECT_TRUE(told[i].starts_with(expected[i])) << told[i];
}

TEST(ConfigScope, ZonesOfOnesOwnAndWhatIsBeyondAllAreKnown) {
  EXPECT_EQ(scope_faults(R"(
policy:
  zones: [{name: de-by, within: [de]}]
endpoints:
  - {id: a, provider: openai, model: m, facts: {processing_scope: de-by}}
  - {id: b, provider: openai, model: m, facts: {processing_scope: global}}
  - {id: c, provider: aws-bedrock, model: "apac.amazon.nova-pro-v1:0", region: ap-southeast-1}
  - {id: d, provider: aws-bedrock, model: "eu.amazon.nova-pro-v1:0", region: eu-central-1}
  - {id: e, provider: openai, model: m, facts: {processing_scope: eu}}
)"),
            std::vector<std::string>());
}

}  // namespace
}  // namespace drover::app
