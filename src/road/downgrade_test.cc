// Calls on their agent's downgrade ladder, over the simulated network: what is asked of whom while
// there is not enough, and afterwards.
#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

class DowngradeTest : public RoadFixture {
 protected:
  void at(const std::string& host, const std::string& facts, const std::string& model = "m") {
    facts_ = *catalog::Facts::from_json(*Json::parse(facts), "test", "");
    add(host, "env:GOOD_KEY", model);
  }
  void ladder(std::string_view json) {
    ladder_ = std::make_shared<const DowngradeLadder>(
        DowngradeLadder::from_json(*Json::parse(json)).value());
  }
  ModelCall call(std::string_view data = "") {
    ModelCall out = neutral_call();
    out.party = Party{"", "ward", ""};
    out.downgrade = ladder_;
    out.data_class = *contract::DataClass::parse(data);
    out.reasons = true;
    return out;
  }
  void works(const std::string& host) { imposter(host).script(answer(200, chat_body("ok"))); }
  void refuses(const std::string& host) {
    imposter(host).script(answer(429, R"({"error":{"message":"slow down"}})"));
  }
  size_t asked(const std::string& host) { return imposter(host).requests().size(); }

  std::shared_ptr<const DowngradeLadder> ladder_;
};

TEST_F(DowngradeTest, RefusalsLeadToTheSmallerModelAndEnoughLeadsBack) {
  at("large.test", "{}");
  at("small.test", "{}", "small");
  ladder(R"({"rungs":[{"model":"small"}],"when":{"dwell_s":20}})");
  for (int i = 0; i < 4; ++i) refuses("large.test");
  works("large.test");
  works("small.test");
  std::vector<size_t> levels;
  for (int i = 0; i < 120; ++i) {
    auto out = run(call());
    levels.push_back(out ? out->downgraded->level : out.error().downgraded->level);
    if (levels.back() == 1) {
      ASSERT_TRUE(out) << out.error().error.to_string();
      EXPECT_EQ(out->endpoint->id, "small.test");
      EXPECT_FALSE(out->downgraded->why.empty());
    }
    loop_.run_for(1s);
  }
  EXPECT_EQ(levels.front(), 0u);
  EXPECT_EQ(std::count(levels.begin(), levels.begin() + 30, 1u) > 10, true) << "it went down";
  EXPECT_EQ(levels.back(), 0u) << "and came back";
  auto last = run(call());
  ASSERT_TRUE(last);
  EXPECT_EQ(last->endpoint->id, "large.test");
  std::string metrics = metrics_.expose();
  EXPECT_NE(metrics.find("drover_downgrades_total{agent=\"ward\",rung=\"1\""), std::string::npos)
      << metrics;
  EXPECT_NE(metrics.find("drover_downgrades_total{agent=\"ward\",rung=\"0\",signal=\"over\""),
            std::string::npos);
  bool traced = false;
  for (const store::SpanRow& span : spans_.spans()) {
    traced = traced || span.attributes.json().get_string("drover.downgrade") == "model small";
  }
  EXPECT_TRUE(traced);
}

TEST_F(DowngradeTest, ARungOfTheSlowPathLetsCallsTakeTheirTime) {
  at("only.test", "{}");
  ladder(R"({"rungs":[{"service_class":"slow"}],"when":{"dwell_s":20}})");
  for (int i = 0; i < 4; ++i) refuses("only.test");
  works("only.test");
  for (int i = 0; i < 10; ++i) {
    (void)run(call());
    loop_.run_for(1s);
  }
  size_t slow = 0;
  for (const store::SpanRow& span : spans_.spans()) {
    const Json attributes = span.attributes.json();
    if (attributes.find("drover.service_class") == nullptr) continue;
    const bool down = attributes.find("drover.downgrade") != nullptr;
    slow += down ? 1 : 0;
    EXPECT_EQ(attributes.get_string("drover.service_class"), down ? "slow" : "fast");
  }
  EXPECT_GT(slow, 3u);
}

