// Service classes where endpoints are full: who waits, who is refused, who goes elsewhere.

#include "road/classes_test_fixture.h"

namespace drover::road {
namespace {

TEST_F(Classes, AFullEndpointMakesCallsWaitAndSaysHowLong) {
  add("a.test");
  fact(endpoints_[0], "calls_in_flight", Json(int64_t{1}));
  imposter("a.test").script(after(2s));
  std::vector<Started> started(3);
  MonoTime begin = loop_.mono();
  async::Scope scope{Context(loop_)};
  for (Started& s : started) {
    scope.spawn(one(Context(loop_), road_.get(), call(std::nullopt), &s));
  }
  loop_.run_task(scope.join());
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(*started[i].result) << started[i].result->error().error.to_string();
    const ModelOutcome& out = **started[i].result;
    Duration total = checked(out.latency, started[i].ended - begin).total();
    EXPECT_EQ(total, Duration((i + 1) * 2s));
    EXPECT_EQ(out.latency.queue, Duration(i * 2s));
    EXPECT_EQ(out.served.waited, Duration(i * 2s));
    EXPECT_EQ(out.served.path, i == 0 ? ServiceClass::kFast : ServiceClass::kSlow);
  }
  std::string text = metrics_.expose();
  EXPECT_NE(text.find(R"(drover_admitted_total{class="fast",how="at_once"} 1)"), std::string::npos)
      << text;
  EXPECT_NE(text.find(R"(drover_admitted_total{class="slow",how="after_waiting"} 2)"),
            std::string::npos);
}

TEST_F(Classes, WhereOneIsFullAnotherAnswersAndFailoverPassesItOver) {
  add("a.test");
  add("b.test");
  add("c.test");
  fact(endpoints_[0], "calls_in_flight", Json(int64_t{1}));
  fact(endpoints_[2], "calls_in_flight", Json(int64_t{1}));
  imposter("a.test").script(after(5s));
  imposter("b.test").script(answer(503, "{}"));
  imposter("c.test").script(after(1s));
  std::vector<Started> started(2);
  async::Scope scope{Context(loop_)};
  for (Started& s : started) {
    scope.spawn(one(Context(loop_), road_.get(), call(ServiceClass::kFast), &s));
  }
  loop_.run_for(100ms);
  // The first is at a, the second failed at b and is at c: the third finds b alone, and fails.
  auto third = run(call(ServiceClass::kFast));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().error.reason, "overloaded") << "what b said tells more than 'full'";
  loop_.run_task(scope.join());
  EXPECT_EQ((*started[0].result)->endpoint->id, "a.test");
  EXPECT_EQ((*started[1].result)->endpoint->id, "c.test");
  EXPECT_EQ(asked("a.test"), 1u);
}

TEST_F(Classes, WhatIsFullIsPlacedBehindByItsQueue) {
  add("a.test");
  add("b.test");
  fact(endpoints_[0], "calls_in_flight", Json(int64_t{1}));
  imposter("a.test").script(after(2s));
  settle();
  SupposedCall supposed;
  supposed.tenant = "ten_1";
  supposed.ladder = {"m"};
  supposed.preference = Preference::kBalanced;
  EXPECT_EQ(road_->explain(supposed).ranked[0].endpoint, "a.test");
  async::Scope scope{Context(loop_)};
  Started first;
  scope.spawn(one(Context(loop_), road_.get(), call(ServiceClass::kFast), &first));
  loop_.run_for(100ms);
  Explanation busy = road_->explain(supposed);
  ASSERT_EQ(busy.ranked.size(), 2u);
  EXPECT_EQ(busy.ranked[0].endpoint, "b.test");
  EXPECT_EQ(busy.ranked[1].parts.queue_s, 1) << "how long a call takes there is not known yet";
  loop_.run_for(5s);
  EXPECT_EQ(road_->explain(supposed).ranked[1].parts.queue_s, 0);
}

