// Soft scores among the endpoints that hard rules left.

#include "base/limits/placement.h"
#include "road/placement.h"
#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

using PlacedIds = std::vector<std::string>;

PlacedIds ids(const std::vector<const catalog::Endpoint*>& endpoints) {
  PlacedIds out;
  for (const catalog::Endpoint* e : endpoints) out.push_back(e->id);
  return out;
}

class Scored : public RoadFixture {
 protected:
  void SetUp() override {
    parts_of_ = placer_parts();
    parts_of_.evidence = &evidence_;
  }
  void priced(const std::string& id, const std::string& usd, const std::string& facts = "{}",
              const std::string& model = "m") {
    catalog::Endpoint e;
    e.id = id;
    e.provider = "openai-compatible";
    e.model = model;
    e.price.known = usd != "?";
    e.price.input = e.price.output = Money::parse_usd(usd).value_or(Money());
    e.facts = *catalog::Facts::from_json(*Json::parse(facts), "test", "");
    endpoints_.push_back(e);
    ASSERT_TRUE(catalog_.replace(endpoints_));
  }
  PlacedIds order(Preference preference, PlacedIds ladder = {"m"}, std::string_view session = {}) {
    if (!placer_) placer_ = std::make_unique<Placer>(parts_of_);
    policy::Ask ask = placer_->ask("ten_1", {});
    PlaceQuestion question{ladder, ask, preference};
    question.session = session;
    PlacedIds out = ids(placer_->place(question).placement.endpoints);
    // The long form says the same.
    Explanation explained = placer_->explain(question);
    for (size_t i = 0; i < out.size(); ++i) EXPECT_EQ(explained.ranked[i].endpoint, out[i]);
    return out;
  }
  /// The terms of that endpoint's score.
  ScoreParts parts_of(const std::string& id, Preference preference = Preference::kFastest,
                      std::string_view session = {}) {
    if (!placer_) placer_ = std::make_unique<Placer>(parts_of_);
    policy::Ask ask = placer_->ask("ten_1", {});
    const PlacedIds ladder = {"m"};
    PlaceQuestion question{ladder, ask, preference};
    question.session = session;
    for (const Explanation::Ranked& r : placer_->explain(question).ranked) {
      if (r.endpoint == id) return r.parts;
    }
    ADD_FAILURE() << id << " is not ranked";
    return ScoreParts();
  }
  const catalog::Endpoint& named(const std::string& id) { return *catalog_.get()->find(id); }
  static Board::Measured answered(Duration first_token, Duration rest = {}, int64_t tokens = 0) {
    Board::Measured out;
    out.ok = true;
    out.first_token = first_token;
    out.rest = rest;
    out.output_tokens = tokens;
    return out;
  }
  void measured(const std::string& id, Duration first_token, const std::string& session = "") {
    auto catalog = catalog_.get();
    placer_->started(*catalog, named(id));
    placer_->finished(*catalog, named(id), answered(first_token), session);
  }
  PlacerParts parts_of_;
  std::unique_ptr<Placer> placer_;
};

TEST_F(Scored, ListedIsTheCatalogsOrderAndTheLadderComesFirst) {
  priced("dear", "0.00001");
  priced("cheap", "0.000001");
  priced("other", "0.0000001", "{}", "n");
  EXPECT_EQ(order(Preference::kListed), PlacedIds({"dear", "cheap"}));
  EXPECT_EQ(order(Preference::kCheapest, {"m", "n"}), PlacedIds({"cheap", "dear", "other"}));
  EXPECT_EQ(order(Preference::kCheapest, {"n", "m"}), PlacedIds({"other", "cheap", "dear"}));
}

