#include "policy/policy.h"

#include <gtest/gtest.h>

#include "policy/decisions.h"

namespace drover::policy {
namespace {

catalog::Facts facts(const std::string& json) {
  auto out = catalog::Facts::from_json(*Json::parse(json), "test", "2026-11-01");
  EXPECT_TRUE(out) << (out ? "" : out.error().message);
  return out.value_or(catalog::Facts());
}

contract::DataClass of(std::string_view text) { return *contract::DataClass::parse(text); }

/// All that the built-in rules ask for, as a place in Germany that is good enough for anything.
const char* kGood =
    R"({"zone":"de","prompt_cache":"none","jurisdiction":"de","cleared_for":"restricted",)"
    R"("retention":"none","trains_on_data":false,"human_review":false,"tenancy":"dedicated",)"
    R"("purposes":["any"],"certifications":["c5"],"sovereignty":3})";

class PolicyTest : public ::testing::Test {
 protected:
  Thing thing(const std::string& json, ThingKind kind = ThingKind::kModel,
              const std::string& pool = "serverless") {
    return make_thing("e", kind, pool, facts(json), policy_->zones());
  }
  /// A good place with one fact changed (null: taken away).
  Thing changed(const std::string& name, Json value, ThingKind kind = ThingKind::kModel) {
    Json all = *Json::parse(kGood);
    all.set(name, std::move(value));
    return thing(all.dump(), kind);
  }
  std::string rule(const Thing& t, std::string_view text, const std::string& tenant = "ten_1") {
    Ask ask{t.kind, tenant, of(text)};
    auto denial = Case(*policy_, ask).deny(t);
    return denial ? denial->rule : "";
  }
  std::string why(const Thing& t, std::string_view text) {
    Ask ask{t.kind, "ten_1", of(text)};
    auto denial = Case(*policy_, ask).deny(t);
    return denial ? denial->why : "";
  }
  void use(PolicySpec spec) {
    auto made = Policy::make(std::move(spec));
    ASSERT_TRUE(made) << made.error().message;
    policy_ = *made;
  }
  void require(const std::string& json) {
    PolicySpec spec;
    spec.zones = {{"de-by", {"de"}, "Bavaria"}, {"clinic", {"de-by"}, "the clinic's own rooms"}};
    spec.requirements = *Json::parse(json);
    use(std::move(spec));
  }
  std::shared_ptr<const Policy> policy_ = std::make_shared<Policy>();
};

TEST_F(PolicyTest, DataOfWhichNothingIsSaidMayGoAnywhere) { EXPECT_EQ(rule(thing("{}"), ""), ""); }

TEST_F(PolicyTest, EachRuleRemovesByItsFactAndWithoutIt) {
  struct Row {
    const char* data;
    const char* fact;
    Json wrong;
    const char* rule;
  };
  const Row rows[] = {
      {"residency=de", "zone", "fr", "residency"},
      {"residency=de", "processing_scope", "eu", "residency"},
      {"residency=de", "prompt_cache", "us", "cache"},
      {"usage=no-cache", "prompt_cache", "de", "cache"},
      {"sensitivity=confidential", "cleared_for", "internal", "sensitivity"},
      {"purpose=care", "purposes", "research", "purpose"},
      {"usage=no-training", "trains_on_data", true, "usage"},
      {"usage=no-review", "human_review", true, "usage"},
      {"retention=session", "retention", "30d", "retention"},
      {"sensitivity=restricted", "tenancy", "shared", "isolation"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.data);
    EXPECT_EQ(rule(thing(kGood), row.data), "") << why(thing(kGood), row.data);
    EXPECT_EQ(rule(changed(row.fact, row.wrong), row.data), row.rule);
    // A scope that is not stated is the zone; every other missing fact says no.
    bool scope = std::string_view(row.fact) == "processing_scope";
    EXPECT_EQ(rule(changed(row.fact, nullptr), row.data), scope ? "" : row.rule);
  }
}

TEST_F(PolicyTest, AToolThatKeepsDataOrMixesItGetsNoneThatForbidsIt) {
  constexpr const char* kWard = "sensitivity=restricted;retention=none";
  for (ThingKind kind : {ThingKind::kTool, ThingKind::kStore}) {
    EXPECT_EQ(rule(thing(kGood, kind), kWard), "");
    EXPECT_EQ(rule(changed("tenancy", "shared", kind), kWard), "isolation");
    EXPECT_EQ(rule(changed("tenancy", nullptr, kind), kWard), "isolation");
    EXPECT_EQ(rule(changed("tenancy", "shared", kind), "sensitivity=confidential"), "");
  }
  EXPECT_EQ(rule(changed("retention", "unlimited", ThingKind::kTool), kWard), "retention");
  EXPECT_EQ(rule(changed("retention", nullptr, ThingKind::kTool), kWard), "retention");
  EXPECT_EQ(why(changed("retention", "30d", ThingKind::kTool), "retention=none"),
            "the data may be kept: none; what it keeps is 30d");
  EXPECT_EQ(rule(thing("{}", ThingKind::kTool), ""), "") << "nothing is said of the data";
  EXPECT_EQ(rule(changed("retention", nullptr, ThingKind::kStore), kWard), "")
      << "it is purged there";
}

TEST_F(PolicyTest, ADenialSaysWhatIsWantedAndWhatIsThere) {
  EXPECT_EQ(why(changed("zone", "us"), "residency=de|fr"),
            "the data may be in fr, de; its zone is us");
  EXPECT_EQ(why(changed("retention", nullptr), "retention=none"),
            "the data may be kept: none; its provider's retention is not stated "
            "(facts: {retention: …})");
  EXPECT_EQ(why(changed("purposes", "billing"), "purpose=care"),
            "the data is for care; it serves billing");
  EXPECT_NE(why(changed("purposes", nullptr), "purpose=care").find("what it serves is not stated"),
            std::string::npos);
}

TEST_F(PolicyTest, ADenialForWantOfAFactNamesTheFactToState) {
  const std::pair<const char*, const char*> wanted[] = {
      {"zone", "residency=de"},
      {"prompt_cache", "residency=de"},
      {"prompt_cache", "usage=no-cache"},
      {"cleared_for", "sensitivity=internal"},
      {"purposes", "purpose=care"},
      {"trains_on_data", "usage=no-training"},
      {"human_review", "usage=no-review"},
      {"retention", "retention=30d"},
      {"tenancy", "sensitivity=restricted"},
  };
  for (const auto& [fact, data] : wanted) {
    const std::string said = why(changed(fact, nullptr), data);
    EXPECT_TRUE(said.ends_with("(facts: {" + std::string(fact) + ": …})")) << said;
  }
  EXPECT_EQ(why(changed("zone", nullptr, ThingKind::kStore), "residency=de"),
            "the data may be in de; its zone is not stated (here, or facts of a store: {zone: …})");
  EXPECT_EQ(why(changed("prompt_cache", nullptr), "usage=no-cache"),
            "the data must not be cached; where its prompt cache lies is not stated (facts: "
            "{prompt_cache: …})");
  EXPECT_EQ(why(changed("prompt_cache", "de"), "usage=no-cache"),
            "the data must not be cached; its prompt cache is in de");
  EXPECT_EQ(why(changed("purposes", "research"), "purpose=care").find("(facts"), std::string::npos)
      << "it is stated";
}

TEST_F(PolicyTest, ARequirementSaysWhatIsThere) {
  require(R"([{"name":"r","needs":{"certifications":"c5"}}])");
  EXPECT_EQ(why(changed("certifications", nullptr), ""),
            "needs the certification c5; what it has is not stated");
  EXPECT_EQ(why(changed("certifications", "hds"), ""), "needs the certification c5; it has hds");
  require(R"([{"name":"r","needs":{"tenancy":"dedicated"}}])");
  EXPECT_EQ(why(changed("tenancy", "shared"), ""),
            "needs dedicated tenancy; its tenancy is shared");
}

TEST_F(PolicyTest, ZonesNestAndMayBeSmallerThanACountry) {
  require("[]");
  EXPECT_EQ(rule(changed("zone", "clinic"), "residency=clinic"), "");
  EXPECT_EQ(rule(changed("zone", "clinic"), "residency=eea"), "");
  EXPECT_EQ(rule(changed("zone", "de-by"), "residency=clinic"), "residency");
  EXPECT_EQ(rule(changed("zone", "us-gov"), "residency=us"), "");
  EXPECT_EQ(rule(changed("zone", "us"), "residency=us-gov"), "residency");
}

TEST_F(PolicyTest, AZoneThatIsNotKnownIsNoPlace) {
  EXPECT_EQ(rule(changed("zone", "atlantis"), "residency=de"), "residency");
  EXPECT_EQ(rule(changed("processing_scope", "global"), "residency=de"), "residency");
  EXPECT_EQ(rule(changed("processing_scope", "not stated"), "residency=de"), "residency");
  EXPECT_EQ(rule(thing(kGood), "residency=atlantis"), "class");
}

TEST_F(PolicyTest, InputsThatContradictHaveNoPlaceAndItSaysSo) {
  contract::DataClass both = join(of("residency=de"), of("residency=us"));
  EXPECT_EQ(rule(thing(kGood), both.text()), "class");
  EXPECT_NE(why(thing(kGood), both.text()).find("no place in common"), std::string::npos);
  EXPECT_EQ(rule(thing(kGood), "purpose=-"), "class");
  EXPECT_EQ(rule(thing(kGood), join(of("residency=de|us"), of("residency=eu")).text()), "")
      << "what is left of both is Germany";
}

TEST_F(PolicyTest, ANameThatNobodyResolvedHasNoPlace) {
  EXPECT_EQ(rule(thing(kGood), "patient"), "class");
  PolicySpec spec;
  spec.classes["patient"] = of("residency=de;sensitivity=confidential");
  use(std::move(spec));
  auto resolved = policy_->resolve(of("patient;retention=none"));
  ASSERT_TRUE(resolved);
  EXPECT_EQ(resolved->text(), "residency=de;sensitivity=confidential;retention=none");
  auto unknown = policy_->resolve(of("guest"));
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("there are: patient"), std::string::npos);
  EXPECT_FALSE(policy_->resolve(of("residency=nowhere-known")));
}

TEST_F(PolicyTest, AFloorHoldsWhateverIsStated) {
  PolicySpec spec;
  spec.classes["patient"] = of("residency=de;sensitivity=confidential");
  spec.floor = of("sensitivity=internal");
  spec.tenants["ten_2"] = of("patient");
  use(std::move(spec));
  EXPECT_EQ(policy_->effective("ten_1", {}).text(), "sensitivity=internal");
  EXPECT_EQ(policy_->effective("ten_2", of("sensitivity=public")).text(),
            "residency=de;sensitivity=confidential");
  EXPECT_EQ(policy_->effective("ten_1", of("patient;retention=none")).text(),
            "residency=de;sensitivity=confidential;retention=none");
  EXPECT_EQ(policy_->effective("ten_1", of("guest")).text(), "guest;sensitivity=internal")
      << "and then no place satisfies it";
}

TEST_F(PolicyTest, RequirementsHoldWhereTheyAreMeantTo) {
  require(R"([{"name":"c5","when":{"sensitivity":"confidential","residency":"eu"},)"
          R"("needs":{"certifications":["c5"]}},)"
          R"({"name":"ours","when":{"tenant":"ten_2"},"for":["tool"],"needs":{"zone":"clinic"}}])");
  Thing without = changed("certifications", nullptr);
  EXPECT_EQ(rule(without, "sensitivity=confidential;residency=de"), "c5");
  EXPECT_EQ(rule(without, "sensitivity=internal;residency=de"), "");
  EXPECT_EQ(rule(without, "sensitivity=confidential"), "") << "it is not bound to the EU";
  EXPECT_EQ(rule(thing(kGood), "sensitivity=confidential;residency=de"), "");
  EXPECT_EQ(rule(thing(kGood, ThingKind::kTool), "", "ten_2"), "ours");
  EXPECT_EQ(rule(thing(kGood, ThingKind::kTool), "", "ten_1"), "");
  EXPECT_EQ(rule(thing(kGood), "", "ten_2"), "");
}

TEST_F(PolicyTest, ARequirementNeedsItsFact) {
  struct Row {
    const char* needs;
    const char* fact;
    Json wrong;
  };
  const Row rows[] = {
      {R"({"certifications":["c5","hds"]})", "certifications", "c5"},
      {R"({"hardware":["h100","b200"]})", "hardware", "a100"},
      {R"({"sovereignty":4})", "sovereignty", 3},
      {R"({"jurisdiction":"eu"})", "jurisdiction", "us"},
      {R"({"zone":"de-by"})", "zone", "de"},
      {R"({"tenancy":"dedicated"})", "tenancy", "shared"},
      {R"({"attestation":"aws-nitro","max_age":"1h"})", "attestation", "nvidia-cc"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.needs);
    require(std::string(R"([{"name":"r","needs":)") + row.needs + "}]");
    EXPECT_EQ(rule(changed(row.fact, row.wrong), ""), "r");
    EXPECT_EQ(rule(changed(row.fact, nullptr), ""), "r");
  }
}

TEST_F(PolicyTest, APoolIsAskedOfModelsAlone) {
  require(R"([{"name":"ours","needs":{"pool":["reserved"],"zone":"de"}}])");
  EXPECT_EQ(rule(thing(kGood), ""), "ours");
  EXPECT_EQ(rule(thing(kGood, ThingKind::kModel, "reserved"), ""), "");
  EXPECT_EQ(why(thing(kGood, ThingKind::kModel, ""), ""),
            "needs a pool that is reserved; its pool is not stated");
  for (ThingKind kind : {ThingKind::kTool, ThingKind::kStore}) {
    EXPECT_EQ(rule(thing(kGood, kind, ""), ""), "") << "it has none that it could be in";
    EXPECT_EQ(rule(thing("{}", kind, ""), ""), "ours") << "the rest is asked of all";
  }
}

TEST_F(PolicyTest, OnlyEndpointsGiveEvidence) {
  require(R"([{"name":"sealed","needs":{"attestation":"aws-nitro","max_age":"1h"}}])");
  const char* stated = R"({"attestation":"aws-nitro"})";
  EXPECT_EQ(rule(thing(stated), ""), "");
  for (ThingKind kind : {ThingKind::kTool, ThingKind::kStore}) {
    EXPECT_EQ(rule(thing(stated, kind), ""), "sealed") << "nobody has looked at it";
  }
  require(
      R"([{"name":"sealed","for":"model","needs":{"attestation":"aws-nitro","max_age":"1h"}}])");
  EXPECT_EQ(rule(thing("{}", ThingKind::kTool), ""), "");
}

TEST_F(PolicyTest, WhatIsWronglyConfiguredIsRefused) {
  auto refused = [](PolicySpec spec) { return !Policy::make(std::move(spec)); };
  auto requirement = [&](const char* json) {
    PolicySpec spec;
    spec.requirements = *Json::parse(json);
    return refused(std::move(spec));
  };
  EXPECT_TRUE(requirement(R"([{"needs":{}}])"));
  EXPECT_TRUE(requirement(R"([{"name":"a"}])"));
  EXPECT_TRUE(requirement(R"([{"name":"a","needs":{"colour":"red"}}])"));
  EXPECT_TRUE(requirement(R"([{"name":"a","needs":{"zone":"atlantis"}}])"));
  EXPECT_TRUE(requirement(R"([{"name":"a","needs":{"attestation":"aws-nitro"}}])"));
  EXPECT_TRUE(requirement(R"([{"name":"a","for":["dogs"],"needs":{}}])"));
  for (std::vector<ZoneSpec> zones :
       std::vector<std::vector<ZoneSpec>>{{{"a", {"b"}, ""}, {"b", {"a"}, ""}},
                                          {{"a", {"nowhere"}, ""}},
                                          {{"de", {"eu"}, ""}},
                                          {{"A", {}, ""}},
                                          {{"a", {"a"}, ""}}}) {
    PolicySpec spec;
    spec.zones = std::move(zones);
    EXPECT_TRUE(refused(std::move(spec)));
  }
}

TEST(PolicyFaults, AreAllToldEachWhereItStands) {
  auto told = [](PolicySpec spec) {
    std::vector<std::string> out;
    Policy::read(std::move(spec),
                 [&](const std::string& at, std::string message, const std::string& remedy) {
                   out.push_back(at + ": " + message + (remedy.empty() ? "" : " | " + remedy));
                 });
    return out;
  };
  PolicySpec spec;
  spec.classes["patient"] = of("residency=dee");
  spec.classes["guest"] = of("patient");
  spec.classes["A"] = of("");
  spec.floor = of("internal");
  spec.tenants["clinic"] = of("patient;residency=atlantis");
  spec.tenants["lab"] = of("patient");
  spec.requirements = *Json::parse(R"([{"name":"a","needs":{"zone":"mars","colour":"red"}},7])");
  const std::vector<std::string> expected = {
      "classes.A: class 'A': that is no name of a class (a-z, 0-9, '.', '_', '-')",
      "classes.guest: class 'guest': it must say what it means, not name another class",
      "classes.patient.residency: class 'patient': there is no zone 'dee' | policy.zones adds "
      "zones",
      "floor: floor: there is no data class 'internal' (there are: A, guest, patient) | a level is "
      "{sensitivity: internal}",
      "tenants.clinic.residency: tenant 'clinic': there is no zone 'atlantis' | policy.zones adds "
      "zones",
      "requirements[0].needs.colour: requirement 'a': unknown setting 'colour' in needs (known: "
      "certifications, hardware, pool, sovereignty, jurisdiction, zone, tenancy, attestation, "
      "max_age)",
      "requirements[0].needs.zone: requirement 'a': zone: there is no zone 'mars'",
      "requirements[1]: a requirement must be a mapping"};
  EXPECT_EQ(told(spec), expected);
  // What names mean is not known where zones are at fault.
  spec.zones = {{"a", {"nowhere", "b"}, ""},
                {"b", {"c"}, ""},
                {"c", {"b"}, ""},
                {"B", {}, ""},
                {"d", {"B"}, ""},
                {"de", {}, ""},
                {"e", {"e"}, ""}};
  EXPECT_EQ(told(spec), (std::vector<std::string>{
                            "zones[3]: 'B' is no name of a zone (a-z, 0-9, '.', '_', '-')",
                            "zones[5]: two zones are called 'de'",
                            "zones[0]: zone 'a' is within 'nowhere', which does not exist",
                            "zones[2]: zone 'c' lies within itself, by way of 'b'",
                            "zones[6]: zone 'e' lies within itself, by way of 'e'"}));
  EXPECT_EQ(Policy::make(spec).error().message,
            "'B' is no name of a zone (a-z, 0-9, '.', '_', '-')");
}

TEST(Decisions, AreOfTheirCatalogAndPolicyOnly) {
  auto policy = std::make_shared<Policy>();
  Decisions decisions;
  auto place = [&](const char* zone) {
    return make_thing(zone, ThingKind::kModel, "serverless",
                      facts(std::string(R"({"prompt_cache":"none","zone":")") + zone + "\"}"),
                      policy->zones());
  };
  decisions.reset(policy, {place("de"), place("us")});
  Ask ask{ThingKind::kModel, "ten_1", of("residency=de")};
  EXPECT_TRUE(decisions.get(ask).allowed.test(0));
  EXPECT_FALSE(decisions.get(ask).allowed.test(1));
  uint64_t epoch = decisions.epoch();
  decisions.reset(policy, {place("us"), place("de")});
  EXPECT_FALSE(decisions.get(ask).allowed.test(0));
  EXPECT_GT(decisions.epoch(), epoch);
}

TEST(Decisions, AreBoundedAndSharedByTenantsUnlessARuleLooksAtThem) {
  Decisions decisions;
  decisions.reset(std::make_shared<Policy>(), {});
  for (size_t i = 0; i < 2 * limits::kDecisionsMax; ++i) {
    decisions.get(Ask{ThingKind::kModel, "t", of("retention=" + std::to_string(100 + i) + "s")});
    ASSERT_LE(decisions.kept(), limits::kDecisionsMax);
  }
  decisions.reset(std::make_shared<Policy>(), {});
  decisions.get(Ask{ThingKind::kModel, "ten_1", {}});
  decisions.get(Ask{ThingKind::kModel, "ten_2", {}});
  EXPECT_EQ(decisions.kept(), 1u);
  PolicySpec spec;
  spec.requirements =
      *Json::parse(R"([{"name":"r","when":{"tenant":"ten_1"},"needs":{"certifications":"c5"}}])");
  decisions.reset(*Policy::make(std::move(spec)), {});
  decisions.get(Ask{ThingKind::kModel, "ten_1", {}});
  decisions.get(Ask{ThingKind::kModel, "ten_2", {}});
  EXPECT_EQ(decisions.kept(), 2u);
}

}  // namespace
}  // namespace drover::policy
