// Service classes on the road: tiers, patience, hedges and where each class goes; against imposters
// on virtual time.

#include "road/classes_test_fixture.h"

namespace drover::road {
namespace {

std::string tiered_body(const std::string& tier) {
  return R"({"id":"r1","object":"chat.completion","created":1,"model":"up-1",)"
         R"("service_tier":")" +
         tier +
         R"(","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},)"
         R"("finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5}})";
}

TEST_F(Classes, TheTierThatWasServedIsBilled) {
  add("a.test");
  add_tiers(endpoints_[0]);
  imposter("a.test").script(answer(200, tiered_body("priority")));
  imposter("a.test").script(answer(200, tiered_body("flex")));
  imposter("a.test").script(answer(200, tiered_body("default")));
  imposter("a.test").script(answer(200, chat_body("ok")));
  auto out = run(tiered_call("priority"));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(cost(out), "0.00004") << "10 × 0.000002 + 5 × 0.000004";
  EXPECT_EQ(cost(run(tiered_call("flex"))), "0.00001");
  EXPECT_EQ(cost(run(tiered_call("priority"))), "0.00002") << "ramped down: the plain rates";
  EXPECT_EQ(cost(run(tiered_call("priority"))), "0.00004") << "not told: the dearer of the two";
  EXPECT_NE(imposter("a.test").last_body().find(R"("service_tier":"priority")"), std::string::npos);
}

TEST_F(Classes, SlowAsksForFlexWhereThereIsAPriceForIt) {
  add("a.test");
  imposter("a.test").script(answer(200, tiered_body("flex")));
  ASSERT_TRUE(run(call(ServiceClass::kSlow)));
  EXPECT_EQ(imposter("a.test").last_body().find("service_tier"), std::string::npos);
  add_tiers(endpoints_[0]);
  auto out = run(call(ServiceClass::kSlow));
  ASSERT_TRUE(out);
  EXPECT_NE(imposter("a.test").last_body().find(R"("service_tier":"flex")"), std::string::npos)
      << imposter("a.test").last_body();
  EXPECT_EQ(cost(out), "0.00001");
  EXPECT_EQ(out->served.path, ServiceClass::kSlow);

  ASSERT_TRUE(run(neutral_call()));
  EXPECT_EQ(imposter("a.test").last_body().find("service_tier"), std::string::npos);
  ModelCall neutral = neutral_call();
  neutral.service_class = ServiceClass::kSlow;
  ASSERT_TRUE(run(std::move(neutral)));
  EXPECT_NE(imposter("a.test").last_body().find(R"("service_tier":"flex")"), std::string::npos);

  fact(endpoints_[0], "service_tiers", Json(Json::Array{Json("priority")}));
  ASSERT_TRUE(run(call(ServiceClass::kSlow)));
  EXPECT_EQ(imposter("a.test").last_body().find("service_tier"), std::string::npos)
      << "the endpoint says that it has none";
  parts_.settings.classes.fast_tier = "priority";
  settle();
  ASSERT_TRUE(run(call(ServiceClass::kFast)));
  EXPECT_NE(imposter("a.test").last_body().find(R"("service_tier":"priority")"), std::string::npos);
}

TEST_F(Classes, ATierInTheRequestIsAClass) {
  add("a.test");
  imposter("a.test").script(answer(200, chat_body("ok")));
  EXPECT_EQ(run(tiered_call("flex"))->served.path, ServiceClass::kSlow);
  EXPECT_EQ(run(tiered_call("priority"))->served.path, ServiceClass::kFast);
  EXPECT_EQ(run(tiered_call("auto"))->served.path, ServiceClass::kFast) << "there is no load";
  ModelCall stated = tiered_call("flex");
  stated.service_class = ServiceClass::kFast;
  EXPECT_EQ(run(std::move(stated))->served.path, ServiceClass::kFast);
}

