#include "app/config_unplaced.h"

#include <gtest/gtest.h>

namespace drover::app {
namespace {

ConfigOutcome unplaced(std::string_view text) {
  return parse_config("drover.yaml", text, [](const std::string& path) {
    return Result<std::string>(fail(Code::kNotFound, path + ": no such file"));
  });
}

TEST(ConfigUnplaced, ARegionThatIsForOtherProvidersIsANoteThatSaysHowToNameThePlace) {
  ConfigOutcome outcome = unplaced(R"(
endpoints:
  - {id: a, provider: coreweave, model: m, region: US-EAST-04, credentials: ["env:A", "env:B"]}
  - {id: b, provider: coreweave, model: m, region: us-east-04a, base_url: "https://a.example/v1"}
  - {id: c, provider: coreweave, model: m, region: mars, base_url: "https://a.example/v1"}
  - {id: d, provider: coreweave, model: m}
  - {id: e, provider: coreweave, model: m, region: US-EAST-06, zone: us}
  - {id: f, provider: coreweave, model: m, place: coreweave/US-EAST-04}
  - {id: g, provider: vllm, model: m, region: US-EAST-04, base_url: "https://a.example/v1"}
  - {id: h, provider: openai, model: m, region: here}
)");
  for (const ConfigFault& f : outcome.faults) ADD_FAILURE() << f.to_string();
  const std::string unknown =
      "': the catalog's places of coreweave are for vllm, openai-compatible alone, so nothing is "
      "known of its place: ";
  const std::vector<std::string> expected = {
      "endpoint 'a" + unknown +
          "write place: coreweave/US-EAST-04 if it is there, or state its facts",
      "endpoint 'b" + unknown +
          "write place: coreweave/US-EAST-04 if it is there, or state its facts",
      "endpoint 'c" + unknown +
          "name its place (drover catalog show) if it is one of them, or state its facts"};
  EXPECT_EQ(outcome.config.notes, expected);
  std::string zones;
  for (const catalog::Endpoint& e : outcome.config.endpoints) {
    zones += e.id + ":" + std::string(e.facts.text("zone")) + " ";
  }
  EXPECT_EQ(zones, "a: a#2: b: c: d: e:us f:us g:us h: ") << "its service may be elsewhere";
}

}  // namespace
}  // namespace drover::app
