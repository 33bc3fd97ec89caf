#include "app/config_places.h"

#include "app/config_test_util.h"

namespace drover::app {
namespace {

constexpr const char* kPlaces = R"(source: our audit
date: 2026-10-01
facts: {jurisdiction: dee}
places:
  - id: cellar
    providers: [vlm]
    region: cellar
    facts:
      tenancy: dedicated
      zone: de-bx
      prompt_cache: none
      processing_scope: dx
  - id: attic
    providers: [vllm, mine]
    facts: {zone: {value: mars, date: 2026-10-02}, prompt_cache: de-by}
)";

TEST(ConfigPlaces, AProviderOrAZoneThatThereIsNotIsAFaultAtItsLine) {
  const ConfigOutcome outcome = parse_drover_yaml(R"(policy:
  zones: [{name: de-by, within: [de]}]
catalog: [own.yaml]
endpoints:
  - {provider: vllm, model: m, place: cellar, base_url: "http://127.0.0.1:1/v1"}
)",
                                                  {{"own.yaml", kPlaces}});
  const std::string unknown = ", and there is no such zone";
  const std::string remedy = " (policy.zones adds zones)";
  const std::vector<std::string> expected = {
      "own.yaml:3: its jurisdiction is 'dee'" + unknown + ": did you mean 'de'?" + remedy,
      "own.yaml:6, cellar: there is no provider 'vlm': did you mean 'vllm'?",
      "own.yaml:10, cellar: its zone is 'de-bx'" + unknown + ": did you mean 'de-by'?" + remedy,
      "own.yaml:12, cellar: its processing_scope is 'dx'" + unknown +
          " (policy.zones adds zones; global is beyond all of them)",
      "own.yaml:14, attic: there is no provider 'mine' (there are: aws-bedrock, azure-openai, "
      "openai, coreweave, vllm, llama-server, ollama, openai-compatible)",
      "own.yaml:15, attic: its zone is 'mars'" + unknown + remedy};
  std::vector<std::string> told;
  for (const ConfigFault& fault : outcome.faults) {
    EXPECT_EQ(fault.line, 3) << fault.to_string();
    told.push_back(fault.message);
  }
  EXPECT_EQ(told, expected) << "and none of the endpoint at such a place";
}

TEST(ConfigPlaces, NoZoneIsWrongWhileThePolicyIs) {
  const ConfigOutcome outcome = parse_drover_yaml(
      "policy:\n  zones: [{name: de-bx, within: [nowhere]}]\ncatalog: [own.yaml]\n",
      {{"own.yaml", "places: [{id: a, providers: [vllm], facts: {zone: de-bx}}]"}});
  ASSERT_EQ(outcome.faults.size(), 1u);
  EXPECT_EQ(outcome.faults[0].line, 2) << outcome.faults[0].to_string();
}

}  // namespace
}  // namespace drover::app
