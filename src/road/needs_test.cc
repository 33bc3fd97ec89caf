// One session's steps on different endpoints, by what each needs; and what a request itself shows.

#include <gtest/gtest.h>

#include "road/placement.h"
#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

class NeedsTest : public RoadFixture {
 protected:
  void with(const std::string& host, const std::string& facts) {
    facts_ = *catalog::Facts::from_json(*Json::parse(facts), "test", "");
    add(host);
    imposter(host).script(answer(200, chat_body("ok")));
  }
  ModelCall needing(const std::string& json) {
    ModelCall call = call_for(request_body(false));
    call.party.make().session = "ses_1";
    call.reasons = true;
    call.needs = *policy::Needs::from_json(*Json::parse(json));
    return call;
  }
  std::string served(ModelCall call) {
    auto out = run(std::move(call));
    return out ? out->endpoint->id : out.error().error.reason;
  }
};

TEST_F(NeedsTest, OneSessionHopsBetweenEndpoints) {
  with("cpu.test", R"({"hardware":["cpu"],"context_window":8000})");
  with("eyes.test", R"({"hardware":["h100"],"vision":true,"context_window":32000})");
  with("long.test", R"({"hardware":["h200"],"vision":false,"context_window":1000000})");
  with("unknown.test", "{}");
  EXPECT_EQ(served(needing(R"({"hardware":"cpu"})")), "cpu.test");
  EXPECT_EQ(served(needing(R"({"vision":true})")), "eyes.test");
  EXPECT_EQ(served(needing(R"({"context_tokens":500000})")), "long.test");
  EXPECT_EQ(served(needing(R"({"hardware":["b200","h200"]})")), "long.test");
  EXPECT_EQ(served(needing("{}")), "cpu.test") << "the catalog's order, without needs";
  auto out = run(needing(R"({"vision":true})"));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->placement.notes->needs, "vision");
  EXPECT_EQ(out->placement.notes->removed, 3);
  for (const Rejection& r : out->placement.notes->rejected) EXPECT_EQ(r.rule, "needs");
}

TEST_F(NeedsTest, NobodyWhoHasItIsARefusalThatSaysWhat) {
  with("a.test", R"({"vision":false})");
  auto out = run(needing(R"({"vision":true,"hardware":"h200"})"));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.reason, "no_place");
  EXPECT_NE(out.error().error.message.find("has what the step needs (vision, hardware h200)"),
            std::string::npos)
      << out.error().error.message;
  EXPECT_NE(out.error().error.message.find("a.test -> needs: the step needs vision"),
            std::string::npos);
  EXPECT_EQ(imposter("a.test").requests().size(), 0u);
}

TEST_F(NeedsTest, EvidenceIsNeededFresh) {
  with("enclave.test", R"({"attestation":["aws-nitro"]})");
  EXPECT_EQ(served(needing(R"({"attested":"aws-nitro"})")), "no_place");
  EXPECT_EQ(served(needing("{}")), "enclave.test");
}

std::string body_with(const std::string& content) {
  return R"({"model":"m","messages":[{"role":"user","content":)" + content + "}]}";
}

TEST_F(NeedsTest, ImagesGoToWhoeverIsNotKnownToBeBlind) {
  with("blind.test", R"({"vision":false})");
  with("perhaps.test", "{}");
  std::string image = R"([{"type":"text","text":"what is it?"},)"
                      R"({"type":"image_url","image_url":{"url":"https://x.example/a.png"}}])";
  EXPECT_EQ(served(call_for(body_with(image))), "perhaps.test");
  EXPECT_EQ(served(call_for(body_with(R"("no \"image_url\" at all")"))), "blind.test");
  std::string named = R"({"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[)"
                      R"({"type":"function","function":{"name":"f","parameters":{"type":"object",)"
                      R"("properties":{"image_url":{"type":"string"}}}}}]})";
  EXPECT_EQ(served(call_for(named)), "blind.test") << "a tool's argument is no image";
}

TEST_F(NeedsTest, WhatIsSurelyTooLongGoesElsewhere) {
  with("short.test", R"({"context_window":1000})");
  with("long.test", R"({"context_window":100000})");
  EXPECT_EQ(served(call_for(body_with("\"" + std::string(7'000, 'a') + "\""))), "short.test")
      << "it may have fewer tokens than it looks";
  EXPECT_EQ(served(call_for(body_with("\"" + std::string(20'000, 'a') + "\""))), "long.test");
  EXPECT_EQ(served(call_for(body_with("\"" + std::string(900'000, 'a') + "\""))), "no_place");
}

}  // namespace
}  // namespace drover::road
