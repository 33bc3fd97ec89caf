#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "catalog/price_import.h"

namespace drover::catalog {
namespace {

Money usd(std::string_view text) { return *Money::parse_usd(text); }

Price sonnet() {
  Price p;
  p.known = true;
  p.input = usd("0.000003");
  p.output = usd("0.000015");
  p.cache_read = usd("3e-07");
  p.cache_write = usd("3.75e-06");
  p.cache_write_1h = usd("6e-06");
  return p;
}

TEST(Price, CountsEachClassOnce) {
  contract::Usage u;
  u.input_tokens = 1'000'000;
  u.cache_read_tokens = 600'000;
  u.cache_write_tokens = 300'000;
  u.cache_write_1h_tokens = 100'000;
  u.output_tokens = 10'000;
  u.reasoning_tokens = 4'000;
  // 100k plain, 600k read, 200k written for 5 min, 100k for an hour, 10k out (reasoning as output).
  EXPECT_EQ(sonnet().cost(u).usd(), "1.98");  // 0.3 + 0.18 + 0.75 + 0.6 + 0.15
  Price dear = sonnet();
  dear.reasoning = usd("0.0001");
  EXPECT_EQ(dear.cost(u).usd(), "2.32");  // 0.4 for 4k reasoning, 0.09 for 6k text
}

TEST(Price, ClassesWithoutAPriceCostAsTheirParent) {
  Price p;
  p.known = true;
  p.input = usd("0.001");
  p.output = usd("0.002");
  contract::Usage u;
  u.input_tokens = 10;
  u.cache_read_tokens = 5;
  u.cache_write_tokens = 2;
  u.cache_write_1h_tokens = 2;
  u.output_tokens = 3;
  u.reasoning_tokens = 3;
  EXPECT_EQ(p.cost(u).usd(), "0.016");
}

TEST(Price, AnHoursWriteWithoutAPriceCostsAsAnyWrite) {
  Price p = sonnet();
  p.cache_write_1h.reset();
  contract::Usage u;
  u.input_tokens = u.cache_write_tokens = u.cache_write_1h_tokens = 2;
  EXPECT_EQ(p.cost(u), usd("7.5e-06"));
}

TEST(Price, AudioAndImagesWithoutAPriceCostAsText) {
  Price p = sonnet();
  p.image_input = usd("1");
  contract::Usage u;
  u.input_tokens = 10;
  u.audio_input_tokens = 8;
  u.image_input_tokens = 4;
  u.output_tokens = u.audio_output_tokens = 2;
  EXPECT_EQ(p.cost(u), usd("1") * 4 + usd("0.000003") * 6 + usd("0.000015") * 2);
}

TEST(Price, TheMostIsAtTheDearestClassOfEachSide) {
  const Price plain = sonnet();
  EXPECT_EQ(plain.most(3, 2), usd("6e-06") * 3 + usd("0.000015") * 2);
  for (auto dearest : {&Price::cache_read, &Price::cache_write, &Price::cache_write_1h,
                       &Price::audio_input, &Price::image_input}) {
    Price p = plain;
    p.*dearest = usd("1");
    EXPECT_EQ(p.most(3, 2), usd("1") * 3 + usd("0.000015") * 2);
  }
  for (auto dearest : {&Price::reasoning, &Price::audio_output}) {
    Price p = plain;
    p.*dearest = usd("1");
    EXPECT_EQ(p.most(3, 2), usd("6e-06") * 3 + usd("1") * 2);
  }
}

TEST(Price, ZeroAndUnknown) {
  contract::Usage zero;
  zero.input_tokens = 0;
  zero.output_tokens = 0;
  EXPECT_TRUE(sonnet().cost(zero).is_zero());
  contract::Usage some;
  some.input_tokens = 5;
  Price unknown = sonnet();
  unknown.known = false;
  EXPECT_TRUE(unknown.cost(some).is_zero());
}

TEST(Price, PartsBeyondTheWholeAreBilledAsTheWhole) {
  contract::Usage u;
  u.input_tokens = 10;
  u.cache_read_tokens = 1'000;
  u.output_tokens = -5;
  EXPECT_EQ(sonnet().cost(u), usd("3e-07") * 10);
}

TEST(Price, TiersBySizeAndService) {
  auto entry = Json::parse(R"({"input_cost_per_token":1e-06,"output_cost_per_token":4e-06,
    "input_cost_per_token_priority":3e-06,"input_cost_per_token_above_200k_tokens":2e-06,
    "output_cost_per_token_above_200k_tokens":6e-06,"input_cost_per_token_flex":5e-07,
    "input_cost_per_token_above_200k_tokens_priority":5e-06})");
  auto facts = read_model_facts(*entry);
  ASSERT_TRUE(facts) << facts.error().to_string();
  auto cost = [&](int64_t in, int64_t out, std::string_view tier) {
    contract::Usage u;
    u.input_tokens = in;
    u.output_tokens = out;
    return facts->price.cost(u, tier).usd();
  };
  EXPECT_EQ(cost(200'000, 0, ""), "0.2");
  EXPECT_EQ(cost(200'001, 1, "default"), "0.400008");
  EXPECT_EQ(cost(1'000, 1, "priority"), "0.003004");
  EXPECT_EQ(cost(300'000, 0, "priority"), "1.5");
  EXPECT_EQ(cost(1'000, 0, "flex"), "0.0005");
  EXPECT_EQ(cost(300'000, 0, "flex"), "0.6");  // no rate for both: the dearer
}

// A table that states reasoning at the price of output writes only the output under a tier.
TEST(Price, ReasoningFollowsTheOutputOfATier) {
  auto cost = [&](std::string_view reasoning, std::string_view tier) {
    auto entry = Json::parse(R"({"input_cost_per_token":5e-07,"output_cost_per_token":3e-06,
      "input_cost_per_token_priority":9e-07,"output_cost_per_token_priority":5.4e-06,
      "output_cost_per_token_flex":1.5e-06,"output_cost_per_reasoning_token":)" +
                             std::string(reasoning) + "}");
    auto facts = read_model_facts(*entry);
    EXPECT_TRUE(facts) << facts.error().to_string();
    contract::Usage u;
    u.input_tokens = 1'000;
    u.output_tokens = 500;
    u.reasoning_tokens = 400;
    EXPECT_GE(facts->price.most(1'000, 500, tier), facts->price.cost(u, tier));
    return facts->price.cost(u, tier).usd();
  };
  EXPECT_EQ(cost("3e-06", ""), "0.002");
  EXPECT_EQ(cost("3e-06", "priority"), "0.0036");
  EXPECT_EQ(cost("3e-06", "flex"), "0.00125");
  // Its own price, which the tier says nothing of: never billed too low.
  EXPECT_EQ(cost("4e-06", "flex"), "0.00225");
  EXPECT_EQ(cost("4e-06", "priority"), "0.0036");
}

TEST(Price, ATierHasItsOwnAudioAndCountsWithoutInput) {
  auto entry = Json::parse(R"({"input_cost_per_token":1e-06,"output_cost_per_token":4e-06,
    "input_cost_per_audio_token":2e-06,"input_cost_per_audio_token_priority":5e-06,
    "output_cost_per_token_priority":8e-06})");
  auto facts = read_model_facts(*entry);
  ASSERT_TRUE(facts) << facts.error().to_string();
  contract::Usage u;
  u.input_tokens = 100;
  u.audio_input_tokens = 40;
  EXPECT_EQ(facts->price.cost(u).usd(), "0.00014");
  EXPECT_EQ(facts->price.cost(u, "priority").usd(), "0.00026");
  EXPECT_GE(facts->price.most(100, 0, "priority"), *Money::parse_usd("0.0005"));
  contract::Usage said_no_input;
  said_no_input.output_tokens = 10;
  EXPECT_EQ(facts->price.cost(said_no_input, "priority").usd(), "0.00008");
}

TEST(PriceImport, NamesWhatItLeavesOut) {
  auto entry = Json::parse(R"({"input_cost_per_token":1e-06,"output_cost_per_token":4e-06,
    "cache_read_input_audio_token_cost":3e-07,"output_cost_per_image_token":3e-05,
    "provider_specific_entry":{"fast":6.0},"output_cost_per_token_above_9k_words":1,
    "regional_processing_uplift_multiplier_ap":0.9,
    "regional_processing_uplift_multiplier_eu":1.1,
    "regional_processing_uplift_multiplier_us":1.0,
    "input_cost_per_image":0.01,"search_context_cost_per_query":{"low":0.01},
    "tool_use_system_prompt_tokens":159})");
  auto facts = read_model_facts(*entry);
  ASSERT_TRUE(facts) << facts.error().to_string();
  std::vector<std::string> left_out = facts->left_out;
  std::sort(left_out.begin(), left_out.end());
  EXPECT_EQ(left_out, (std::vector<std::string>{
                          "cache_read_input_audio_token_cost", "output_cost_per_image_token",
                          "output_cost_per_token_above_9k_words", "provider_specific_entry",
                          "regional_processing_uplift_multiplier_ap"}));
  EXPECT_EQ(facts->uplifts, (std::vector<Uplift>{{{"eu", "eu-*"}, 100'000}}));
}

TEST(PriceImport, KnowsWhoseAnEntryIs) {
  auto is = [](std::string_view key, std::string_view provider, std::string_view wanted) {
    ModelPlace p = place_of(key, provider);
    EXPECT_EQ(p.provider + " " + p.region + " " + p.model, wanted);
  };
  is("gpt-4o", "openai", "openai  gpt-4o");
  is("azure/gpt-4o", "azure", "azure-openai  gpt-4o");
  is("azure/eu/gpt-4o", "azure", "azure-openai datazone-eu gpt-4o");
  is("azure/global-standard/gpt-4o", "azure", "azure-openai global* gpt-4o");
  is("bedrock/eu-west-1/x.claude-v1:0", "bedrock", "aws-bedrock eu-west-1 x.claude-v1:0");
  is("x.claude-v1:0", "bedrock_converse", "aws-bedrock  x.claude-v1:0");
  is("wandb/org/model", "wandb", "coreweave  org/model");
  is("hosted_vllm/org/model", "hosted_vllm", "vllm  org/model");
  is("gemini/g", "gemini", "openai-compatible  g");
  is("m", "", "  m");
}

TEST(PriceImport, NamesWhatItCannotRead) {
  auto table = import_litellm_prices(R"({"sample_spec":{"input_cost_per_token":"text"},
    "a":{"input_cost_per_token":1.23456789e-06,"output_cost_per_token":1e-05},
    "b":{"input_cost_per_token":1.2e-06},
    "c":{"input_cost_per_token":-1,"output_cost_per_token":1},
    "d":{"input_cost_per_token":"free","output_cost_per_token":1},
    "e":{"input_cost_per_token":0,"output_cost_per_token":0.0},"f":3,
    "g":{"mode":"embedding","max_input_tokens":8192}})");
  ASSERT_TRUE(table);
  EXPECT_EQ(table->models.size(), 7u);
  ASSERT_EQ(table->problems.size(), 4u);
  EXPECT_EQ(table->problems[0].rfind("a: input_cost_per_token: not an amount", 0), 0u);
  EXPECT_EQ(table->problems[1].rfind("c: input_cost_per_token: a price cannot", 0), 0u);
  EXPECT_EQ(table->problems[2].rfind("d: input_cost_per_token: a number", 0), 0u);
  EXPECT_EQ(table->problems[3].rfind("f: ", 0), 0u);
  EXPECT_FALSE(table->find("b")->price.known);  // half a price is none
  EXPECT_TRUE(table->find("e")->price.known);   // zero is a price
  EXPECT_EQ(table->find("g")->context_window, 8192);
  EXPECT_FALSE(import_litellm_prices("[]"));
}

TEST(PriceImport, ReadsTheSharedTable) {
  const char* shared = std::getenv("DROVER_SHARED");
  std::filesystem::path root = shared != nullptr ? shared : DROVER_SOURCE_DIR "/../shared";
  std::ifstream file(root / "data/prices/model_prices_and_context_window.json");
  if (!file) GTEST_SKIP() << "no price table in " << root;
  std::ostringstream text;
  text << file.rdbuf();
  auto table = import_litellm_prices(text.str());
  ASSERT_TRUE(table);
  EXPECT_TRUE(table->problems.empty()) << table->problems[0];
  EXPECT_GT(table->models.size(), 200u);
  const ModelFacts* gpt = table->find("gpt-4o");
  ASSERT_NE(gpt, nullptr);
  EXPECT_EQ(gpt->price.input.usd(), "0.0000025");
  EXPECT_EQ(gpt->price.cache_read->usd(), "0.00000125");
  const ModelFacts* claude = table->find("claude-sonnet-4-5");
  ASSERT_NE(claude, nullptr);
  contract::Usage u;
  u.input_tokens = 300'000;
  u.cache_write_tokens = 300'000;
  u.cache_write_1h_tokens = 300'000;
  EXPECT_EQ(claude->price.cost(u).usd(), "3.6");  // 1.2e-05 above 200k, kept for an hour
  EXPECT_EQ(gpt->context_window, 128'000);
  // What of tokens' prices is left out, by all of them.
  std::set<std::string> left_out;
  for (const auto& [name, facts] : table->models) {
    left_out.insert(facts.left_out.begin(), facts.left_out.end());
  }
  EXPECT_EQ(left_out, (std::set<std::string>{
                          "cache_creation_input_audio_token_cost",
                          "cache_read_input_audio_token_cost", "output_cost_per_image_token",
                          "output_cost_per_video_token", "provider_specific_entry"}));
}

}  // namespace
}  // namespace drover::catalog
