// Attempts side by side, and answers that go on elsewhere: the road against imposters on virtual
// time.

#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

ImposterScript hedged_after(Duration pause, const std::string& text) {
  ImposterScript s = stream_head();
  s.then(sse(role_chunk())).then(sse(delta_chunk(text)), pause);
  s.then(sse(finish_chunk()) + sse(usage_chunk()) + end_of_stream(), 10ms);
  return s;
}

class Hedge : public RoadFixture {
 protected:
  Hedge() {
    parts_.settings.hedge_after = 100ms;
    make();
    add("a.test");
    add("b.test");
  }
  ModelResult ask() {
    sink = CollectSink(true);
    return run(call_for(request_body(true)), &sink);
  }
  CollectSink sink{true};
};

TEST_F(Hedge, TheSecondEndpointAnswersWhereTheFirstIsSlow) {
  imposter("a.test").script(hedged_after(5s, "slow"));
  imposter("b.test").script(hedged_after(20ms, "quick"));
  MonoTime before = loop_.mono();
  auto out = ask();
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->endpoint->id, "b.test");
  EXPECT_EQ(loop_.mono() - before, Duration(130ms));
  EXPECT_EQ(out->first_token, Duration(120ms));
  EXPECT_EQ(sink.begun, 1) << "nothing of the first was ever handed on";
  EXPECT_EQ(sink.events,
            (std::vector<std::string>{role_chunk(), delta_chunk("quick"), finish_chunk()}));
  ASSERT_EQ(out->attempts.size(), 2u);
  EXPECT_EQ(out->attempts[0].endpoint->id, "a.test");
  EXPECT_EQ(out->attempts[0].error->reason, "hedged");
  EXPECT_TRUE(out->attempts[1].ok);
  // Both are settled: one by its usage, one as an estimate.
  EXPECT_EQ(sums().calls, 1);
  EXPECT_EQ(sums().failed, 1);
  EXPECT_EQ(sums().estimated, 1);
  EXPECT_GT(out->cost, endpoints_[1].price.cost(out->answer->response.usage));
  EXPECT_TRUE(health_.check(endpoints_[0]).usable()) << "slower is not broken";
}

TEST_F(Hedge, TheFirstMayStillWin) {
  imposter("a.test").script(hedged_after(150ms, "first"));
  imposter("b.test").script(hedged_after(5s, "late"));
  auto out = ask();
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->endpoint->id, "a.test");
  EXPECT_EQ(sink.events[1], delta_chunk("first"));
  EXPECT_EQ(imposter("b.test").requests().size(), 1u);
  EXPECT_EQ(sums().failed, 1);
}

TEST_F(Hedge, WhoIsQuickIsAskedOnce) {
  imposter("a.test").script(hedged_after(50ms, "quick"));
  imposter("b.test").script(hedged_after(20ms, "other"));
  ASSERT_TRUE(ask());
  EXPECT_TRUE(imposter("b.test").requests().empty());
  EXPECT_EQ(sums().calls, 1);
}

TEST_F(Hedge, StaysInItsZoneAndInItsBudget) {
  endpoints_[0].zone = "eu";
  endpoints_[1].zone = "us";
  ASSERT_TRUE(catalog_.replace(endpoints_));
  imposter("a.test").script(hedged_after(300ms, "slow"));
  ASSERT_TRUE(ask());
  EXPECT_TRUE(imposter("b.test").requests().empty());

  endpoints_[1].zone = "eu";
  ASSERT_TRUE(catalog_.replace(endpoints_));
  parts_.settings.retries.burst = 0;
  make();
  ASSERT_TRUE(ask());
  EXPECT_TRUE(imposter("b.test").requests().empty());
}

TEST_F(Hedge, WhereBothFailTheNextIsTried) {
  add("c.test");
  imposter("a.test").script(stream_head().then(sse(role_chunk()), 200ms).and_close());
  imposter("b.test").script(answer(503, "{}"));
  imposter("c.test").script(hedged_after(10ms, "third"));
  auto out = ask();
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->endpoint->id, "c.test");
  EXPECT_EQ(out->attempts.size(), 3u);
  EXPECT_EQ(sink.events[1], delta_chunk("third"));
}

