#include "app/wall/judge.h"

#include <gtest/gtest.h>

#include "app/config.h"
#include "app/wall/gateways.h"
#include "base/json.h"

namespace drover::app::wall {
namespace {

using sim::wall::End;
using sim::wall::find_scenario;
using sim::wall::Seen;

Seen whole(std::string_view text) {
  Seen out;
  out.end = End::kWhole;
  out.status = 200;
  out.text = text;
  out.finish_reason = "stop";
  return out;
}

Verdict verdict_of(std::string_view scenario, Seen seen, std::vector<int> requests) {
  Verdict out;
  out.scenario = find_scenario(scenario);
  out.seen = {std::move(seen)};
  for (int n : requests) {
    sim::wall::Traffic traffic;
    traffic.requests = n;
    out.traffic.push_back(traffic);
  }
  judge(out);
  return out;
}

TEST(WallJudge, PassesWhatIsRight) {
  EXPECT_TRUE(verdict_of("500", whole(sim::wall::kSecond), {2, 1}).passed());
  Seen told = whole("The wall stands, ");
  told.end = End::kError;
  told.message = "cut";
  EXPECT_TRUE(verdict_of("cut-mid-stream", told, {1, 0}).passed());
}

TEST(WallJudge, SaysWhatIsWrong) {
  Verdict silent = verdict_of("cut-mid-stream", whole("The wall stands, "), {1, 0});
  ASSERT_EQ(silent.faults.size(), 1u);
  EXPECT_EQ(silent.faults[0], "it ended as: whole, not as: error");
  Verdict many = verdict_of("500", whole(sim::wall::kSecond), {9, 1});
  ASSERT_EQ(many.faults.size(), 1u);
  EXPECT_EQ(many.faults[0], "the first endpoint saw 9 requests, not 1 to 3");
  Verdict early = verdict_of("429-seconds", whole(sim::wall::kFirst), {2});
  ASSERT_EQ(early.faults.size(), 1u);
  EXPECT_NE(early.faults[0].find("should have waited"), std::string::npos);
  Verdict mixed = verdict_of("500", whole("The wall Another"), {2, 1});
  EXPECT_FALSE(mixed.passed());
  Seen nameless;
  nameless.end = End::kError;
  nameless.status = 500;
  Verdict refused = verdict_of("context-too-long", nameless, {1});
  EXPECT_EQ(refused.faults.size(), 3u) << "status, code, message";
}

TEST(WallJudge, AnEndpointThatIsHeldOnToIsAFault) {
  Verdict held;
  held.scenario = find_scenario("client-gone");
  Seen left;
  left.end = End::kLeft;
  held.seen = {left};
  sim::wall::Traffic traffic;
  traffic.requests = 1;
  traffic.open = 1;
  held.traffic = {traffic};
  judge(held);
  ASSERT_EQ(held.faults.size(), 1u);
  EXPECT_EQ(held.faults[0], "the first endpoint was not let go");
}

TEST(WallGateways, DroversConfigurationIsOneThatItReads) {
  auto text = gateway_config("drover", 7461);
  ASSERT_TRUE(text);
  ReadFile none = [](const std::string&) -> Result<std::string> {
    return fail(Code::kNotFound, "none");
  };
  ConfigOutcome outcome = parse_config("drover.yaml", *text, none);
  for (const ConfigFault& fault : outcome.faults) ADD_FAILURE() << fault.to_string();
  EXPECT_EQ(outcome.config.road.call_timeout, Duration(7s));
  EXPECT_EQ(outcome.config.road.drain_timeout, Duration(2s));
  auto secrets = wall_secrets();
  ASSERT_FALSE(secrets.empty());
  for (const auto& [name, key] : secrets) {
    EXPECT_NE(text->find(" " + name + "=" + key + " "), std::string::npos)
        << "who serves it needs it";
  }
  for (const catalog::Endpoint& e : outcome.config.endpoints) {
    EXPECT_EQ(e.deadlines.between_tokens, Duration(1500ms));
    EXPECT_TRUE(secrets.contains(e.credentials.source.substr(4))) << e.credentials.source;
  }
  EXPECT_FALSE(gateway_config("nginx", 1));
}

TEST(WallGateways, PortkeyIsToldByHeaders) {
  auto headers = gateway_headers("portkey", 7461, *find_scenario("401-one-key"));
  ASSERT_EQ(headers.size(), 1u);
  auto json = Json::parse(headers[0].second);
  ASSERT_TRUE(json);
  EXPECT_EQ(json->find("targets")->array_items()->size(), 2u) << "one for each key";
  EXPECT_TRUE(gateway_headers("litellm", 7461, *find_scenario("500")).empty());
}

}  // namespace
}  // namespace drover::app::wall
