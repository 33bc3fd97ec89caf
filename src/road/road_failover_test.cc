// When a call goes on elsewhere, when it is tried again, and when it must not be; against imposters
// on virtual time.

#include "base/limits/catalog.h"
#include "base/limits/placement.h"
#include "base/limits/road.h"
#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

class RoadFailover : public RoadFixture {};

Task<void> call_after(Context ctx, Road* road, ModelCall call, std::string* where) {
  Result<void> slept = co_await async::sleep_for(ctx, 500ms);
  if (!slept) co_return;
  auto out = co_await road->call_model(ctx, std::move(call), nullptr);
  if (out) *where = out->endpoint->id;
}

TEST_F(RoadFailover, FailsOverBeforeTheFirstVisibleDelta) {
  add("a.test");
  add("b.test");
  ImposterScript cut = stream_head();
  cut.then(sse(role_chunk())).and_close();
  imposter("a.test").script(cut);
  imposter("b.test").script(good_stream());
  CollectSink sink(true);
  MonoTime before = loop_.mono();
  auto out = run(call_for(request_body(true)), &sink);
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->endpoint->id, "b.test");
  ASSERT_EQ(out->attempts.size(), 2u);
  EXPECT_EQ(out->attempts[0].error->reason, "cut");
  EXPECT_EQ(sink.begun, 2);
  EXPECT_EQ(sink.events.size(), 4u);
  checked(out->latency, loop_.mono() - before);
  EXPECT_NE(
      metrics_.expose().find(R"(drover_failovers_total{from="a.test",to="b.test",reason="cut"} 1)"),
      std::string::npos);
  const store::SpanRow& root = spans_.spans().back();
  EXPECT_EQ(root.name, "chat m");
  EXPECT_EQ(root.events.array_items()->at(0).get_string("name"), "drover.failover");
  EXPECT_EQ(spans_.by_trace(root.context.trace_id_hex()).size(), 3u);
}

TEST_F(RoadFailover, NeverFailsOverAfterVisibleOutput) {
  add("a.test");
  add("b.test");
  ImposterScript cut = stream_head();
  cut.then(sse(role_chunk()) + sse(delta_chunk("He"))).and_close();
  imposter("a.test").script(cut);
  imposter("b.test").script(good_stream());
  CollectSink sink(true);
  auto out = run(call_for(request_body(true)), &sink);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.reason, "cut");
  EXPECT_TRUE(out.error().visible);
  EXPECT_TRUE(imposter("b.test").requests().empty());
  // What was delivered is billed: an estimate, marked.
  EXPECT_TRUE(out.error().usage.estimated);
  EXPECT_EQ(sums().failed, 1);
  EXPECT_EQ(sums().estimated, 1);
  EXPECT_GT(sums().output_tokens, 0);
}

TEST_F(RoadFailover, ConnectionsRefusedAndNamesUnknownFailOver) {
  add("nowhere.test");
  add("b.test");
  imposter("b.test").script(answer(200, chat_body("ok")));
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->endpoint->id, "b.test");
}

TEST_F(RoadFailover, StallsAreToldApart) {
  struct Case {
    const char* reason;
    ImposterScript script;
    Duration took;
  };
  ImposterScript no_head;
  ImposterScript no_token = stream_head();
  no_token.then(sse(role_chunk()), 1s);
  ImposterScript between = stream_head();
  between.then(sse(delta_chunk("x")), 2s);
  for (Case& c : std::vector<Case>{
           {"headers", no_head, limits::kHeadersTimeout},
           {"first_token", no_token, limits::kFirstTokenTimeout},
           {"between_tokens", between, Duration(2s) + limits::kBetweenTokensTimeout}}) {
    endpoints_.clear();
    health_ = catalog::Health(loop_);
    std::string host = std::string(c.reason) + ".test";
    add(host);
    imposter(host).script(c.script);
    CollectSink sink(true);
    MonoTime before = loop_.mono();
    auto out = run(call_for(request_body(true)), &sink);
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().error.code, Code::kDeadlineExceeded);
    if (std::string(c.reason) != "headers") EXPECT_EQ(out.error().error.reason, c.reason);
    EXPECT_EQ(loop_.mono() - before, c.took) << c.reason;
    checked(out.error().latency, loop_.mono() - before);
  }
}

