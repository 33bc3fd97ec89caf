// Hard rules before everything, with reasons. What orders the rest: placement_scores_test.cc.
#include "road/placement.h"

#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

using PlacedIds = std::vector<std::string>;

contract::DataClass of(std::string_view text) { return *contract::DataClass::parse(text); }

class Zoned : public RoadFixture {
 protected:
  void at(const std::string& host, const std::string& zone, const std::string& more = "") {
    facts_ = *catalog::Facts::from_json(
        *Json::parse(R"({"prompt_cache":"none","zone":")" + zone + "\"" + more + "}"), "test", "");
    add(host);
  }
  ModelCall bound(std::string_view data) {
    ModelCall call = call_for(request_body(false));
    call.data_class = of(data);
    return call;
  }
  void fails(const std::string& host) {
    imposter(host).script(answer(503, R"({"error":{"message":"no"}})"));
  }
  void works(const std::string& host) { imposter(host).script(answer(200, chat_body("ok"))); }
  static PlacedIds tried(const AttemptRecords& attempts) {
    PlacedIds out;
    for (const AttemptRecord& a : attempts) out.push_back(a.endpoint->id);
    return out;
  }
  void require(const std::string& json) {
    policy::PolicySpec spec;
    spec.requirements = *Json::parse(json);
    policy_.replace(*policy::Policy::make(std::move(spec)));
  }
};

TEST_F(Zoned, ACallIsServedInsideItsZone) {
  at("us.test", "us");
  at("de.test", "de");
  works("de.test");
  works("us.test");
  auto out = run(bound("residency=eu"));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->endpoint->id, "de.test");
  ASSERT_EQ(out->placement.notes->rejected.size(), 1u);
  EXPECT_EQ(out->placement.notes->rejected[0].endpoint, "us.test");
  EXPECT_EQ(out->placement.notes->rejected[0].rule, "residency");
  EXPECT_EQ(out->placement.notes->removed, 1);
}

TEST_F(Zoned, WhatOneCallIsBoundToBindsNoOther) {
  at("us.test", "us");
  at("de.test", "de");
  for (const char* data : {"residency=eu", "", "residency=eu"}) {
    const bool free = *data == '\0';
    const char* where = free ? "us.test" : "de.test";
    works(where);
    auto out = run(free ? call_for(request_body(false)) : bound(data));
    ASSERT_TRUE(out) << out.error().error.to_string();
    EXPECT_EQ(out->endpoint->id, where);
  }
}

TEST_F(Zoned, FailoverStaysInsideEvenWhenThatMeansBeingDown) {
  at("us.test", "us");
  at("de.test", "de");
  at("fr.test", "fr");
  fails("de.test");
  fails("fr.test");
  works("us.test");
  for (int i = 0; i < 8; ++i) {
    // From the first failures to circuits that are open, and the last resort.
    auto out = run(bound("residency=eu"));
    ASSERT_FALSE(out);
    for (const std::string& id : tried(out.error().attempts)) EXPECT_NE(id, "us.test");
    EXPECT_EQ(out.error().error.reason, "overloaded");
    EXPECT_NE(out.error().error.message.find("not asked, for the data may not go there: us.test -> "
                                             "residency: the data may be in eu; its zone is us"),
              std::string::npos)
        << out.error().error.message;
  }
  EXPECT_EQ(imposter("us.test").requests().size(), 0u) << "not a byte of it";
  EXPECT_TRUE(run(bound(""))) << "data that is not bound goes there";
}

TEST_F(Zoned, NoPlaceIsARefusalThatNamesEndpointAndRule) {
  at("us.test", "us");
  facts_ = catalog::Facts();
  add("somewhere.test");
  works("us.test");
  auto out = run(bound("residency=de"));
  ASSERT_FALSE(out);
  const Error& error = out.error().error;
  EXPECT_EQ(error.code, Code::kPermissionDenied);
  EXPECT_EQ(error.reason, "no_place");
  EXPECT_EQ(error.message,
            "no endpoint of the model 'm' may see this data (residency=de): us.test -> residency: "
            "the data may be in de; its zone is us; somewhere.test -> residency: the data may be "
            "in de; its zone is not stated (facts: {zone: …})");
  EXPECT_TRUE(out.error().attempts.empty());
  EXPECT_EQ(imposter("us.test").requests().size(), 0u);
}

TEST_F(Zoned, ATenantsFloorHoldsForACallThatStatesNothing) {
  at("us.test", "us");
  at("de.test", "de");
  works("us.test");
  works("de.test");
  policy::PolicySpec spec;
  spec.tenants["ten_1"] = of("residency=de");
  policy_.replace(*policy::Policy::make(std::move(spec)));
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->endpoint->id, "de.test");
}

TEST_F(Zoned, PlacesAreFoundAnewWhenAFactOrThePolicyChanges) {
  at("a.test", "de");
  works("a.test");
  ASSERT_TRUE(run(bound("residency=de")));
  endpoints_[0].facts = *catalog::Facts::from_json(
      *Json::parse(R"({"zone":"us","prompt_cache":"none"})"), "test", "");
  ASSERT_TRUE(catalog_.replace(endpoints_));
  EXPECT_FALSE(run(bound("residency=de")));
  endpoints_[0].facts = facts_;
  ASSERT_TRUE(catalog_.replace(endpoints_));
  auto before = run(bound("residency=de"));
  ASSERT_TRUE(before);
  require(R"([{"name":"c5","needs":{"certifications":"c5"}}])");
  auto after = run(bound("residency=de"));
  ASSERT_FALSE(after);
  EXPECT_NE(after.error().error.message.find("a.test -> c5: "), std::string::npos);
  EXPECT_EQ(before->placement.epochs().catalog, after.error().placement.epochs().catalog);
  EXPECT_NE(before->placement.epochs().policy, after.error().placement.epochs().policy);
}

TEST_F(Zoned, WithoutFreshEvidenceAnEndpointDoesNotExist) {
  at("plain.test", "de");
  at("enclave.test", "de", R"(,"attestation":"aws-nitro")");
  works("plain.test");
  works("enclave.test");
  require(R"([{"name":"sealed","when":{"purpose":"care"},)"
          R"("needs":{"attestation":"aws-nitro","max_age":"1h"}}])");
  for (catalog::Endpoint& e : endpoints_) {
    Json facts = e.facts.to_json();
    facts.set("purposes", "any");
    e.facts = *catalog::Facts::from_json(facts, "test", "");
  }
  ASSERT_TRUE(catalog_.replace(endpoints_));
  auto none = run(bound("purpose=care"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().error.reason, "no_place");
  EXPECT_NE(none.error().error.message.find("no evidence of kind aws-nitro"), std::string::npos);
  evidence_.failures["enclave.test"] = "register 0 holds another measurement";
  none = run(bound("purpose=care"));
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().error.message.find("old: register 0 holds another measurement"),
            std::string::npos)
      << none.error().error.message;
  EXPECT_EQ(imposter("enclave.test").requests().size(), 0u);
  evidence_.shown.insert("enclave.test aws-nitro");
  auto out = run(bound("purpose=care"));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->endpoint->id, "enclave.test");
  evidence_.shown.clear();
  EXPECT_FALSE(run(bound("purpose=care"))) << "it expired";
}

}  // namespace
}  // namespace drover::road