TEST_F(Classes, ThePolicyOfTenantsAndKeys) {
  add("a.test");
  imposter("a.test").script(answer(200, chat_body("ok")));
  ClassSettings& classes = parts_.settings.classes;
  classes.tenants["ten_1"].otherwise = ServiceClass::kSlow;
  settle();
  EXPECT_EQ(run(call(std::nullopt))->served.path, ServiceClass::kSlow);
  EXPECT_EQ(run(call(ServiceClass::kFast))->served.path, ServiceClass::kFast);
  classes.tenants["ten_1"].at_most = ServiceClass::kAuto;
  classes.keys["key_1"].at_most = ServiceClass::kSlow;
  EXPECT_EQ(classes.class_of(ServiceClass::kFast, "ten_1", ""), ServiceClass::kAuto);
  EXPECT_EQ(classes.class_of(ServiceClass::kFast, "ten_1", "key_1"), ServiceClass::kSlow);
  EXPECT_EQ(classes.class_of(ServiceClass::kFast, "ten_2", ""), ServiceClass::kFast);
}

TEST_F(Classes, ASlowCallIsSubmittedAgainUntilItIsAnswered) {
  add("a.test");
  imposter("a.test").script(answer(429, "{}", "retry-after: 30\r\n"));
  imposter("a.test").script(answer(503, "{}"));
  imposter("a.test").script(answer(200, chat_body("late")));
  MonoTime before = loop_.mono();
  auto out = run(call(ServiceClass::kSlow));
  ASSERT_TRUE(out) << out.error().error.to_string();
  Duration took = loop_.mono() - before;
  EXPECT_GE(took, Duration(30s));
  EXPECT_LT(took, Duration(60s));
  EXPECT_EQ(out->attempts.size(), 3u);
  EXPECT_EQ(out->served.waited, out->latency.queue);
  EXPECT_GE(out->latency.queue, Duration(30s));
  checked(out->latency, took);
  EXPECT_NE(metrics_.expose().find("drover_resubmitted_total 2"), std::string::npos);
}

TEST_F(Classes, AFastCallIsToldAtOnce) {
  add("a.test");
  imposter("a.test").script(answer(429, "{}", "retry-after: 30\r\n"));
  MonoTime before = loop_.mono();
  auto out = run(call(ServiceClass::kFast));
  ASSERT_FALSE(out);
  EXPECT_LT(loop_.mono() - before, Duration(1s));
  EXPECT_EQ(out.error().error.retry_after, Duration(30s));
}

TEST_F(Classes, ASlowCallWaitsForWhatIsCoolingDown) {
  add("a.test");
  imposter("a.test").script(answer(429, "{}", "retry-after: 40\r\n"));
  imposter("a.test").script(answer(200, chat_body("ok")));
  ASSERT_FALSE(run(call(ServiceClass::kFast)));
  ASSERT_EQ(asked("a.test"), 1u);
  MonoTime before = loop_.mono();
  auto out = run(call(ServiceClass::kSlow));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_GE(loop_.mono() - before, Duration(39s));
  EXPECT_EQ(asked("a.test"), 2u) << "it was left alone meanwhile";
}

TEST_F(Classes, ASlowCallEndsWithItsDeadlineOrItsOwnFaults) {
  add("a.test");
  imposter("a.test").script(answer(429, "{}", "retry-after: 30\r\n"));
  MonoTime before = loop_.mono();
  Context hurried = Context(loop_).with_timeout(10s);
  auto out = loop_.run_task(road_->call_model(hurried, call(ServiceClass::kSlow), nullptr));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.reason, "rate_limited");
  EXPECT_LT(loop_.mono() - before, Duration(1s)) << "the pause would not fit: told at once";

  add("b.test", "env:GOOD_KEY", "other");
  imposter("b.test").script(answer(400, R"({"error":{"message":"no","code":"bad"}})"));
  ModelCall wrong =
      call_for(R"({"model":"other","messages":[{"role":"user","content":"x"}]})", {"other"});
  wrong.service_class = ServiceClass::kSlow;
  ASSERT_FALSE(run(std::move(wrong)));
  EXPECT_EQ(asked("b.test"), 1u) << "waiting does not mend it";
}

