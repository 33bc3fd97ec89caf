// Service classes on the road: against imposters on virtual time.

#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

std::string tiered_body(const std::string& tier) {
  return R"({"id":"r1","object":"chat.completion","created":1,"model":"up-1",)"
         R"("service_tier":")" +
         tier +
         R"(","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},)"
         R"("finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5}})";
}

ImposterScript after(Duration pause) {
  ImposterScript s;
  s.then(answer(200, chat_body("ok")).parts[0].bytes, pause);
  return s;
}

class Classes : public RoadFixture {
 protected:
  void settle() { make(); }
  ModelCall call(std::optional<ServiceClass> service_class, bool stream = false) {
    ModelCall out = call_for(request_body(stream));
    out.service_class = service_class;
    return out;
  }
  ModelCall tiered_call(const std::string& tier) {
    return call_for(R"({"model":"m","service_tier":")" + tier +
                    R"(","messages":[{"role":"user","content":"hi"}]})");
  }
  /// Flex at half and priority at twice the price.
  void add_tiers(catalog::Endpoint& e) {
    for (auto [name, input, output] : {std::tuple("flex", "0.0000005", "0.000001"),
                                       std::tuple("priority", "0.000002", "0.000004")}) {
      catalog::PriceTier tier;
      tier.service_tier = name;
      tier.input = *Money::parse_usd(input);
      tier.output = *Money::parse_usd(output);
      e.price.tiers.push_back(tier);
    }
    ASSERT_TRUE(catalog_.replace(endpoints_));
  }
  void fact(catalog::Endpoint& e, std::string name, Json value) {
    catalog::Fact out;
    out.name = std::move(name);
    out.value = std::move(value);
    ASSERT_TRUE(e.facts.set(std::move(out)));
    ASSERT_TRUE(catalog_.replace(endpoints_));
  }
  size_t asked(const std::string& host) { return imposter(host).requests().size(); }
  /// Starts a call beside the test.
  struct Started {
    std::optional<ModelResult> result;
    MonoTime ended{};
  };
  static Task<void> one(Context ctx, Road* road, ModelCall call, Started* out) {
    auto result = co_await road->call_model(ctx, std::move(call), nullptr);
    out->ended = ctx.loop().mono();
    out->result.emplace(std::move(result));
  }
  std::string cost(const ModelResult& out) { return out->cost.usd(); }
};

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