TEST_F(Scored, CheapestCountsUpliftAndTransferAndKnowsNoUnknownPrice) {
  priced("unknown", "?");
  priced("uplifted", "0.000002", R"({"price_uplift":1.5})");
  priced("plain", "0.0000025");
  priced("far", "0.0000024", R"({"ingress_usd_per_gb":100})");
  priced("near", "0.0000024", R"({"ingress_usd_per_gb":100,"private_links":["home"]})");
  EXPECT_EQ(order(Preference::kCheapest),
            PlacedIds({"near", "plain", "far", "unknown", "uplifted"}));
}

TEST_F(Scored, FastestFollowsRoundTripsThenWhatIsMeasuredThenLoad) {
  priced("a", "0.000001", R"({"rtt_ms":{"home":80}})");
  priced("b", "0.000001", R"({"rtt_ms":{"home":20}})");
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"b", "a"}));
  for (int i = 0; i < 20; ++i) measured("b", 900ms);
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"a", "b"}));
  // Calls in flight count against an endpoint until they are done.
  for (int i = 0; i < 20; ++i) placer_->started(*catalog_.get(), named("a"));
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"b", "a"}));
  auto catalog = catalog_.get();
  for (int i = 0; i < 20; ++i) placer_->finished(*catalog, named("a"), answered({}), "");
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"a", "b"}));
  // A reload keeps what was learnt.
  ASSERT_TRUE(catalog_.replace(endpoints_));
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"a", "b"}));
}

TEST_F(Scored, ARoundTripThatNobodyKnowsIsTheSlowestKnown) {
  priced("unknown", "0.000001");
  priced("far", "0.000001", R"({"rtt_ms":{"home":80}})");
  priced("near", "0.000001", R"({"rtt_ms":{"home":20}})");
  priced("elsewhere", "0.000001", R"({"rtt_ms":{"away":1}})");
  priced("here", "0.000001");
  endpoints_.back().region = "home";
  ASSERT_TRUE(catalog_.replace(endpoints_));
  EXPECT_EQ(order(Preference::kFastest),
            PlacedIds({"here", "near", "unknown", "far", "elsewhere"}));
  measured("unknown", 10ms);
  EXPECT_EQ(order(Preference::kFastest)[1], "unknown") << "a measurement takes the guess's place";
  // A reload takes what is stated now, and keeps what was measured.
  endpoints_[1].facts =
      *catalog::Facts::from_json(*Json::parse(R"({"rtt_ms":{"home":15}})"), "", "");
  endpoints_[0].facts =
      *catalog::Facts::from_json(*Json::parse(R"({"rtt_ms":{"home":90}})"), "", "");
  ASSERT_TRUE(catalog_.replace(endpoints_));
  EXPECT_EQ(order(Preference::kFastest),
            PlacedIds({"here", "unknown", "far", "near", "elsewhere"}));
}

TEST_F(Scored, TheFastestIsTakenWhateverItCostsAndTheCheaperOfEquals) {
  priced("far", "0.000001", R"({"rtt_ms":{"home":200}})");
  priced("dear", "0.0009", R"({"rtt_ms":{"home":5}})");
  priced("near", "0.000016", R"({"rtt_ms":{"home":5}})");
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"near", "dear", "far"}));
}

TEST_F(Scored, WhatStatesNoCarbonIsNotTheGreenest) {
  priced("silent", "0.000001");
  priced("coal", "0.000002", R"({"carbon_g_per_kwh":700})");
  priced("gas", "0.0009", R"({"carbon_g_per_kwh":400,"rtt_ms":{"home":90}})");
  EXPECT_EQ(order(Preference::kGreenest), PlacedIds({"gas", "silent", "coal"}));
}

TEST_F(Scored, AColdStartCountsUntilItIsUsedAndAgainAfterAPause) {
  priced("cold", "0.000001", R"({"cold_start_ms":5000})");
  priced("slow", "0.000001", R"({"rtt_ms":{"home":500}})");
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"slow", "cold"}));
  measured("cold", 100ms);
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"cold", "slow"}));
  loop_.run_for(600s);
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"slow", "cold"}));
}