TEST_F(Classes, WhoeverLeavesWhileItRestsIsGoneAtOnce) {
  add("a.test");
  imposter("a.test").script(answer(429, "{}", "retry-after: 60\r\n"));
  async::CancelSource caller{Context(loop_)};
  Started started;
  async::Scope scope{Context(loop_)};
  scope.spawn(one(caller.context(), road_.get(), call(ServiceClass::kSlow), &started));
  loop_.run_for(5s);
  ASSERT_FALSE(started.result);
  EXPECT_NE(metrics_.expose().find("drover_slow_calls_resting 1"), std::string::npos);
  caller.cancel("gone");
  loop_.run_for(1ms);
  ASSERT_TRUE(started.result);
  EXPECT_EQ(started.result->error().error.code, Code::kCancelled);
  EXPECT_NE(metrics_.expose().find("drover_slow_calls_resting 0"), std::string::npos);
  EXPECT_NE(metrics_.expose().find("drover_calls_in_flight 0"), std::string::npos);
  loop_.run_task(scope.join());
}

TEST_F(Classes, TheClassDecidesAboutHedging) {
  parts_.settings.classes.fast_hedge_after = 100ms;
  settle();
  add("a.test");
  add("b.test");
  ImposterScript late = stream_head();
  late.then(sse(delta_chunk("late")), 5s);
  late.then(sse(finish_chunk()) + sse(usage_chunk()) + end_of_stream());
  imposter("a.test").script(late);
  imposter("b.test").script(good_stream());
  CollectSink sink(true);
  auto out = run(call(ServiceClass::kSlow, true), &sink);
  ASSERT_TRUE(out);
  EXPECT_EQ(asked("b.test"), 0u);
  out = run(call(ServiceClass::kFast, true), &sink);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->endpoint->id, "b.test");
  std::string text = metrics_.expose();
  EXPECT_NE(text.find(R"(drover_hedges_total{outcome="started"} 1)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"(drover_hedges_total{outcome="won"} 1)"), std::string::npos);
  EXPECT_NE(text.find("drover_hedge_cost_usd_total 1.8e-05"), std::string::npos) << "its prompt";
}

TEST_F(Classes, FastTakesReservedPlacesAndSlowTakesSpot) {
  for (const char* host : {"s.test", "spot.test", "res.test"}) add(host);
  endpoints_[1].pool = "spot";
  endpoints_[2].pool = "reserved";
  ASSERT_TRUE(catalog_.replace(endpoints_));
  for (const char* host : {"s.test", "spot.test", "res.test"}) {
    imposter(host).script(answer(200, chat_body("ok")));
  }
  EXPECT_EQ(run(call(ServiceClass::kFast))->endpoint->id, "res.test");
  EXPECT_EQ(run(call(std::nullopt))->endpoint->id, "res.test");
  EXPECT_EQ(run(call(ServiceClass::kSlow))->endpoint->id, "spot.test");
}

TEST_F(Classes, SlowGoesWhereItIsCheapestAndLeastBusy) {
  add("a.test");
  add("b.test");
  fact(endpoints_[0], "requests_per_minute", Json(int64_t{60}));
  fact(endpoints_[1], "requests_per_minute", Json(int64_t{60}));
  imposter("a.test").script(after(2s));
  imposter("b.test").script(after(2s));
  std::vector<Started> started(4);
  async::Scope scope{Context(loop_)};
  for (Started& s : started) {
    scope.spawn(one(Context(loop_), road_.get(), call(ServiceClass::kSlow), &s));
  }
  loop_.run_task(scope.join());
  EXPECT_EQ(asked("a.test"), 2u) << "in turn, though a is listed first";
  EXPECT_EQ(asked("b.test"), 2u);
}

}  // namespace
}  // namespace drover::road
