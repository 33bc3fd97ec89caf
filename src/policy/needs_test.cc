// What a step needs: read, joined, judged; what is not known is not there.

#include "policy/needs.h"

#include <gtest/gtest.h>

#include "policy/decisions.h"

namespace drover::policy {
namespace {

Needs needs(const char* json) {
  auto out = Needs::from_json(*Json::parse(json));
  EXPECT_TRUE(out) << (out ? "" : out.error().message);
  return out.value_or(Needs());
}

Thing thing(const char* facts) {
  static const Zones zones;
  return make_thing("e", ThingKind::kModel, "serverless",
                    *catalog::Facts::from_json(*Json::parse(facts), "test", ""), zones);
}

bool serves(const char* what, const char* facts) { return !needs(what).lacks(thing(facts)); }

TEST(Needs, AFactThatIsMissingFailsClosed) {
  for (const char* stated :
       {R"({"vision":true})", R"({"context_tokens":1000})", R"({"hardware":"h200"})",
        R"({"hardware":"cpu"})", R"({"attested":"aws-nitro"})"}) {
    EXPECT_FALSE(serves(stated, "{}")) << stated;
    EXPECT_TRUE(serves(stated, R"({"vision":true,"context_window":1000,"hardware":["cpu"],)"
                               R"("attestation":["aws-nitro"]})") ||
                std::string_view(stated).find("h200") != std::string_view::npos)
        << stated;
  }
  EXPECT_TRUE(serves("{}", "{}"));
  EXPECT_TRUE(serves(R"({"vision":false})", R"({"vision":false})"));
}

TEST(Needs, EachIsMeasuredAtItsFact) {
  EXPECT_FALSE(serves(R"({"vision":true})", R"({"vision":false})"));
  EXPECT_TRUE(serves(R"({"context_tokens":128000})", R"({"context_window":128000})"));
  EXPECT_FALSE(serves(R"({"context_tokens":128001})", R"({"context_window":128000})"));
  EXPECT_TRUE(serves(R"({"hardware":["b200","h200"]})", R"({"hardware":["h200"]})"));
  EXPECT_FALSE(serves(R"({"hardware":["b200"]})", R"({"hardware":["h200"]})"));
  EXPECT_TRUE(serves(R"({"hardware":"cpu"})", R"({"hardware":["cpu"]})"));
  EXPECT_FALSE(serves(R"({"hardware":"cpu"})", R"({"hardware":["cpu","h200"]})"));
  EXPECT_FALSE(serves(R"({"attested":"nvidia-cc"})", R"({"attestation":["aws-nitro"]})"));
}

TEST(Needs, WhatTheRequestShowsRemovesOnlyWhatIsKnownNotToServe) {
  Needs shown;
  shown.holds_images = true;
  shown.input_tokens = 50'000;
  EXPECT_FALSE(shown.lacks(thing("{}")));
  EXPECT_TRUE(shown.lacks(thing(R"({"vision":false})")));
  EXPECT_TRUE(shown.lacks(thing(R"({"context_window":32000})")));
  EXPECT_FALSE(shown.lacks(thing(R"({"vision":true,"context_window":128000})")));
}

TEST(Needs, JoinedTheyNeedBoth) {
  Needs both = Needs::join(needs(R"({"vision":true,"context_tokens":9,"hardware":["a","b"],)"
                                 R"("attested":{"kind":"aws-nitro","max_age":"2h"}})"),
                           needs(R"({"context_tokens":5,"hardware":["b","c"],)"
                                 R"("attested":{"kind":"aws-nitro","max_age":"3h"}})"));
  EXPECT_EQ(both.to_json().dump(), R"({"vision":true,"context_tokens":9,"hardware":["b"],)"
                                   R"("attested":{"kind":"aws-nitro","max_age":"7200000ms"}})");
  EXPECT_EQ(needs(both.to_json().dump().c_str()), both);
  Needs none = Needs::join(needs(R"({"hardware":"h200"})"), needs(R"({"hardware":"cpu"})"));
  EXPECT_TRUE(none.lacks(thing(R"({"hardware":["h200"]})"))) << none.text();
  EXPECT_TRUE(none.lacks(thing(R"({"hardware":["cpu"]})")));
  EXPECT_EQ(Needs::join(Needs(), Needs()), Needs());
}

TEST(Needs, EvidenceOfTwoKindsAddsUp) {
  Needs agents = needs(R"({"attested":{"kind":"nvidia-cc","max_age":"2h"}})");
  Needs both = Needs::join(agents, needs(R"({"attested":"aws-nitro"})"));
  EXPECT_EQ(both.to_json().dump(), R"({"attested":[{"kind":"aws-nitro","max_age":"3600000ms"},)"
                                   R"({"kind":"nvidia-cc","max_age":"7200000ms"}]})");
  EXPECT_EQ(needs(both.to_json().dump().c_str()), both);
  EXPECT_EQ(needs(R"({"attested":["aws-nitro",{"kind":"nvidia-cc","max_age":"2h"}]})"), both);
  for (const char* one : {"aws-nitro", "nvidia-cc"}) {
    EXPECT_TRUE(both.lacks(thing((R"({"attestation":")" + std::string(one) + "\"}").c_str())));
  }
  Decisions decisions;
  decisions.reset(std::make_shared<Policy>(),
                  {thing(R"({"attestation":["aws-nitro","nvidia-cc"]})")});
  Ask ask;
  ask.needs = agents;
  EXPECT_EQ(decisions.get(ask).evidence.size(), 1u);
  ask.needs = both;
  EXPECT_TRUE(decisions.get(ask).allowed.test(0));
  ASSERT_EQ(decisions.get(ask).evidence.size(), 2u) << "and both must be fresh";
}

TEST(Needs, NonsenseIsNamed) {
  for (const char* bad :
       {"[]", "7", R"({"vision":"yes"})", R"({"context_tokens":0})", R"({"context_tokens":1.5})",
        R"({"hardware":[]})", R"({"hardware":[7]})", R"({"hardware":"A B"})", R"({"attested":7})",
        R"({"attested":{"kind":""}})", R"({"attested":{"age":"1h"}})", R"({"attested":"sgx"})",
        R"({"attested":[]})", R"({"attested":["aws-nitro","sgx"]})",
        R"({"attested":[["aws-nitro"]]})", R"({"attested":{"kind":"aws-nitro","max_age":"soon"}})",
        R"({"gpu":"h200"})"}) {
    auto read = Needs::from_json(*Json::parse(bad));
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code, Code::kInvalidArgument);
    EXPECT_TRUE(read.error().message.starts_with("needs: ")) << read.error().message;
  }
}

