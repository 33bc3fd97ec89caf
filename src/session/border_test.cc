// The border check: a session bound to one zone, with canaries in its prompt, its tools' results, a
// tool that fails and an endpoint's error, under failover and retries, until its cloud is down.
// Nothing outside the zone sees one, and no span or metric holds one.
#include "road/road_test_fixture.h"
#include "session/fakes.h"
#include "session/manager.h"
#include "store/memory/memory_store.h"

namespace drover::session {
namespace {

class Border : public road::RoadFixture {
 protected:
  void SetUp() override {
    at("de1.test", "de");
    at("de2.test", "fr");
    at("us.test", "us");
    imposter("us.test").script(road::answer(200, road::chat_body("from abroad")));
    effects_ = std::make_unique<road::Effects>(random_, &spans_, &metrics_, &policy_);
    std::map<std::string, road::ThingSpec> things;
    things["fake"].facts = facts_of("de");
    effects_->guard().set_things(std::move(things));
    tools_.latency["look"] = 1ms;
    Services s;
    s.loop = &loop_;
    s.random = &random_;
    s.journal = &store_.journal();
    s.road = road_.get();
    s.tools = &tools_;
    s.effects = effects_.get();
    s.spans = &spans_;
    manager_ = std::make_unique<SessionManager>(s, Context(loop_));
  }
  void TearDown() override { loop_.run_task(manager_->stop()); }

  static catalog::Facts facts_of(const std::string& zone) {
    return *catalog::Facts::from_json(
        *Json::parse(R"({"prompt_cache":"none","zone":")" + zone + "\"}"), "test", "");
  }
  void at(const std::string& host, const std::string& zone) {
    facts_ = facts_of(zone);
    add(host);
  }
  SessionId begin(const std::string& text) {
    NewSession spec;
    spec.agent = *AgentSpec::from_json(*Json::parse(
        R"({"name":"ward","instructions":"CANARY-system","models":["m"],"tools":["fake"]})"));
    spec.data_class = "residency=eu";
    spec.message = contract::Message::of_text(contract::Role::kUser, text);
    auto id = loop_.run_task(manager_->create(Context(loop_), who_, std::move(spec)));
    EXPECT_TRUE(id);
    return *id;
  }
  std::string journal_of(const SessionId& id) {
    std::string out;
    auto events = loop_.run_task(manager_->events(Context(loop_), who_, id, 1, 1000));
    for (const contract::Event& e : *events) out += e.kind + " " + e.payload + "\n";
    return out;
  }
  static std::string asks_for_tool(const std::string& arguments) {
    return R"({"id":"r1","object":"chat.completion","created":1,"model":"up-1","choices":[{)"
           R"("index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c1",)"
           R"("type":"function","function":{"name":"look","arguments":")" +
           arguments + R"("}}]},"finish_reason":"tool_calls"}],)" +
           R"("usage":{"prompt_tokens":10,"completion_tokens":5}})";
  }
  static size_t canaries(std::string_view text) {
    size_t n = 0;
    for (size_t i = text.find("CANARY"); i != text.npos; i = text.find("CANARY", i + 1)) ++n;
    return n;
  }
  std::string everything_observed() {
    std::string out = metrics_.expose();
    for (const store::SpanRow& span : spans_.spans()) {
      out += span.name + span.attributes.inside() + span.events.dump() + "\n";
    }
    return out;
  }

  store::MemoryStore store_{random_};
  FakeTools tools_;
  std::unique_ptr<road::Effects> effects_;
  std::unique_ptr<SessionManager> manager_;
  identity::Principal who_ = identity::Principal::system(TenantId("ten_1"));
};

TEST_F(Border, NothingOfABoundSessionLeavesItsZone) {
  const std::string broken = R"({"error":{"message":"CANARY-error from the endpoint"}})";
  // The first endpoint asks for a tool, then breaks; the second answers, then breaks too.
  imposter("de1.test").script(road::answer(200, asks_for_tool(R"({\"x\":\"CANARY-arguments\"})")));
  imposter("de1.test").script(road::answer(503, broken));
  imposter("de2.test").script(road::answer(200, road::chat_body("CANARY-answer")));
  imposter("de2.test").script(road::answer(500, broken));
  SessionId id = begin("CANARY-prompt");
  loop_.run_for(30s);
  std::string journal = journal_of(id);
  EXPECT_NE(journal.find("failover"), std::string::npos) << journal;
  EXPECT_NE(journal.find("look:{"), std::string::npos) << "the tool's result";
  EXPECT_NE(journal.find("CANARY-answer"), std::string::npos);

  // Now both fail: first attempts, retries, the last resort, circuits that open and probe.
  auto more = loop_.run_task(manager_->post_message(
      Context(loop_), who_, id, contract::Message::of_text(contract::Role::kUser, "CANARY-more")));
  ASSERT_TRUE(more);
  tools_.failures = 3;
  loop_.run_for(600s);
  journal = journal_of(id);
  EXPECT_NE(journal.find("us.test\",\"reason\":\"the data may be in eu; its zone is us\""),
            std::string::npos)
      << journal;
  EXPECT_GT(imposter("de1.test").requests().size() + imposter("de2.test").requests().size(), 6u);
  EXPECT_GT(canaries(imposter("de1.test").requests().front()), 0u) << "the canaries do sing";
  EXPECT_GT(canaries(journal), 0u);

  EXPECT_EQ(imposter("us.test").requests().size(), 0u);
  std::string observed = everything_observed();
  EXPECT_NE(observed.find("de1.test"), std::string::npos);
  EXPECT_EQ(canaries(observed), 0u) << observed.substr(observed.find("CANARY"), 200);
}

}  // namespace
}  // namespace drover::session