TEST_F(DowngradeTest, AnExplanationTellsWhatIsKeptInReserveAndFromWhichRung) {
  at("old.test", R"({"hardware":"a100"})");
  at("new.test", R"({"hardware":"b200"})");
  ladder(R"({"rungs":[{"hardware":["a100"]}],"when":{"dwell_s":3600}})");
  SupposedCall supposed;
  supposed.tenant = "ten_1";
  supposed.ladder = {"m"};
  supposed.agent = "ward";
  supposed.downgrade = ladder_;
  Explanation top = road_->explain(supposed);
  EXPECT_EQ(top.hardware.reserve, std::vector<std::string>({"a100"}));
  ASSERT_EQ(top.ranked.size(), 1u);
  EXPECT_EQ(top.ranked[0].endpoint, "new.test");
  ASSERT_EQ(top.rejected.size(), 1u);
  EXPECT_EQ(top.rejected[0].endpoint, "old.test");
  EXPECT_NE(top.rejected[0].reason.find("lower rung"), std::string::npos);
  refuses("new.test");
  works("old.test");
  for (int i = 0; i < 8; ++i) {
    (void)run(call());
    loop_.run_for(1s);
  }
  Explanation below = road_->explain(supposed);
  EXPECT_EQ(below.level, 1u);
  EXPECT_TRUE(below.hardware.reserve.empty());
  ASSERT_FALSE(below.ranked.empty());
  EXPECT_EQ(below.ranked[0].endpoint, "old.test");
  EXPECT_TRUE(below.ranked[0].preferred);
}

TEST_F(DowngradeTest, OlderHardwareIsKeptInReserveAndUsedWhenTheNewCannotBe) {
  at("old.test", R"({"hardware":"a100"})");
  at("new.test", R"({"hardware":["b200"]})");
  ladder(R"([{"hardware":["a100"]}])");
  works("old.test");
  imposter("new.test").script(answer(200, chat_body("ok")));
  imposter("new.test").script(answer(503, R"({"error":{"message":"no"}})"));
  auto first = run(call());
  ASSERT_TRUE(first);
  EXPECT_EQ(first->endpoint->id, "new.test") << "though the other comes first in the catalog";
  EXPECT_EQ(first->placement.notes->rejected.at(0).reason,
            "its hardware is kept for a lower rung of the agent's ladder");
  EXPECT_EQ(first->placement.notes->removed, 0) << "no rule removes it";
  // Until its circuit opens the calls fail; then nothing on the top can be used.
  ModelResult out = run(call());
  for (int i = 0; i < 10 && !out; ++i) out = run(call());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->endpoint->id, "old.test");
  EXPECT_EQ(out->downgraded->level, 1u);
  EXPECT_EQ(out->downgraded->signal, "unusable");
}

TEST_F(DowngradeTest, AShorterContextLeavesTheOldestTurnsOut) {
  at("only.test", "{}");
  ladder(R"({"rungs":[{"context_tokens":1000,"parallel_tool_calls":false}],)"
         R"("when":{"queue_s":0.001}})");
  works("only.test");
  auto long_call = [&] {
    contract::ChatRequest request;
    request.model = "m";
    request.messages.push_back(contract::Message::of_text(contract::Role::kSystem, "be kind"));
    for (int i = 0; i < 20; ++i) {
      std::string text = "turn-" + std::to_string(i) + " " + std::string(400, 'x');
      request.messages.push_back(contract::Message::of_text(contract::Role::kUser, text));
      request.messages.push_back(contract::Message::of_text(contract::Role::kAssistant, "yes"));
    }
    request.messages.push_back(contract::Message::of_text(contract::Role::kUser, "and now?"));
    contract::ToolDefinition tool;
    tool.name = "look";
    tool.parameters = Json::object();
    request.tools.push_back(tool);
    ModelCall out = call();
    out.prompt = providers::Prompt::from_chat(std::move(request));
    return out;
  };
  auto whole = run(long_call());
  ASSERT_TRUE(whole) << whole.error().error.to_string();
  EXPECT_EQ(whole->downgraded->level, 0u);
  EXPECT_NE(imposter("only.test").last_body().find("turn-0 "), std::string::npos);
  // Its calls wait: a session's own rate makes them.
  std::vector<Budget> rate = {*budget_from_json(
      *Json::parse(R"({"name":"slow","requests":1,"per":"minute","rolling":true})"))};
  ASSERT_TRUE(accounts_.set_budgets(std::move(rate)));
  ModelResult out = run(long_call());
  for (int i = 0; i < 6 && out && out->downgraded->level == 0; ++i) {
    ModelCall next = long_call();
    next.party.make().session = "ses_1";
    out = run(std::move(next));
  }
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->downgraded->level, 1u);
  EXPECT_EQ(out->downgraded->signal, "queue");
  EXPECT_GT(out->downgraded->left_out, 0);
  std::string body = imposter("only.test").last_body();
  EXPECT_EQ(body.find("turn-0 "), std::string::npos);
  EXPECT_NE(body.find("be kind"), std::string::npos);
  EXPECT_NE(body.find("and now?"), std::string::npos);
  EXPECT_NE(body.find(R"("parallel_tool_calls":false)"), std::string::npos) << body;
}