TEST_F(Classes, UnderOverloadSlowWaitsAndFastDoesNot) {
  parts_.settings.classes.calls = 4;
  settle();
  add("a.test");
  imposter("a.test").script(after(1s));
  std::vector<Started> slow(12), fast(3);
  async::Scope scope{Context(loop_)};
  for (Started& s : slow) {
    scope.spawn(one(Context(loop_), road_.get(), call(ServiceClass::kSlow), &s));
  }
  loop_.run_for(100ms);
  for (Started& s : fast) {
    MonoTime before = loop_.mono();
    scope.spawn(one(Context(loop_), road_.get(), call(ServiceClass::kFast), &s));
    loop_.run_for(1500ms);
    ASSERT_TRUE(s.result);
    EXPECT_EQ((*s.result)->latency.queue, Duration::zero());
    EXPECT_EQ(s.ended - before, Duration(1s));
  }
  loop_.run_task(scope.join());
  for (Started& s : slow) EXPECT_TRUE(*s.result);
}

TEST_F(Classes, ACallThatCannotBeServedInTimeIsRefusedWithATime) {
  add("a.test");
  fact(endpoints_[0], "calls_in_flight", Json(int64_t{1}));
  imposter("a.test").script(after(10s));
  ASSERT_TRUE(run(call(ServiceClass::kFast)));
  Started first;
  async::Scope scope{Context(loop_)};
  scope.spawn(one(Context(loop_), road_.get(), call(ServiceClass::kFast), &first));
  loop_.run_for(1ms);
  MonoTime before = loop_.mono();
  auto out = run(call(ServiceClass::kFast));
  ASSERT_FALSE(out);
  EXPECT_EQ(loop_.mono(), before) << "ten seconds are more than fast waits: at once";
  EXPECT_EQ(out.error().error.reason, "overloaded");
  EXPECT_EQ(out.error().error.code, Code::kUnavailable);
  EXPECT_EQ(out.error().error.retry_after, Duration(10s));
  EXPECT_NE(metrics_.expose().find(
                R"(drover_shed_total{class="fast",tenant="ten_1",reason="at_once"} 1)"),
            std::string::npos);
  // Slow work has the patience.
  EXPECT_TRUE(run(call(ServiceClass::kSlow)));
  loop_.run_task(scope.join());
}

TEST_F(Classes, WhoeverLeavesTheQueueLeavesNothingBehind) {
  add("a.test");
  fact(endpoints_[0], "calls_in_flight", Json(int64_t{1}));
  imposter("a.test").script(after(2s));
  Started first, second;
  async::CancelSource caller{Context(loop_)};
  async::Scope scope{Context(loop_)};
  scope.spawn(one(Context(loop_), road_.get(), call(ServiceClass::kSlow), &first));
  scope.spawn(one(caller.context(), road_.get(), call(ServiceClass::kSlow), &second));
  loop_.run_for(100ms);
  EXPECT_NE(metrics_.expose().find("drover_other_calls_waiting 1"), std::string::npos);
  caller.cancel("gone");
  loop_.run_for(1ms);
  ASSERT_TRUE(second.result);
  EXPECT_EQ(second.result->error().error.code, Code::kCancelled);
  EXPECT_NE(metrics_.expose().find("drover_other_calls_waiting 0"), std::string::npos);
  loop_.run_task(scope.join());
  EXPECT_EQ(asked("a.test"), 1u);
  ASSERT_TRUE(run(call(ServiceClass::kSlow)));
}

TEST_F(Classes, AHedgeNeedsAPlaceToo) {
  parts_.settings.classes.fast_hedge_after = 100ms;
  settle();
  add("a.test");
  add("b.test");
  fact(endpoints_[0], "calls_in_flight", Json(int64_t{1}));
  fact(endpoints_[1], "calls_in_flight", Json(int64_t{1}));
  ImposterScript late = stream_head();
  late.then(sse(delta_chunk("late")), 5s);
  late.then(sse(finish_chunk()) + sse(usage_chunk()) + end_of_stream());
  imposter("a.test").script(after(1s));
  imposter("a.test").script(late);
  imposter("b.test").script(after(60s));
  std::vector<Started> started(2);
  async::Scope scope{Context(loop_)};
  for (Started& s : started) {
    scope.spawn(one(Context(loop_), road_.get(), call(ServiceClass::kFast), &s));
  }
  loop_.run_for(2s);  // a is free again, b is not
  CollectSink sink(true);
  auto out = run(call(ServiceClass::kFast, true), &sink);
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->endpoint->id, "a.test");
  EXPECT_EQ(asked("b.test"), 1u);
  EXPECT_EQ(metrics_.expose().find(R"(outcome="started")"), std::string::npos);
  loop_.run_task(scope.join());
}

}  // namespace
}  // namespace drover::road