TEST_F(RoadFailover, HonoursRetryAfterInSecondsAndAsADate) {
  add("a.test");
  imposter("a.test").script(answer(429, R"({"error":{"message":"slow"}})", "retry-after: 2\r\n"));
  imposter("a.test").script(answer(200, chat_body("ok")));
  MonoTime before = loop_.mono();
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out) << out.error().error.to_string();
  // Never earlier than asked, and not all at once.
  EXPECT_GE(loop_.mono() - before, Duration(2s));
  EXPECT_LE(loop_.mono() - before, Duration(2300ms));
  EXPECT_EQ(out->latency.queue, loop_.mono() - before);

  add("d.test", "env:GOOD_KEY", "dated");
  std::string date = format_http_date(loop_.wall() + 90s);
  imposter("d.test").script(
      answer(429, R"({"error":{"message":"slow"}})", "retry-after: " + date + "\r\n"));
  auto refused = run(call_for(request_body(false), {"dated"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.code, Code::kResourceExhausted);
  ASSERT_TRUE(refused.error().error.retry_after);
  EXPECT_GT(*refused.error().error.retry_after, Duration(88s));
  EXPECT_FALSE(health_.check(endpoints_[1]).usable());
  EXPECT_EQ(imposter("d.test").requests().size(), 1u) << "longer than a call waits";
}

TEST_F(RoadFailover, ABusyEndpointIsPassedOver) {
  add("a.test");
  add("b.test");
  imposter("a.test").script(answer(429, R"({"error":{"message":"slow"}})", "retry-after: 30\r\n"));
  imposter("b.test").script(answer(200, chat_body("ok")));
  ASSERT_TRUE(run(call_for(request_body(false))));
  auto second = run(call_for(request_body(false)));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->attempts.size(), 1u);
  ASSERT_EQ(second->placement.notes->rejected.size(), 1u);
  EXPECT_NE(second->placement.notes->rejected[0].reason.find("rate_limited"), std::string::npos);
  loop_.run_for(31s);
  imposter("a.test").script(answer(200, chat_body("ok")));
  auto third = run(call_for(request_body(false)));
  ASSERT_TRUE(third);
  EXPECT_EQ(third->placement.endpoints.size(), 2u);
}

TEST_F(RoadFailover, TrafficComesBackByOneProbe) {
  add("a.test");
  add("b.test");
  Error down(Code::kUnavailable, "down", Retry::kOtherTarget);
  for (int i = 0; i < limits::kCircuitFailures; ++i) health_.failed(endpoints_[0], down);
  ImposterScript slow = answer(200, chat_body("ok"));
  slow.parts[0].pause = 1s;
  imposter("a.test").script(slow);
  imposter("b.test").script(answer(200, chat_body("ok")));
  EXPECT_EQ(run(call_for(request_body(false)))->endpoint->id, "b.test");
  loop_.run_for(limits::kCircuitPause);
  async::Scope scope{Context(loop_)};
  std::string during;
  Context ctx(loop_);
  scope.spawn(call_after(ctx, road_.get(), call_for(request_body(false)), &during));
  EXPECT_EQ(run(call_for(request_body(false)))->endpoint->id, "a.test") << "the probe";
  loop_.run_task(scope.join());
  EXPECT_EQ(during, "b.test") << "one probe at a time";
  EXPECT_EQ(run(call_for(request_body(false)))->endpoint->id, "a.test") << "healed";
}

TEST_F(RoadFailover, SameTargetIsTriedOnceMoreThenTheNext) {
  add("a.test");
  add("b.test");
  imposter("a.test").script(answer(500, "oops"));
  imposter("b.test").script(answer(200, chat_body("ok")));
  MonoTime before = loop_.mono();
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out);
  EXPECT_EQ(imposter("a.test").requests().size(), 2u);
  EXPECT_EQ(out->attempts.size(), 3u);
  Duration took = loop_.mono() - before;
  EXPECT_GE(took, Duration(50ms));
  EXPECT_LE(took, Duration(150ms));
  EXPECT_EQ(out->latency.queue, took) << "all of it was the pause";
}

TEST_F(RoadFailover, CyclicLaddersAndEndlessFailuresEnd) {
  for (int i = 0; i < 20; ++i) add("e" + std::to_string(i) + ".test");
  auto out = run(call_for(request_body(false), {"m", "m", "ghost", "m"}));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().attempts.size(), static_cast<size_t>(limits::kAttemptsMax));
  EXPECT_EQ(out.error().placement.endpoints.size(), limits::kPlacesMax);
}

TEST_F(RoadFailover, AllDownTriesTheLeastBad) {
  add("a.test");
  add("b.test");
  Error limited(Code::kResourceExhausted, "slow", Retry::kAfter);
  limited.retry_after = 60s;
  health_.failed(endpoints_[0], limited);
  limited.retry_after = 20s;
  health_.failed(endpoints_[1], limited);
  imposter("b.test").script(answer(200, chat_body("ok")));
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->endpoint->id, "b.test");
  EXPECT_EQ(out->placement.endpoints.size(), 1u);
  ASSERT_EQ(out->placement.notes->rejected.size(), 1u);
  EXPECT_EQ(out->placement.notes->rejected[0].endpoint, "a.test");
}

}  // namespace
}  // namespace drover::road