TEST(Needs, DecisionsAreKeptByThem) {
  Decisions decisions;
  std::vector<Thing> things;
  things.push_back(thing(R"({"vision":true,"hardware":["h200"],"attestation":["aws-nitro"]})"));
  things.push_back(thing(R"({"vision":false,"hardware":["cpu"]})"));
  decisions.reset(std::make_shared<Policy>(), std::move(things));
  Ask ask;
  auto allowed = [&](const char* what) {
    ask.needs = needs(what);
    const Decision& kept = decisions.get(ask);
    EXPECT_EQ(kept.allowed, decisions.decide(ask).allowed) << what;
    return std::to_string(kept.allowed.test(0)) + std::to_string(kept.allowed.test(1));
  };
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(allowed("{}"), "11");
    EXPECT_EQ(allowed(R"({"vision":true})"), "10");
    EXPECT_EQ(allowed(R"({"hardware":"cpu"})"), "01");
    EXPECT_EQ(allowed(R"({"hardware":"h200"})"), "10");
    EXPECT_EQ(allowed(R"({"attested":"aws-nitro"})"), "10");
    EXPECT_EQ(decisions.get(ask).evidence.size(), 1u);
    EXPECT_EQ(allowed(R"({"vision":true,"hardware":"cpu"})"), "00");
  }
  EXPECT_EQ(decisions.kept(), 6u);
  EXPECT_EQ(decisions.why(ask, 1)->rule, "needs");
  EXPECT_EQ(decisions.why(ask, 1)->why, "the step needs vision; its vision is false");
}

}  // namespace
}  // namespace drover::policy
