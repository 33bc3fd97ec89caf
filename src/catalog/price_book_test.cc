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

TEST(PriceBook, TheTableOfTheProgramIsWholeAndSaysWhereItIsFrom) {
  std::ifstream in(std::string(DROVER_SOURCE_DIR) + "/catalog/prices.yaml");
  std::ostringstream text;
  text << in.rdbuf();
  Read r = read_prices(text.str());
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
  EXPECT_GT(r.book.size(), 100u);
}

}  // namespace
}  // namespace drover::catalog
