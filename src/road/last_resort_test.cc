// Endpoints that are cooling down: the last resort of a call.
#include "base/limits/catalog.h"
#include "base/limits/road.h"
#include "catalog/health.h"
#include "road/placement.h"
#include "road/road_test_fixture.h"
#include "road/tries.h"

namespace drover::road {
namespace {

using Ids = std::vector<std::string>;

class LastResort : public RoadFixture {
 protected:
  /// Opens the endpoint's circuit by one answer that asked for a pause, or by failures in a row.
  void cool(const std::string& id, std::optional<Duration> pause = std::nullopt) {
    Error error(Code::kUnavailable, "connection refused", Retry::kOtherTarget);
    error.retry_after = pause;
    int times = pause ? 1 : limits::kCircuitFailures;
    for (int i = 0; i < times; ++i) health_.failed(named(id), error);
  }
  const catalog::Endpoint& named(const std::string& id) {
    for (const catalog::Endpoint& e : endpoints_) {
      if (e.id == id) return e;
    }
    ADD_FAILURE() << id;
    return endpoints_.front();
  }
  static Ids ids(const std::vector<const catalog::Endpoint*>& endpoints) {
    Ids out;
    for (const catalog::Endpoint* e : endpoints) out.push_back(e->id);
    return out;
  }
  static Ids tried(const AttemptRecords& attempts) {
    Ids out;
    for (const AttemptRecord& a : attempts) out.push_back(a.endpoint->id);
    return out;
  }
  Places placed(const std::vector<std::string>& ladder) {
    PlacerParts parts;
    parts.catalog = &catalog_;
    parts.health = &health_;
    parts.clock = &loop_;
    placer_ = std::make_unique<Placer>(parts);
    policy::Ask ask = placer_->ask("ten_1", {});
    PlaceQuestion question{ladder, ask};
    question.reasons = true;
    return placer_->place(question);
  }
  void fails(const std::string& host, int status = 503) {
    imposter(host).script(answer(status, R"({"error":{"message":"no"}})"));
  }
  void works(const std::string& host) {
    imposter(host).script(answer(200, chat_body("from " + host)));
  }

  std::unique_ptr<Placer> placer_;
};

TEST_F(LastResort, IsInThePlacementByItsWaitWithTheReason) {
  for (const char* id : {"a", "b", "c", "d"}) add(id);
  cool("a", 20s);
  cool("b", 10s);
  cool("d", 15s);
  Places places = placed({"m"});
  const Placement& placement = places.placement;
  EXPECT_EQ(ids(placement.endpoints), Ids({"c"}));
  EXPECT_EQ(ids(places.last_resort), Ids({"b", "d", "a"}));
  ASSERT_EQ(placement.notes->rejected.size(), 3u);
  EXPECT_EQ(placement.notes->rejected[0].endpoint, "b") << "the shortest wait first";
  EXPECT_TRUE(placement.notes->rejected[0].reason.starts_with("cooling down for 10"))
      << placement.notes->rejected[0].reason;
}

TEST_F(LastResort, WithNothingUsableItsFirstIsThePlacement) {
  for (const char* id : {"a", "b"}) add(id);
  cool("a", 20s);
  cool("b", 10s);
  Places places = placed({"m"});
  const Placement& placement = places.placement;
  EXPECT_EQ(ids(placement.endpoints), Ids({"b"}));
  EXPECT_EQ(ids(places.last_resort), Ids({"a"}));
  ASSERT_EQ(placement.notes->rejected.size(), 1u);
  EXPECT_EQ(placement.notes->rejected[0].endpoint, "a");
}

TEST_F(LastResort, IsNotTriedWhileAUsableEndpointWorks) {
  add("a.test");
  add("b.test");
  works("a.test");
  works("b.test");
  cool("a.test");
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out);
  EXPECT_EQ(tried(out->attempts), Ids({"b.test"}));
}

TEST_F(LastResort, AnswersWhenAllUsableOnesHaveFailedAndIsHealed) {
  add("a.test");
  add("b.test");
  works("a.test");
  fails("b.test");
  cool("a.test");
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out);
  EXPECT_EQ(tried(out->attempts), Ids({"b.test", "a.test"}));
  EXPECT_TRUE(health_.check(named("a.test")).usable()) << "it works again";
}