TEST_F(Scored, ThePriceOfTheDayCounts) {
  priced("falls", "0.000003");
  priced("stays", "0.000002");
  catalog::PriceChange change;
  change.from = loop_.wall() + 3600s;
  change.price = endpoints_[0].price;
  change.price.input = change.price.output = *Money::parse_usd("0.000001");
  endpoints_[0].price_changes = {change};
  ASSERT_TRUE(catalog_.replace(endpoints_));
  EXPECT_EQ(order(Preference::kCheapest), PlacedIds({"stays", "falls"}));
  loop_.run_for(3599s);
  EXPECT_EQ(order(Preference::kCheapest), PlacedIds({"stays", "falls"}));
  loop_.run_for(2s);
  EXPECT_EQ(order(Preference::kCheapest), PlacedIds({"falls", "stays"}));
}

TEST_F(Scored, ThroughputCountsOnceItWasMeasuredAndTheLinkAsStated) {
  priced("slow", "0.000001");
  priced("quick", "0.000001");
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"slow", "quick"}));
  auto catalog = catalog_.get();
  // The same first token; then ten tokens a second, or a hundred.
  placer_->finished(*catalog, named("slow"), answered(100ms, 10s, 100), "");
  placer_->finished(*catalog, named("quick"), answered(100ms, 1s, 100), "");
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"quick", "slow"}));
  // An answer of a few tokens tells nothing.
  placer_->finished(*catalog, named("quick"), answered(100ms, 9s, 3), "");
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"quick", "slow"}));
  priced("thin", "0.000001", R"({"link_mbps":0.01})");
  priced("thick", "0.000001", R"({"link_mbps":1000})");
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"thick", "quick", "thin", "slow"}))
      << "a thousand tokens take three seconds to thin";
}

TEST_F(Scored, AQueueCountsByTheSecondsUntilAPlaceIsFree) {
  priced("near", "0.000001", R"({"rtt_ms":{"home":20}})");
  priced("far", "0.000001", R"({"rtt_ms":{"home":80}})");
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"near", "far"}));
  placer_->queued("near", 0.5);
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"far", "near"}));
  EXPECT_EQ(order(Preference::kSpare), PlacedIds({"far", "near"})) << "least loaded first";
  EXPECT_DOUBLE_EQ(parts_of("near").queue_s, 0.5);
  // It outlives a reload, and ends.
  ASSERT_TRUE(catalog_.replace(endpoints_));
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"far", "near"}));
  placer_->queued("near", 0);
  placer_->queued("nobody", 9);
  EXPECT_EQ(order(Preference::kFastest), PlacedIds({"near", "far"}));
}

TEST_F(Scored, EachTermIsToldByItself) {
  priced("a", "0.000001",
         R"({"price_uplift":2,"ingress_usd_per_gb":100,"egress_usd_per_gb":50,"link_mbps":1,)"
         R"("rtt_ms":{"home":80},"cold_start_ms":3000,"carbon_g_per_kwh":400})");
  endpoints_[0].price.cache_read = *Money::parse_usd("0.0000001");
  endpoints_[0].pool = "spot";
  ASSERT_TRUE(catalog_.replace(endpoints_));
  ScoreParts p = parts_of("a");
  EXPECT_NEAR(p.tokens_usd, 0.0026, 1e-7) << "1,300 tokens at twice the price";
  EXPECT_NEAR(p.moving_usd, 4000 * 100e-9 + 1200 * 50e-9, 1e-7);
  EXPECT_NEAR(p.first_token_s, 0.08, 1e-6);
  EXPECT_NEAR(p.cold_start_s, 3, 1e-6);
  EXPECT_NEAR(p.moving_s, 0.032, 1e-6) << "4,000 bytes over a megabit a second";
  EXPECT_NEAR(p.carbon, 0.4, 1e-6);
  EXPECT_DOUBLE_EQ(p.pool, 3);
  EXPECT_DOUBLE_EQ(p.answer_s + p.queue_s + p.load + p.cached, 0);
  auto catalog = catalog_.get();
  placer_->finished(*catalog, named("a"), answered(100ms, 3s, 30), "ses_1");
  placer_->started(*catalog, named("a"));
  ScoreParts then = parts_of("a", Preference::kFastest, "ses_1");
  EXPECT_NEAR(then.answer_s, 30, 1e-4) << "300 tokens, ten a second";
  EXPECT_NEAR(then.load, 0.1, 1e-6);
  EXPECT_NEAR(then.cold_start_s, 0, 1e-6);
  EXPECT_DOUBLE_EQ(then.cached, 0.9);
  EXPECT_NEAR(p.tokens_usd - then.tokens_usd, 900 * 1.8e-6, 1e-7);
}

