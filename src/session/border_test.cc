// The border check: a session bound to one zone, with canaries in its prompt, its tools' results, a
// tool that fails and an endpoint's error, under failover and retries, until its cloud is down.
// Nothing outside the zone sees one, and no span or metric holds one.
#include "session/road_sessions_fixture.h"

namespace drover::session {
namespace {

class Border : public RoadSessions {
 protected:
  void SetUp() override {
    at("de1.test", "de");
    at("de2.test", "fr");
    at("us.test", "us");
    imposter("us.test").script(road::answer(200, road::chat_body("from abroad")));
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
  static constexpr std::string_view kAgent =
      R"({"name":"ward","instructions":"CANARY-system","models":["m"],"tools":["fake"]})";
};

TEST_F(Border, NothingOfABoundSessionLeavesItsZone) {
  const std::string broken = R"({"error":{"message":"CANARY-error from the endpoint"}})";
  // The first endpoint asks for a tool, then breaks; the second answers, then breaks too.
  imposter("de1.test")
      .script(road::answer(200, asks_for("look", R"({\"x\":\"CANARY-arguments\"})")));
  imposter("de1.test").script(road::answer(503, broken));
  imposter("de2.test").script(road::answer(200, road::chat_body("CANARY-answer")));
  imposter("de2.test").script(road::answer(500, broken));
  SessionId id = begin(kAgent, "residency=eu", "CANARY-prompt");
  loop_.run_for(30s);
  std::string journal = journal_of(id);
  EXPECT_NE(journal.find("failover"), std::string::npos) << journal;
  EXPECT_NE(journal.find("look:{"), std::string::npos) << "the tool's result";
  EXPECT_NE(journal.find("CANARY-answer"), std::string::npos);

  // Now both fail: first attempts, retries, the last resort, circuits that open and probe.
  ASSERT_TRUE(say(id, "CANARY-more"));
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

TEST_F(Border, NorDoesADowngradeLeadOutOfTheZone) {
  at("small-us.test", "us", "small");
  at("small-de.test", "de", "small");
  imposter("small-us.test").script(road::answer(200, road::chat_body("from abroad")));
  const std::string busy = R"({"error":{"message":"CANARY-error: slow down"}})";
  imposter("de1.test").script(road::answer(429, busy));
  imposter("de2.test").script(road::answer(429, busy));
  imposter("small-de.test").script(road::answer(200, road::chat_body("CANARY-answer")));
  SessionId id =
      begin(R"({"name":"ward","instructions":"CANARY-system","models":["m"],"tools":["fake"],)"
            R"("downgrade":[{"model":"small"},{"context_tokens":100}]})",
            "residency=eu", "CANARY-prompt");
  loop_.run_for(120s);
  std::string journal = journal_of(id);
  EXPECT_NE(journal.find("downgrade {\"from\":\"as described\",\"to\":\"model small"),
            std::string::npos)
      << journal;
  EXPECT_NE(journal.find("CANARY-answer"), std::string::npos) << journal;
  EXPECT_EQ(imposter("us.test").requests().size(), 0u);
  EXPECT_EQ(imposter("small-us.test").requests().size(), 0u);
  std::string observed = everything_observed();
  EXPECT_NE(observed.find("drover.downgrade"), std::string::npos);
  EXPECT_EQ(canaries(observed), 0u) << observed.substr(observed.find("CANARY"), 200);
}

}  // namespace
}  // namespace drover::session