TEST_F(LastResort, ComesAfterOtherModelsOfTheLadder) {
  add("a.test", "env:GOOD_KEY", "m");
  add("b.test", "env:GOOD_KEY", "n");
  works("a.test");
  fails("b.test");
  cool("a.test");
  auto out = run(call_for(request_body(false), {"m", "n"}));
  ASSERT_TRUE(out);
  EXPECT_EQ(tried(out->attempts), Ids({"b.test", "a.test"}));
}

TEST_F(LastResort, ComesAfterAPauseThatAUsableEndpointAskedFor) {
  add("a.test");
  add("b.test");
  cool("a.test", 60s);
  imposter("b.test").script(answer(429, "{}", "retry-after: 2\r\n"));
  works("b.test");
  works("a.test");
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out);
  EXPECT_EQ(tried(out->attempts), Ids({"b.test", "b.test"}));
}

TEST_F(LastResort, APauseTooLongToBeWaitedForIsNoReasonToGiveUp) {
  add("a.test");
  add("b.test");
  cool("a.test", 60s);
  imposter("b.test").script(answer(429, "{}", "retry-after: 30\r\n"));
  works("a.test");
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out);
  EXPECT_EQ(tried(out->attempts), Ids({"b.test", "a.test"}));
}

TEST_F(LastResort, TheErrorIsThatOfTheUsableEndpoint) {
  add("a.test");
  add("b.test");
  fails("a.test", 503);
  imposter("b.test").script(answer(413, "{}"));
  cool("a.test");
  auto out = run(call_for(request_body(false)));
  ASSERT_FALSE(out);
  EXPECT_EQ(tried(out.error().attempts), Ids({"b.test", "a.test"}));
  EXPECT_EQ(out.error().error.reason, "request_too_large");
  EXPECT_EQ(out.error().attempts.back().error->reason, "overloaded")
      << "each attempt keeps its own";
}

TEST_F(LastResort, AVerdictOnTheRequestIsTheError) {
  add("a.test");
  add("b.test");
  imposter("a.test").script(answer(400, R"({"error":{"message":"bad","code":"bad_thing"}})"));
  fails("b.test");
  cool("a.test");
  auto out = run(call_for(request_body(false)));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.reason, "bad_thing");
}

TEST_F(LastResort, IsVisitedOnceAndItsPauseIsNotMadeLonger) {
  add("a.test");
  add("b.test");
  fails("a.test", 500);  // which elsewhere is worth a second try at the same endpoint
  fails("b.test", 503);
  cool("a.test", 60s);
  auto out = run(call_for(request_body(false)));
  ASSERT_FALSE(out);
  EXPECT_EQ(tried(out.error().attempts), Ids({"b.test", "a.test"}));
  EXPECT_LE(health_.check(named("a.test")).wait, Duration(60s));
}

TEST_F(LastResort, KeepsToTheCapOfAttempts) {
  for (int i = 0; i < 2 * limits::kAttemptsMax; ++i) {
    std::string host = "e" + std::to_string(i) + ".test";
    add(host);
    fails(host);
    if (i >= 2) cool(host);
  }
  auto out = run(call_for(request_body(false)));
  ASSERT_FALSE(out);
  Ids all = tried(out.error().attempts);
  EXPECT_EQ(all.size(), static_cast<size_t>(limits::kAttemptsMax));
  EXPECT_EQ(all[0], "e0.test");
  EXPECT_EQ(all[1], "e1.test");
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size()) << "each once";
}

TEST_F(LastResort, AKeyThatWasRefusedInThisCallIsNotTriedThere) {
  add("a.test", "env:OTHER_KEY");
  add("b.test", "env:GOOD_KEY");
  add("c.test", "env:GOOD_KEY");
  imposter("b.test").script(answer(401, "{}"));
  works("a.test");
  works("c.test");
  cool("a.test", 60s);
  cool("c.test", 30s);
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out);
  EXPECT_EQ(tried(out->attempts), Ids({"b.test", "a.test"}));
}

TEST_F(LastResort, ABadRequestDoesNotReachIt) {
  add("a.test");
  add("b.test");
  works("a.test");
  fails("b.test", 400);
  cool("a.test");
  auto out = run(call_for(request_body(false)));
  ASSERT_FALSE(out);
  EXPECT_EQ(tried(out.error().attempts), Ids({"b.test"}));
}

}  // namespace
}  // namespace drover::road
