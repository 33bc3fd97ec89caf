#include "catalog/places.h"

#include <gtest/gtest.h>

#include <set>

namespace drover::catalog {
namespace {

TEST(Places, TheStarterCatalogKnowsTheCloudsWithSourceAndDate) {
  const Places& all = Places::starter();
  std::set<std::string> partitions;
  for (const auto& [id, place] : all.all()) {
    SCOPED_TRACE(id);
    partitions.emplace(place.facts.text("partition"));
    for (const char* needed : {"partition", "region", "country", "zone", "operator", "jurisdiction",
                               "fault_domain", "prompt_cache"}) {
      EXPECT_NE(place.facts.find(needed), nullptr) << needed;
    }
    for (const Fact& fact : place.facts.all()) {
      EXPECT_TRUE(fact.source.starts_with("https://")) << fact.name;
      EXPECT_EQ(fact.date.size(), 10u) << fact.name;
    }
  }
  EXPECT_EQ(partitions,
            (std::set<std::string>{"aws", "aws-us-gov", "aws-eusc", "azure", "coreweave"}));
  const Place* frankfurt = all.find("aws-bedrock", "eu-central-1");
  ASSERT_NE(frankfurt, nullptr);
  EXPECT_EQ(frankfurt->facts.text("zone"), "de");
  EXPECT_EQ(frankfurt->facts.find("retention"), nullptr) << "it depends on the account";
  EXPECT_EQ(all.find("azure-openai", "eu-central-1"), nullptr);
}

TEST(Places, OnesOwnFileWinsFactByFact) {
  auto own = Places::parse(
      "source: our audit\ndate: 2026-10-01\nplaces:\n"
      "  - id: aws/eu-central-1\n    providers: [aws-bedrock]\n    region: eu-central-1\n"
      "    facts: {retention: none, cleared_for: confidential}\n",
      "own.yaml");
  ASSERT_TRUE(own) << own.error().message;
  Places all = Places::starter();
  all.merge(*own);
  const Facts& facts = all.find("aws/eu-central-1")->facts;
  EXPECT_EQ(facts.text("retention"), "none");
  EXPECT_EQ(facts.find("retention")->source, "our audit");
  EXPECT_EQ(facts.text("country"), "de");
  EXPECT_TRUE(facts.find("country")->source.starts_with("https://"));
}

TEST(Places, AFaultNamesTheFileThePlaceAndTheFact) {
  auto message = [](const char* yaml) {
    auto out = Places::parse(yaml, "own.yaml");
    return out ? std::string() : out.error().message;
  };
  EXPECT_NE(message("places: [{id: a, providers: [x], facts: {zone: 7}}]").find("own.yaml:1, a: "),
            std::string::npos);
  EXPECT_NE(message("places: [{id: a, providers: [x], colour: red}]").find("colour"),
            std::string::npos);
  for (const char* yaml : {"", "7", "places: 7", "places: [7]", "places: [{}]", "places: [{id: a}]",
                           "a: [", "places: [{id: a, providers: [x]}, {id: a, providers: [x]}]",
                           "facts: {colour: red}\nplaces: []"}) {
    EXPECT_NE(message(yaml), "") << yaml;
  }
}

TEST(Places, AFileThatNamesNoRegionLeavesIt) {
  Places all = Places::starter();
  auto own = Places::parse(
      "places: [{id: aws/eu-central-1, providers: [aws-bedrock], facts: {tenancy: dedicated}}]",
      "own.yaml");
  ASSERT_TRUE(own) << own.error().message;
  all.merge(*own);
  const Place* place = all.find("aws-bedrock", "eu-central-1");
  ASSERT_NE(place, nullptr) << "an endpoint there would have lost its facts";
  EXPECT_EQ(place->facts.text("tenancy"), "dedicated");
  EXPECT_EQ(place->facts.text("zone"), "de");
}

TEST(Places, AllFaultsAreToldEachWithItsLine) {
  std::vector<std::string> faults;
  auto out = Places::parse(
      "date: 2026-13-45\n"
      "places:\n"
      "  - id: a\n"
      "    providers: [x]\n"
      "    facts:\n"
      "      zone: 7\n"
      "      country: {value: de, date: 2026-02-29}\n"
      "      region: {value: r, date: 2028-02-29}\n"
      "      colour: red\n"
      "  - {id: a, providers: [x]}\n"
      "  - {id: b}\n",
      "own.yaml", &faults);
  ASSERT_FALSE(out);
  ASSERT_EQ(faults.size(), 6u);
  EXPECT_EQ(out.error().message, faults.front());
  std::string all;
  for (const std::string& fault : faults) all += fault + "\n";
  for (const char* said :
       {"own.yaml:1: 'date' must be", "own.yaml:6, a: fact 'zone'", "own.yaml:7, a: 'date' must be",
        "own.yaml:9, a: there is no fact 'colour'", "own.yaml:10, a: two places have this id",
        "own.yaml:11, b: 'providers' must be"}) {
    EXPECT_NE(all.find(said), std::string::npos) << said << "\n" << all;
  }
}

TEST(Places, AMemberThatIsNotKnownIsNamedWithTheOneThatWasMeant) {
  std::vector<std::string> faults;
  ASSERT_FALSE(
      Places::parse("source: x\nplace:\n  - {id: a, providers: [x]}\n", "own.yaml", &faults));
  EXPECT_EQ(faults, std::vector<std::string>{"own.yaml:2: unknown member 'place': did you mean "
                                             "'places'? (source, date, facts, places)"});
  ASSERT_FALSE(
      Places::parse("places:\n  - {id: a, provider: [x]}\ncolour: red\n", "own.yaml", &faults));
  const std::vector<std::string> expected = {
      "own.yaml:3: unknown member 'colour' (source, date, facts, places)",
      "own.yaml:2, a: 'providers' must be a list of names",
      "own.yaml:2, a: unknown member 'provider': did you mean 'providers'? (id, providers, region, "
      "facts)"};
  EXPECT_EQ(faults, expected);
  ASSERT_FALSE(Places::parse("source: x\n", "own.yaml", &faults));
  EXPECT_EQ(faults, std::vector<std::string>{"own.yaml:1: 'places' must be a list"});
}

}  // namespace
}  // namespace drover::catalog