TEST_F(Hedge, ACallThatIsNotStreamedIsNotHedged) {
  ImposterScript slow;
  slow.then(answer(200, chat_body("ok")).parts[0].bytes, 400ms);
  imposter("a.test").script(slow);
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_TRUE(imposter("b.test").requests().empty());
}

class Continue : public RoadFixture {
 protected:
  Continue() {
    add("a.test");
    add("b.test");
    ImposterScript cut = stream_head();
    cut.then(sse(role_chunk()) + sse(delta_chunk("One, two, "))).and_close();
    imposter("a.test").script(cut);
    imposter("b.test").script(hedged_after(10ms, "three."));
  }
};

TEST_F(Continue, AnotherEndpointGoesOnWhereTheCallerAllowsIt) {
  CollectSink sink(true);
  ModelCall call = call_for(request_body(true));
  call.continue_cut = true;
  auto out = run(std::move(call), &sink);
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->endpoint->id, "b.test");
  EXPECT_EQ(sink.begun, 1) << "what was said is not void";
  EXPECT_EQ(sink.events.at(1), delta_chunk("One, two, "));
  EXPECT_EQ(sink.text, "three.");
  EXPECT_EQ(out->answer->response.message.text(), "One, two, three.");
  ASSERT_EQ(out->attempts.size(), 2u);
  EXPECT_TRUE(out->attempts[0].continued);
  EXPECT_NE(imposter("b.test").last_body().find(R"("content":"One, two, ")"), std::string::npos)
      << imposter("b.test").last_body();
  EXPECT_EQ(sums().failed, 1) << "what broke off is settled too";
}

TEST_F(Continue, ANeutralCallerToo) {
  CollectSink sink(false);
  ModelCall call = neutral_call();
  call.continue_cut = true;
  auto out = run(std::move(call), &sink);
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(sink.text, "One, two, three.");
  EXPECT_EQ(out->answer->response.message.text(), "One, two, three.");
}

TEST_F(Continue, AgainAndAgainFromAllThatWasSaid) {
  ImposterScript cut = stream_head();
  cut.then(sse(delta_chunk("one, "))).and_close();
  ImposterScript cut_again = stream_head();
  cut_again.then(sse(delta_chunk("two, "))).and_close();
  for (const char* host : {"x.test", "y.test", "z.test"}) add(host, "env:GOOD_KEY", "other");
  imposter("x.test").script(cut);
  imposter("y.test").script(cut_again);
  imposter("z.test").script(hedged_after(10ms, "three."));
  CollectSink sink(true);
  ModelCall call = call_for(request_body(true), {"other"});
  call.continue_cut = true;
  auto out = run(std::move(call), &sink);
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->answer->response.message.text(), "one, two, three.");
  EXPECT_NE(imposter("z.test").last_body().find(R"("content":"one, two, ")"), std::string::npos);
}

TEST_F(Continue, NobodyElseCanGoOnWithAToolCall) {
  ImposterScript tool = stream_head();
  std::string delta =
      R"({"id":"s1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":)"
      R"({"name":"f","arguments":"{"}}]},"finish_reason":null}]})";
  tool.then(sse(delta_chunk("Hm. ")) + sse(delta)).and_close();
  add("t.test", "env:GOOD_KEY", "tool");
  add("b.test.", "env:GOOD_KEY", "tool");
  imposter("t.test").script(tool);
  imposter("b.test.").script(good_stream());
  CollectSink sink(true);
  ModelCall call = call_for(request_body(true), {"tool"});
  call.continue_cut = true;
  auto out = run(std::move(call), &sink);
  ASSERT_FALSE(out);
  EXPECT_TRUE(out.error().visible);
  EXPECT_TRUE(imposter("b.test.").requests().empty());
}

}  // namespace
}  // namespace drover::road
