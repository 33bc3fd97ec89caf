#include "catalog/price_book.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/yaml.h"

namespace drover::catalog {
namespace {

struct Read {
  PriceBook book;
  std::vector<std::string> faults;
};

Read read_prices(std::string_view yaml) {
  Read out;
  auto doc = YamlDocument::parse(yaml);
  EXPECT_TRUE(doc) << doc.error().message;
  out.book = PriceBook::read(doc->root(), [&](const std::string& at, std::string message) {
    out.faults.push_back(at + ": " + message);
  });
  return out;
}

Endpoint priced_endpoint(std::string provider, std::string model, std::string region = "") {
  Endpoint e;
  e.id = "e";
  e.provider = std::move(provider);
  e.model = "alias";
  e.upstream_model = std::move(model);
  e.region = std::move(region);
  return e;
}

contract::Usage usage(int64_t in, int64_t out) {
  contract::Usage u;
  u.input_tokens = in;
  u.output_tokens = out;
  return u;
}

WallTime day(std::string_view text) { return *parse_rfc3339(std::string(text) + "T00:00:00Z"); }

constexpr std::string_view kTable = R"(
prices:
  - provider: p
    model: m
    per_million: {input: 10, output: 40}
  - provider: p
    model: m
    from: 2026-06-10
    per_million: {input: 2, output: 8, cache_read: 0.5, cache_write: 2.5, cache_write_1h: 4,
                  reasoning: 9, audio_input: 20, audio_output: 30, image_input: 3}
    tiers:
      - {tier: flex, input: 1, output: 4}
      - {tier: priority, input: 4, output: 16}
      - {tier: batches, input: 1, output: 4}
      - {above_input_tokens: 200000, input: 3, output: 12}
    uplift: {regions: ["eu-*"], percent: 10}
  - provider: [p, q]
    model: "family-*"
    per_million: {input: 0.333333, output: 1}
    uplift: {regions: ["*"], percent: 7}
)";

TEST(PriceBook, APriceHoldsFromItsDay) {
  Read r = read_prices(kTable);
  EXPECT_TRUE(r.faults.empty()) << r.faults.front();
  Endpoint e = priced_endpoint("p", "m");
  r.book.apply(e);
  ASSERT_TRUE(e.price.known);
  EXPECT_EQ(e.price_at(day("2026-06-09")).cost(usage(100'000, 0)).usd(), "1");
  EXPECT_EQ(e.price_at(day("2026-06-10")).cost(usage(100'000, 0)).usd(), "0.2");
}

TEST(PriceBook, EveryTokenClassHasItsRate) {
  Read r = read_prices(kTable);
  Endpoint e = priced_endpoint("p", "m");
  r.book.apply(e);
  const Price& price = e.price_at(day("2026-11-23"));
  contract::Usage u = usage(10'000, 10'000);
  u.cache_read_tokens = 1'000;
  u.cache_write_tokens = 2'000;
  u.cache_write_1h_tokens = 500;
  u.audio_input_tokens = 100;
  u.image_input_tokens = 200;
  u.reasoning_tokens = 3'000;
  u.audio_output_tokens = 400;
  // 1000×.5 + 500×4 + 1500×2.5 + 100×20 + 200×3 + 6700×2 + 3000×9 + 400×30 + 6600×8, a million.
  EXPECT_EQ(price.cost(u).usd(), "0.11405");
  EXPECT_EQ(price.cost(usage(1'000'000 / 8, 0), "flex").usd(), "0.125");
  EXPECT_EQ(price.cost(usage(1'000'000 / 8, 0), "batch").usd(), "0.125") << "a bill's word for it";
  EXPECT_EQ(price.cost(usage(100'000, 0), "priority").usd(), "0.4");
  EXPECT_EQ(price.cost(usage(300'000, 0)).usd(), "0.9") << "above a size all of it";
  // What is reserved is never less, whatever the classes turn out to be.
  EXPECT_GE(price.most(10'000, 10'000), price.cost(u));
  EXPECT_GE(price.most(300'000, 10), price.cost(usage(300'000, 10)));
}

TEST(PriceBook, ARegionMayCostMoreAndRoundsUp) {
  Read r = read_prices(kTable);
  Endpoint plain = priced_endpoint("p", "m", "us-east-1");
  Endpoint dearer = priced_endpoint("p", "m", "eu-central-1");
  r.book.apply(plain);
  r.book.apply(dearer);
  WallTime now = day("2026-11-23");
  EXPECT_EQ(plain.price_at(now).input.usd(), "0.000002");
  EXPECT_EQ(dearer.price_at(now).input.usd(), "0.0000022");
  EXPECT_EQ(dearer.price_at(now).tiers[0].output->usd(), "0.0000044");
  EXPECT_EQ(dearer.price_at(now).image_input->usd(), "0.0000033");
  EXPECT_EQ(dearer.price_at(day("2026-01-01")).input.usd(), "0.00001") << "that had none";
  Endpoint odd = priced_endpoint("q", "family-3");
  r.book.apply(odd);
  // 0.333333 a million is 333333 pico-dollars a token; 7 % more is 356666.31.
  EXPECT_EQ(odd.price.input.pico_usd(), 356'667);
}

TEST(PriceBook, AUsersTableGoesFirstAndAStatedPriceBeforeAll) {
  Read mine = read_prices("prices:\n  - {model: m, per_million: {input: 1, output: 1}}\n");
  mine.book.append(read_prices(kTable).book);
  Endpoint e = priced_endpoint("p", "m");
  mine.book.apply(e);
  EXPECT_EQ(e.price_at(day("2026-11-23")).input.usd(), "0.000001");
  Endpoint other = priced_endpoint("q", "family-x");
  mine.book.apply(other);
  EXPECT_TRUE(other.price.known);
  Endpoint stated = priced_endpoint("p", "m");
  stated.price.known = true;
  mine.book.apply(stated);
  EXPECT_TRUE(stated.price.input.is_zero());
  Endpoint unknown = priced_endpoint("p", "nobody-knows");
  mine.book.apply(unknown);
  EXPECT_FALSE(unknown.price.known);
}

TEST(PriceBook, NamesWhatIsWrong) {
  Read r = read_prices(R"(
prices:
  - {model: a, per_million: {input: 1}}
  - {model: b, per_million: {input: 1, output: -2}}
  - {model: c, per_million: {input: 1, output: 2, gold: 3}}
  - {model: d, from: someday, per_million: {input: 1, output: 2}}
  - {per_million: {input: 1, output: 2}}
  - {model: e, per_million: {input: 1, output: 2}, tiers: [{input: 1}]}
  - {model: f, per_million: {input: 1, output: 0.0000001}}
)");
  ASSERT_EQ(r.faults.size(), 7u);
  EXPECT_EQ(r.book.size(), 0u);
  const char* says[] = {
      "'input' and 'output'", "negative",   "token class 'gold'",          "'from'",
      "'model' is missing",   "a tier has", "prices[6].per_million.output"};
  for (size_t i = 0; i < 7; ++i) {
    EXPECT_NE(r.faults[i].find(says[i]), std::string::npos) << r.faults[i];
  }
}

Read read_own_table() {
  std::ifstream in(std::string(DROVER_SOURCE_DIR) + "/catalog/prices.yaml");
  std::ostringstream text;
  text << in.rdbuf();
  return read_prices(text.str());
}

TEST(PriceBook, ADatedNameCostsAsItsModelAndAzureHasWhatOpenAiHas) {
  Read r = read_own_table();
  const WallTime now = day("2026-11-29");
  auto cost = [&](std::string provider, std::string model) {
    Endpoint e = priced_endpoint(std::move(provider), model);
    r.book.apply(e);
    EXPECT_TRUE(e.price_at(now).known) << model;
    return e.price_at(now).cost(usage(1'000, 100)).usd();
  };
  for (std::string provider : {"openai", "azure-openai"}) {
    for (std::string model : {"gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano",
                              "gpt-5", "gpt-5-mini", "gpt-5-nano", "o3", "o4-mini"}) {
      EXPECT_EQ(cost(provider, model + "-2025-08-07"), cost(provider, model)) << model;
      EXPECT_EQ(cost("azure-openai", model), cost("openai", model)) << model;
    }
    EXPECT_EQ(cost(provider, "gpt-4o-2024-11-20"), "0.0035");
    EXPECT_EQ(cost(provider, "gpt-4o-2024-05-13"), "0.0065") << "by itself";
    EXPECT_EQ(cost(provider, "gpt-4o-mini-2024-07-18"), "0.00021");
  }
  Endpoint other = priced_endpoint("openai", "gpt-4o-search-preview");
  r.book.apply(other);
  EXPECT_FALSE(other.price.known) << "another model";
}

TEST(PriceBook, TheTableOfTheProgramIsWholeAndSaysWhereItIsFrom) {
  Read r = read_own_table();
  EXPECT_TRUE(r.faults.empty()) << r.faults.front();
  EXPECT_GT(r.book.size(), 20u);
  for (const PriceEntry& entry : r.book.entries()) {
    EXPECT_TRUE(entry.source.starts_with("https://")) << entry.models.front();
    EXPECT_FALSE(entry.providers.empty()) << entry.models.front();
    // A cached read is never dearer than input, and the batch tier never dearer than the plain one.
    EXPECT_LE(entry.price.cache_read.value_or(Money()), entry.price.input) << entry.models.front();
    for (const PriceTier& tier : entry.price.tiers) {
      if (tier.service_tier != "batches") continue;
      EXPECT_LT(*tier.output, entry.price.output) << entry.models.front();
    }
  }
}

TEST(PriceBook, ReadsTheSharedTableOfLiteLlmsFormat) {
  std::ifstream in(std::string(DROVER_SOURCE_DIR) +
                   "/../shared/data/prices/model_prices_and_context_window.json");
  if (!in) GTEST_SKIP() << "shared: no ../shared/data/prices";
  std::ostringstream text;
  text << in.rdbuf();
  Read r = read_prices(text.str());
  EXPECT_TRUE(r.faults.empty()) << r.faults.front();
  EXPECT_GT(r.book.size(), 200u);
  // Whatever it has of OpenAI prices OpenAI's endpoints alone.
  Endpoint openai = priced_endpoint("openai", "gpt-4o");
  EXPECT_TRUE(r.book.apply(openai).empty());
  EXPECT_TRUE(openai.price.known);
  Endpoint own = priced_endpoint("vllm", "gpt-4o");
  r.book.apply(own);
  EXPECT_FALSE(own.price.known);
  // The figures of the audit: 1,000 tokens in, 500 out, 400 of them reasoning.
  Endpoint flash = priced_endpoint("openai-compatible", "gemini-3-flash");
  r.book.apply(flash);
  contract::Usage u = usage(1'000, 500);
  u.reasoning_tokens = 400;
  EXPECT_EQ(flash.price.cost(u, "priority").usd(), "0.0036");
}

// Rows of our own making in that format.
constexpr std::string_view kImported = R"({
  "m-1": {"litellm_provider": "openai", "input_cost_per_token": 2e-06,
          "output_cost_per_token": 8e-06, "input_cost_per_token_flex": 1e-06,
          "regional_processing_uplift_multiplier_eu": 1.1,
          "regional_processing_uplift_multiplier_us": 1.055},
  "azure/m-1": {"litellm_provider": "azure", "input_cost_per_token": 3e-06,
                "output_cost_per_token": 9e-06},
  "azure/eu/m-1": {"litellm_provider": "azure", "input_cost_per_token": 4e-06,
                   "output_cost_per_token": 1e-05},
  "m-2": {"litellm_provider": "openai", "input_cost_per_token": 1.0000001e-06,
          "output_cost_per_token": 8e-06},
  "m-3": {"litellm_provider": "anthropic", "input_cost_per_token": 5e-06,
          "output_cost_per_token": 2.5e-05, "provider_specific_entry": {"fast": 6.0}},
  "one/m-4": {"litellm_provider": "one", "input_cost_per_token": 1e-06,
              "output_cost_per_token": 2e-06},
  "two/m-4": {"litellm_provider": "two", "input_cost_per_token": 3e-06,
              "output_cost_per_token": 2e-06},
  "one/m-5": {"litellm_provider": "one", "input_cost_per_token": 1e-06,
              "output_cost_per_token": 2e-06},
  "two/m-5": {"litellm_provider": "two", "input_cost_per_token": 1e-06,
              "output_cost_per_token": 2e-06},
  "m-6": {"litellm_provider": "two", "input_cost_per_token": 7e-06,
          "output_cost_per_token": 2e-06},
  "one/m-6": {"litellm_provider": "one", "input_cost_per_token": 1e-06,
              "output_cost_per_token": 2e-06}})";

TEST(PriceBook, AnImportedPriceIsItsProvidersAndItsRegions) {
  Read r = read_prices(kImported);
  EXPECT_TRUE(r.faults.empty()) << r.faults.front();
  auto price = [&](std::string provider, std::string model, std::string region = "") {
    Endpoint e = priced_endpoint(std::move(provider), std::move(model), std::move(region));
    std::vector<std::string> notes = r.book.apply(e);
    EXPECT_TRUE(notes.empty()) << notes.front();
    EXPECT_TRUE(e.price_changes.empty());
    return e.price;
  };
  EXPECT_EQ(price("openai", "m-1").cost(usage(1'000, 100)).usd(), "0.0028");
  EXPECT_EQ(price("openai", "m-1", "eu").cost(usage(1'000, 100)).usd(), "0.00308");
  EXPECT_EQ(price("openai", "m-1", "eu").cost(usage(1'000, 0), "flex").usd(), "0.0011");
  EXPECT_EQ(price("openai", "m-1", "us-east").cost(usage(1'000, 0)).usd(), "0.00211");
  EXPECT_EQ(price("openai", "m-1", "europe").cost(usage(1'000, 0)).usd(), "0.002");
  EXPECT_EQ(price("azure-openai", "m-1", "eastus").cost(usage(1'000, 0)).usd(), "0.003");
  EXPECT_EQ(price("azure-openai", "m-1", "datazone-eu").cost(usage(1'000, 0)).usd(), "0.004");
  EXPECT_FALSE(price("vllm", "m-1").known) << "one's own server of the same name";
  EXPECT_FALSE(price("openai-compatible", "m-1").known);
  EXPECT_EQ(price("openai-compatible", "m-5").input.usd(), "0.000001") << "both say so";
  EXPECT_EQ(price("openai-compatible", "m-6").input.usd(), "0.000007") << "by its whole name";
}

TEST(PriceBook, AnImportedPriceSaysWhatItLeavesOutAndWhyThereIsNone) {
  Read r = read_prices(kImported);
  r.book.append(read_prices("prices: [{model: m-2, per_million: {input: 1, output: 1}}]").book);
  auto note = [&](std::string provider, std::string model, bool known) {
    Endpoint e = priced_endpoint(std::move(provider), std::move(model));
    std::vector<std::string> notes = r.book.apply(e);
    EXPECT_EQ(e.price.known, known);
    EXPECT_EQ(notes.size(), 1u);
    return notes.empty() ? "" : notes.front();
  };
  EXPECT_EQ(note("openai-compatible", "m-3", true),
            "LiteLLM's table, 'm-3': 'provider_specific_entry' is left out of the price");
  EXPECT_NE(note("openai", "m-2", false).find("'m-2': no price, input_cost_per_token: "),
            std::string::npos)
      << "and no other table's either";
  EXPECT_NE(note("openai-compatible", "m-4", false).find("'one/m-4', 'two/m-4'"),
            std::string::npos);
}

TEST(PriceBook, ANameGoesBeforeAPatternAndTwiceTheSameIsAFault) {
  Read r = read_prices(R"(
prices:
  - {provider: p, model: ["m", "m-20*"], per_million: {input: 1, output: 1}}
  - {provider: p, model: m-2024, per_million: {input: 2, output: 2}}
  - {provider: p, model: "m-2025*", per_million: {input: 3, output: 3}}
  - {model: m-2024, per_million: {input: 4, output: 4}}
  - {provider: [q, p], model: m-2024, per_million: {input: 5, output: 5}}
  - {provider: p, model: m-2024, from: 2026-01-01, per_million: {input: 6, output: 6}}
)");
  ASSERT_EQ(r.faults.size(), 1u);
  EXPECT_NE(r.faults[0].find("prices[4]: it prices a model that prices[1]"), std::string::npos)
      << r.faults[0];
  auto input = [&](std::string provider, std::string model) {
    Endpoint e = priced_endpoint(std::move(provider), std::move(model));
    r.book.apply(e);
    return e.price_at(day("2025-06-01")).input.usd();
  };
  EXPECT_EQ(input("p", "m"), "0.000001");
  EXPECT_EQ(input("p", "m-2026"), "0.000001");
  EXPECT_EQ(input("p", "m-2024"), "0.000002");
  EXPECT_EQ(input("p", "m-2025-08"), "0.000003");
  EXPECT_EQ(input("q", "m-2024"), "0.000004");
  Endpoint later = priced_endpoint("p", "m-2024");
  r.book.apply(later);
  EXPECT_EQ(later.price_at(day("2026-02-01")).input.usd(), "0.000006");
}

}  // namespace
}  // namespace drover::catalog