TEST_F(DowngradeTest, AgentsAndZonesHaveTheirOwnRungs) {
  at("de.test", R"({"zone":"de","prompt_cache":"none"})");
  at("us.test", R"({"zone":"us","prompt_cache":"none"})");
  at("small-de.test", R"({"zone":"de","prompt_cache":"none"})", "small");
  ladder(R"([{"model":"small"}])");
  imposter("de.test").script(answer(503, R"({"error":{"message":"no"}})"));
  works("us.test");
  works("small-de.test");
  ModelResult out = run(call("residency=de"));
  for (int i = 0; i < 10 && !out; ++i) out = run(call("residency=de"));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->endpoint->id, "small-de.test");
  EXPECT_EQ(out->downgraded->zone, "de");
  auto elsewhere = run(call("residency=us"));
  ASSERT_TRUE(elsewhere);
  EXPECT_EQ(elsewhere->downgraded->level, 0u) << "there is enough in the other zone";
  ModelCall other = call("residency=de");
  other.party.make().agent = "another";
  other.downgrade = nullptr;
  EXPECT_FALSE(run(std::move(other))) << "who allows nothing gives up nothing";
  EXPECT_EQ(asked("us.test"), 1u) << "nobody's data left its zone for want of a place";
}

TEST_F(DowngradeTest, NoRungEverLeavesTheZone) {
  // Any ladder, any weather: what is bound to Germany is never seen elsewhere, on no rung.
  const char* zones[] = {"de", "us", "fr"};
  for (int i = 0; i < 9; ++i) {
    std::string zone = zones[i % 3];
    std::string hardware = i < 3 ? "b200" : i < 6 ? "h100" : "a100";
    std::string host = zone + std::to_string(i) + ".test";
    at(host, R"({"prompt_cache":"none","zone":")" + zone + R"(","hardware":")" + hardware + "\"}",
       i % 2 == 0 ? "m" : "small");
    if (zone != "de") works(host);
  }
  for (const char* host : {"de0.test", "de3.test", "de6.test"}) {
    for (int i = 0; i < 200; ++i) {
      switch (random_.below(3)) {
        case 0:
          works(host);
          break;
        case 1:
          refuses(host);
          break;
        default:
          imposter(host).script(answer(503, R"({"error":{"message":"no"}})"));
      }
    }
  }
  ladder(R"({"rungs":[{"hardware":["h100"]},{"model":"small"},{"hardware":["a100"]},)"
         R"({"context_tokens":100}],"when":{"dwell_s":3,"refused":0.1}})");
  size_t deepest = 0;
  for (int i = 0; i < 150; ++i) {
    auto out = run(call("residency=de"));
    const Downgraded& down = out ? *out->downgraded : *out.error().downgraded;
    deepest = std::max(deepest, down.level);
    const Placement& placement = out ? out->placement : out.error().placement;
    for (const catalog::Endpoint* e : placement.endpoints) {
      EXPECT_EQ(e->facts.text("zone"), "de") << e->id;
    }
    loop_.run_for(Duration(static_cast<int64_t>(random_.below(3'000'000'000))));
  }
  EXPECT_GE(deepest, 2u) << "rungs were used";
  for (int i = 0; i < 9; ++i) {
    if (i % 3 != 0) EXPECT_EQ(asked(zones[i % 3] + std::to_string(i) + ".test"), 0u);
  }
}

}  // namespace
}  // namespace drover::road