TEST_F(Scored, AnAttestedEndpointWithoutEvidenceIsLeftOutAndItsCircuitIsNot) {
  priced("guarded", "0.000001", R"({"attestation":"aws-nitro"})");
  priced("plain", "0.000002");
  EXPECT_EQ(order(Preference::kCheapest), PlacedIds({"guarded", "plain"}));
  evidence_.unreachable.insert("guarded");
  EXPECT_EQ(order(Preference::kCheapest), PlacedIds({"plain"}));
  Error error(Code::kUnavailable, "nothing is sent to it: no evidence", Retry::kOtherTarget);
  error.reason = "attestation";
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(health_.failed(named("guarded"), error));
  EXPECT_EQ(health_.check(named("guarded")).circuit, catalog::Circuit::kClosed);
  evidence_.unreachable.clear();
  EXPECT_EQ(order(Preference::kCheapest), PlacedIds({"guarded", "plain"})) << "at once";
}

TEST_F(Scored, GreenestAndTheWarmCache) {
  priced("coal", "0.000001", R"({"carbon_g_per_kwh":700})");
  priced("wind", "0.0000011", R"({"carbon_g_per_kwh":20})");
  EXPECT_EQ(order(Preference::kGreenest), PlacedIds({"wind", "coal"}));
  EXPECT_EQ(order(Preference::kCheapest), PlacedIds({"coal", "wind"}));
  endpoints_[1].price.cache_read = *Money::parse_usd("0.0000001");
  ASSERT_TRUE(catalog_.replace(endpoints_));
  order(Preference::kCheapest);
  measured("wind", 100ms, "ses_1");
  EXPECT_EQ(order(Preference::kCheapest, {"m"}, "ses_1"), PlacedIds({"wind", "coal"}))
      << "its prompt is in the cache there";
  EXPECT_EQ(order(Preference::kCheapest, {"m"}, "ses_2"), PlacedIds({"coal", "wind"}));
}

TEST_F(Scored, AThousandEndpointsGiveTheBestAsALookAtEachDoes) {
  SeededRandom random(3);
  for (int i = 0; i < 1000; ++i) {
    catalog::Endpoint e;
    e.id = "e" + std::to_string(i);
    e.provider = "openai-compatible";
    e.model = i % 3 == 0 ? "n" : "m";
    e.price.known = true;
    e.price.input = Money::from_pico_usd(static_cast<int64_t>(1 + random.below(50)) * 100'000);
    e.price.output = e.price.input * 4;
    endpoints_.push_back(e);
  }
  ASSERT_TRUE(catalog_.replace(endpoints_));
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 30; ++i) {
      const catalog::Endpoint& e = endpoints_[random.below(1000)];
      Error error(Code::kUnavailable, "no", Retry::kOtherTarget);
      error.retry_after = 10s;
      if (random.below(2) == 0) {
        health_.failed(e, error);
      } else {
        health_.succeeded(e);
      }
    }
    loop_.run_for(1s);
    PlacedIds found = order(Preference::kBalanced);
    ASSERT_EQ(found.size(), limits::kPlacesMax);
    for (const std::string& id : found) ASSERT_TRUE(health_.check(named(id)).usable()) << id;
  }
}

}  // namespace
}  // namespace drover::road
