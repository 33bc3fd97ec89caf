// Where scratch data belongs, and what moving it does to the order of endpoints.
#include "road/scratch_places.h"

#include "road/guard.h"
#include "road/placement.h"
#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

using ScratchIds = std::vector<std::string>;

class ScratchPlacesTest : public RoadFixture {
 protected:
  void SetUp() override { parts_of_ = placer_parts(); }
  static catalog::Facts facts(const std::string& json) {
    return *catalog::Facts::from_json(*Json::parse(json), "test", "");
  }
  void endpoint(const std::string& id, const std::string& json) {
    facts_ = facts(json);
    add(id);
  }
  void store(const std::string& name, const std::string& json) {
    parts_of_.stores.push_back(StoreSpec{name, facts(json)});
  }
  Placer& placer() {
    if (!placer_) placer_ = std::make_unique<Placer>(parts_of_);
    return *placer_;
  }
  ScratchPlace place(const std::string& endpoint, const std::string& data = "",
                     const std::string& current = kOwnStore) {
    policy::Ask ask = placer().ask("ten_1", *contract::DataClass::parse(data));
    ScratchAt at{current};
    at.data_class = *contract::DataClass::parse(records_);
    return placer().scratch_place(ask, *catalog_.get()->find(endpoint), at);
  }
  Explanation explain(Preference preference, const std::string& at, uint64_t bytes) {
    policy::Ask ask = placer().ask("ten_1", {});
    const ScratchAt scratch{at, bytes};
    PlaceQuestion question{ladder_, ask, preference};
    question.scratch = &scratch;
    Explanation out = placer().explain(question);
    Places places = placer().place(question);
    for (size_t i = 0; i < places.placement.endpoints.size(); ++i) {
      EXPECT_EQ(places.placement.endpoints[i]->id, out.ranked[i].endpoint) << "as it is explained";
    }
    return out;
  }
  ScratchIds order(Preference preference, const std::string& at, uint64_t bytes) {
    ScratchIds out;
    for (const auto& r : explain(preference, at, bytes).ranked) out.push_back(r.endpoint);
    return out;
  }

  PlacerParts parts_of_;
  std::unique_ptr<Placer> placer_;
  ScratchIds ladder_ = {"m"};
  std::string records_;  // the class of what is there
};

TEST_F(ScratchPlacesTest, TheNearestStoreTheReasonSaid) {
  endpoint("a", R"({"fault_domain":"fra-1","region":"fra","zone":"de","country":"de"})");
  endpoint("b", R"({"fault_domain":"fra-2","region":"fra","zone":"de","country":"de"})");
  endpoint("c",
           R"({"fault_domain":"par-1","region":"par","zone":"fr","rtt_ms":{"fra":9,"iad":80}})");
  endpoint("d", R"({"fault_domain":"ber-1","zone":"de"})");
  endpoint("e", R"({"zone":"jp"})");
  endpoint("f", R"({"fault_domain":"own-1","region":"cellar","private_links":["iad"]})");
  store("fra", R"({"fault_domain":"fra-1","region":"fra","zone":"de"})");
  store("iad", R"({"fault_domain":"iad-1","region":"iad","zone":"us"})");
  store(kOwnStore, "{}");
  EXPECT_EQ(place("a").store, "fra");
  EXPECT_EQ(place("a").why, "it stands in the fault domain of a, fra-1");
  EXPECT_EQ(place("b").store, "fra");
  EXPECT_EQ(place("b").why,
            "no store stands in the fault domain of b, fra-2; the nearest allowed is taken, in its "
            "region");
  EXPECT_EQ(place("c").store, "fra");
  EXPECT_NE(place("c").why.find("taken, 9 ms away"), std::string::npos) << place("c").why;
  EXPECT_NE(place("d").why.find("taken, in its zone"), std::string::npos) << place("d").why;
  EXPECT_EQ(place("f").store, "iad");
  EXPECT_NE(place("f").why.find("over a private link"), std::string::npos);
  // Of equally near ones it stays where it is.
  EXPECT_EQ(place("e", "", "iad").store, "iad");
  EXPECT_EQ(place("e", "", kOwnStore).store, kOwnStore);
  EXPECT_NE(place("e").why.find("the fault domain of e is not stated"), std::string::npos);
}

TEST_F(ScratchPlacesTest, AStoreThatMayNotHoldTheDataDoesNotExistForIt) {
  endpoint("a", R"({"fault_domain":"iad-1","region":"iad","zone":"us"})");
  store("iad", R"({"fault_domain":"iad-1","region":"iad","zone":"us"})");
  store("fra", R"({"fault_domain":"fra-1","region":"fra","zone":"de"})");
  EXPECT_EQ(place("a", "", "fra").store, "iad");
  ScratchPlace bound = place("a", "residency=eu", "fra");
  EXPECT_EQ(bound.store, "fra");
  EXPECT_NE(bound.why.find("in the fault domain of a, iad-1, no store may hold this data (iad -> "
                           "residency: the data may be in eu; its zone is us)"),
            std::string::npos)
      << bound.why;
  ScratchPlace nowhere = place("a", "residency=jp", "fra");
  EXPECT_EQ(nowhere.store, "");
  EXPECT_NE(nowhere.why.find("no store may hold this data: iad -> residency"), std::string::npos)
      << nowhere.why;
  // It follows the rules of now.
  policy::PolicySpec spec;
  spec.floor = *contract::DataClass::parse("residency=de");
  policy_.replace(*policy::Policy::make(std::move(spec)));
  EXPECT_EQ(place("a", "", "fra").store, "fra");
}

