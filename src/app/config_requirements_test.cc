// Faults of policy.requirements in drover.yaml.

#include "app/config_test_util.h"

namespace drover::app {
namespace {

TEST(ConfigRequirements, EveryFaultOfARequirementIsToldAtItsMemberWithItsName) {
  ConfigOutcome outcome = parse_drover_yaml(R"(policy:
  requirements:
    - name: c5
      when: {sensitivty: confidential}
      for: [models]
      needs:
        sovereignty: 2
        certification: c5
        zone: atlantis
    - name: Bad Name
      needs: {}
    - name: mute
)");
  const std::vector<std::pair<int, std::string>> expected = {
      {4, "requirement 'c5': unknown setting 'sensitivty' in when"},
      {5, "requirement 'c5': for: 'models' is not model, tool or store"},
      {8, "requirement 'c5': unknown setting 'certification' in needs"},
      {9, "requirement 'c5': zone: there is no zone 'atlantis'"},
      {10, "a requirement needs a name"},
      {11, "it needs nothing"},
      {12, "requirement 'mute': it says no needs"}};
  ASSERT_EQ(outcome.faults.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(outcome.faults[i].line, expected[i].first) << outcome.faults[i].to_string();
    EXPECT_TRUE(outcome.faults[i].message.starts_with(expected[i].second))
        << outcome.faults[i].to_string();
  }
}

/// Of the rest of one named r. A requirement whose words are passed over would be none.
class RequirementFaults : public testing::TestWithParam<Wrong> {};

TEST_P(RequirementFaults, AreToldWithTheirLine) {
  const std::string text =
      "policy:\n  requirements:\n    - {name: r, " + std::string(GetParam().text) + "}";
  expect_told(Wrong{text, GetParam().line, GetParam().says});
}

INSTANTIATE_TEST_SUITE_P(
    All, RequirementFaults,
    testing::Values(
        Wrong{"needs: {}", 3, "needs nothing"}, Wrong{"needs: {zone: null}", 3, "needs nothing"},
        Wrong{"needs: {jurisdiction: [eu]}", 3, "jurisdiction must be a text, not a"},
        Wrong{"needs: {zone: [de]}", 3, "zone must be a text"},
        Wrong{"needs: {tenancy: [dedicated]}", 3, "tenancy must be a text"},
        Wrong{"needs: {tenancy: \"\"}", 3, "tenancy can only need 'dedicated'"},
        Wrong{"needs: {attestation: [aws-nitro], max_age: 1h}", 3, "attestation must be a text"},
        Wrong{"needs: {attestation: aws-nitro, max_age: [1h]}", 3, "max_age must be a text"},
        Wrong{"needs: {attestation: aws-nitro, max_age: 2s}", 3, "max_age must be at least 10"},
        Wrong{"needs: {zone: de, max_age: 1h}", 3, "max_age says how old"},
        Wrong{"needs: {sovereignty: [2]}", 3, "sovereignty must be a number"},
        Wrong{"needs: {sovereignty: -1}", 3, "sovereignty must be a number"},
        Wrong{"needs: {certifications: []}", 3, "certifications must be a list"},
        Wrong{"needs: {certifications: {c5: true}}", 3, "certifications must be a list"},
        Wrong{"needs: {hardware: 7}", 3, "hardware must be a list"},
        Wrong{"needs: {pool: [[reserved]]}", 3, "pool must be a list"},
        Wrong{"needs: {pool: reserved}, for: [model, store]", 3, "say for: model"},
        Wrong{"needs: {zone: de}, for: []", 3, "for must be a list"},
        Wrong{"needs: {zone: de}, for: {model: true}", 3, "for must be a list"},
        Wrong{"needs: {zone: de}, when: {sensitivity: [internal]}", 3, "sensitivity must be a"},
        Wrong{"needs: {zone: de}, when: {residency: [eu]}", 3, "residency must be a text"},
        Wrong{"needs: {zone: de}, when: {purpose: {care: true}}", 3, "purpose must be a list"},
        Wrong{"needs: {zone: de}, when: {tenant: [clinic]}", 3, "tenant must be a text"},
        Wrong{"needs: {zone: de}, when: {tenant: \"\"}", 3, "tenant must be the name"},
        Wrong{"needs: {zone: de}, when: [care]", 3, "when must be a mapping"},
        Wrong{"needs: [zone]", 3, "needs must be a mapping"}));

}  // namespace
}  // namespace drover::app