TEST_F(ScratchPlacesTest, ItsRecordsHaveAWordWhateverTheSessionIs) {
  endpoint("a", R"({"fault_domain":"iad-1","region":"iad","zone":"us"})");
  store("iad", R"({"fault_domain":"iad-1","region":"iad","zone":"us"})");
  store("fra", R"({"fault_domain":"fra-1","region":"fra","zone":"de"})");
  records_ = "residency=de";
  ScratchPlace bound = place("a", "", "fra");
  EXPECT_EQ(bound.store, "fra");
  EXPECT_NE(bound.why.find("iad -> residency: the data may be in de; its zone is us"),
            std::string::npos)
      << bound.why;
  // Both together: one clause each.
  records_ = "residency=us";
  EXPECT_EQ(place("a", "residency=de", "fra").store, "");
  // Where it would go counts in the scores, too.
  policy::Ask ask = placer().ask("ten_1", {});
  ScratchAt at{"fra", 1 << 30};
  EXPECT_EQ(placer().scratch().about(ask, at).data.text(), "");
  at.data_class = *contract::DataClass::parse("residency=de");
  EXPECT_EQ(placer().scratch().about(ask, at).data.text(), "residency=de");
}

TEST_F(ScratchPlacesTest, OneStoreAloneIsNoChoice) {
  endpoint("a", R"({"fault_domain":"fra-1"})");
  store(kOwnStore, "{}");
  EXPECT_EQ(place("a").store, kOwnStore);
  EXPECT_EQ(place("a").why, "");
  EXPECT_EQ(explain(Preference::kCheapest, kOwnStore, 1 << 30).ranked[0].parts.scratch_usd, 0);
}

TEST_F(ScratchPlacesTest, DataThatIsThereAlreadyCountsByWhatMovingItCosts) {
  endpoint("there", R"({"fault_domain":"fra-1","price_uplift":1.5})");
  endpoint("away", R"({"fault_domain":"iad-1"})");
  store("fra", R"({"fault_domain":"fra-1","region":"fra","egress_usd_per_gb":0.09,)"
               R"("link_mbps":800,"rtt_ms":{"iad":90}})");
  store("iad", R"({"fault_domain":"iad-1","region":"iad","ingress_usd_per_gb":0.01})");
  EXPECT_EQ(order(Preference::kCheapest, "fra", 0), ScratchIds({"away", "there"}));
  EXPECT_EQ(order(Preference::kCheapest, "fra", 1'000), ScratchIds({"away", "there"}));
  EXPECT_EQ(order(Preference::kCheapest, "fra", 200'000'000), ScratchIds({"there", "away"}));
  EXPECT_EQ(order(Preference::kFastest, "fra", 200'000'000), ScratchIds({"there", "away"}));
  EXPECT_EQ(order(Preference::kCheapest, "iad", 200'000'000), ScratchIds({"away", "there"}));
  EXPECT_EQ(order(Preference::kListed, "iad", 200'000'000), ScratchIds({"there", "away"}))
      << "the catalog's order asks nothing";
  Explanation told = explain(Preference::kCheapest, "fra", 200'000'000);
  EXPECT_EQ(told.ranked[0].parts.scratch_usd, 0);
  EXPECT_EQ(told.ranked[0].scratch.store, "fra");
  EXPECT_NEAR(told.ranked[1].parts.scratch_usd, 0.02, 1e-9) << "0.2 GB at ten cents";
  EXPECT_NEAR(told.ranked[1].parts.scratch_s, 2.09, 1e-9) << "over 800 megabits, 90 ms away";
  EXPECT_EQ(told.ranked[1].scratch.store, "iad");
  // Once it was measured, the pace is what was measured.
  placer().scratch().moved("fra", "iad", 1'000'000, 1s);
  EXPECT_NEAR(explain(Preference::kCheapest, "fra", 200'000'000).ranked[1].parts.scratch_s, 200,
              1e-6);
  placer().scratch().moved("fra", "iad", 10, 10s);
  EXPECT_NEAR(explain(Preference::kCheapest, "fra", 200'000'000).ranked[1].parts.scratch_s, 200,
              1e-6)
      << "ten bytes tell nothing";
}

TEST_F(ScratchPlacesTest, APrivateLinkBetweenStoresCostsNothing) {
  endpoint("a", R"({"fault_domain":"fra-1"})");
  endpoint("b", R"({"fault_domain":"iad-1"})");
  store("fra", R"({"fault_domain":"fra-1","region":"fra","egress_usd_per_gb":0.09,)"
               R"("private_links":["iad"]})");
  store("iad", R"({"fault_domain":"iad-1","region":"iad"})");
  for (const auto& r : explain(Preference::kCheapest, "fra", 1'000'000'000).ranked) {
    EXPECT_EQ(r.parts.scratch_usd, 0) << r.endpoint;
  }
}

}  // namespace
}  // namespace drover::road
