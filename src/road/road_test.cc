// Failover, retries, streams and settlement of the road, against imposters on virtual time.

#include "base/limits/road.h"

#include "base/limits/catalog.h"
#include "base/limits/placement.h"
#include "road/effects.h"
#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

using Road = RoadFixture;

Task<void> call_after(Context ctx, road::Road* road, ModelCall call, std::string* where) {
  Result<void> slept = co_await async::sleep_for(ctx, 500ms);
  if (!slept) co_return;
  auto out = co_await road->call_model(ctx, std::move(call), nullptr);
  if (out) *where = out->endpoint->id;
}

TEST_F(Road, PassesAnOpenAiBodyThrough) {
  add("a.test");
  imposter("a.test").script(answer(200, chat_body("Hello"), "x-request-id: req-1\r\n"));
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(*out->answer.openai_body, chat_body("Hello"));
  EXPECT_EQ(out->answer.response.request_id, "req-1");
  EXPECT_EQ(out->answer.response.model, "up-1");
  EXPECT_EQ(out->endpoint->id, "a.test");
  EXPECT_EQ(out->cost.usd(), "0.00002");  // 10 in, 5 out
  EXPECT_TRUE(out->cost_known);
  EXPECT_FALSE(out->answer.response.usage.estimated);
  const std::string& request = imposter("a.test").requests().at(0);
  EXPECT_NE(request.find("POST /v1/chat/completions HTTP/1.1"), std::string::npos) << request;
  EXPECT_NE(request.find("authorization: Bearer sk-canary-0123456789"), std::string::npos);
  EXPECT_EQ(imposter("a.test").last_body(),
            R"({"model":"up-1","messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(sums().calls, 1);
  EXPECT_EQ(sums().cost.usd(), "0.00002");
}

TEST_F(Road, StreamsBytesAndStripsUsageNobodyAskedFor) {
  add("a.test");
  imposter("a.test").script(good_stream());
  CollectSink sink(true);
  auto out = run(call_for(request_body(true)), &sink);
  ASSERT_TRUE(out) << out.error().error.to_string();
  std::vector<std::string> expected = {role_chunk(), delta_chunk("Hel"), delta_chunk("lo"),
                                       finish_chunk()};
  EXPECT_EQ(sink.events, expected);
  EXPECT_EQ(out->answer.response.usage.input_tokens, 10);
  EXPECT_EQ(out->answer.response.request_id, "req-9");
  EXPECT_EQ(out->answer.rate_limits.get("x-ratelimit-remaining-tokens"), "77");
  EXPECT_EQ(out->first_token, Duration(5ms));
  EXPECT_NE(imposter("a.test").last_body().find(R"("include_usage":true)"), std::string::npos);

  CollectSink asked(true);
  auto again = run(call_for(request_body(true, true)), &asked);
  ASSERT_TRUE(again);
  expected.push_back(usage_chunk());
  EXPECT_EQ(asked.events, expected);
  EXPECT_EQ(client_->idle_connections(), 1u) << "the connection is used again";
}

TEST_F(Road, DecodesForANeutralCaller) {
  add("a.test");
  imposter("a.test").script(answer(200, chat_body("Hello")));
  imposter("a.test").script(good_stream());
  auto out = run(neutral_call());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->answer.response.message.text(), "Hello");
  EXPECT_FALSE(out->answer.openai_body);
  CollectSink sink(false);
  auto streamed = run(neutral_call(), &sink);
  ASSERT_TRUE(streamed) << streamed.error().error.to_string();
  EXPECT_EQ(sink.text, "Hello");
  EXPECT_EQ(streamed->answer.response.message.text(), "Hello");
  EXPECT_EQ(streamed->answer.response.usage.output_tokens, 5);
}

TEST_F(Road, FailsOverBeforeTheFirstVisibleDelta) {
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
  EXPECT_EQ(out->attempts[0].error.reason, "cut");
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

TEST_F(Road, NeverFailsOverAfterVisibleOutput) {
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

TEST_F(Road, ConnectionsRefusedAndNamesUnknownFailOver) {
  add("nowhere.test");
  add("b.test");
  imposter("b.test").script(answer(200, chat_body("ok")));
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->endpoint->id, "b.test");
}

TEST_F(Road, StallsAreToldApart) {
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

TEST_F(Road, HonoursRetryAfterInSecondsAndAsADate) {
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

TEST_F(Road, ABusyEndpointIsPassedOver) {
  add("a.test");
  add("b.test");
  imposter("a.test").script(answer(429, R"({"error":{"message":"slow"}})", "retry-after: 30\r\n"));
  imposter("b.test").script(answer(200, chat_body("ok")));
  ASSERT_TRUE(run(call_for(request_body(false))));
  auto second = run(call_for(request_body(false)));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->attempts.size(), 1u);
  ASSERT_EQ(second->placement.rejected.size(), 1u);
  EXPECT_NE(second->placement.rejected[0].reason.find("rate_limited"), std::string::npos);
  loop_.run_for(31s);
  imposter("a.test").script(answer(200, chat_body("ok")));
  auto third = run(call_for(request_body(false)));
  ASSERT_TRUE(third);
  EXPECT_EQ(third->placement.endpoints.size(), 2u);
}

TEST_F(Road, TrafficComesBackByOneProbe) {
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

TEST_F(Road, ARefusedKeyIsNotTriedAgainAndNeverShown) {
  add("a.test", "env:GOOD_KEY");
  add("b.test", "env:GOOD_KEY");
  add("c.test", "env:OTHER_KEY");
  std::string body =
      R"({"error":{"message":"Incorrect key sk-canary-0123456789","code":"bad sk-canary-0123456789"}})";
  imposter("a.test").script(answer(401, body));
  imposter("b.test").script(answer(200, chat_body("wrong")));
  imposter("c.test").script(answer(403, R"({"error":{"message":"no sk-other-0123456789"}})"));
  auto out = run(call_for(request_body(false)));
  ASSERT_FALSE(out);
  EXPECT_EQ(imposter("b.test").requests().size(), 0u);
  EXPECT_EQ(imposter("c.test").requests().size(), 1u);
  EXPECT_EQ(out.error().error.code, Code::kUnavailable) << "not the caller's key";
  EXPECT_EQ(out.error().error.reason, "upstream_auth");
  std::string shown = out.error().error.to_string() + metrics_.expose();
  for (const AttemptRecord& a : out.error().attempts) shown += a.error.to_string();
  for (const store::SpanRow& span : spans_.spans()) {
    shown += span.name + span.attributes.inside() + span.events.dump();
  }
  EXPECT_EQ(shown.find("canary"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("sk-other"), std::string::npos) << shown;
}

TEST_F(Road, AMissingKeyNamesItsVariable) {
  add("a.test", "env:NOT_SET");
  auto out = run(call_for(request_body(false)));
  ASSERT_FALSE(out);
  EXPECT_NE(out.error().error.message.find("NOT_SET"), std::string::npos);
}

TEST_F(Road, BadRequestsEndTheCall) {
  add("a.test");
  add("b.test");
  imposter("a.test").script(answer(400, R"({"error":{"message":"no such field"}})"));
  auto out = run(call_for(request_body(false)));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.code, Code::kInvalidArgument);
  EXPECT_EQ(imposter("b.test").requests().size(), 0u);
  EXPECT_TRUE(health_.check(endpoints_[0]).usable());
}

TEST_F(Road, SameTargetIsTriedOnceMoreThenTheNext) {
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

TEST_F(Road, CyclicLaddersAndEndlessFailuresEnd) {
  for (int i = 0; i < 20; ++i) add("e" + std::to_string(i) + ".test");
  auto out = run(call_for(request_body(false), {"m", "m", "ghost", "m"}));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().attempts.size(), static_cast<size_t>(limits::kAttemptsMax));
  EXPECT_EQ(out.error().placement.endpoints.size(), limits::kPlacesMax);
}

TEST_F(Road, AllDownTriesTheLeastBad) {
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
  ASSERT_EQ(out->placement.rejected.size(), 1u);
  EXPECT_EQ(out->placement.rejected[0].endpoint, "a.test");
}

TEST_F(Road, UnknownModelsAndScopesAreRefused) {
  add("a.test");
  auto out = run(call_for(request_body(false), {"ghost"}));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.code, Code::kNotFound);
  EXPECT_EQ(out.error().error.reason, "model_not_found");
  ModelCall call = call_for(request_body(false));
  call.principal.scopes = {identity::Scope::kSessions};
  auto refused = run(std::move(call));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.code, Code::kPermissionDenied);
  EXPECT_TRUE(imposter("a.test").requests().empty());
}

TEST_F(Road, ZeroUsageIsAValueAndAbsentIsEstimated) {
  add("a.test");
  imposter("a.test").script(
      answer(200, chat_body("Hello", R"("usage":{"prompt_tokens":0,"completion_tokens":0})")));
  imposter("a.test").script(answer(200, chat_body("Hello", "")));
  auto zero = run(call_for(request_body(false)));
  ASSERT_TRUE(zero);
  EXPECT_FALSE(zero->answer.response.usage.estimated);
  EXPECT_TRUE(zero->cost.is_zero());
  auto absent = run(call_for(request_body(false)));
  ASSERT_TRUE(absent);
  EXPECT_TRUE(absent->answer.response.usage.estimated);
  EXPECT_GT(absent->answer.response.usage.input_tokens, 0);
  EXPECT_EQ(sums().estimated, 1);
}

Task<void> leave_after(async::CancelSource* source, Duration d) {
  Context ctx = source->context();
  Result<void> slept = co_await async::sleep_for(ctx, d);
  if (slept) source->cancel("connection closed");
}

TEST_F(Road, AClientThatLeavesIsDrainedToTheUsage) {
  add("a.test");
  ImposterScript slow = stream_head();
  slow.then(sse(delta_chunk("a")), 1s).then(sse(delta_chunk("b")), 3s);
  slow.then(sse(finish_chunk()) + sse(usage_chunk(100, 50)) + end_of_stream(), 3s);
  imposter("a.test").script(slow);
  async::CancelSource source{Context(loop_)};
  async::Scope scope{Context(loop_)};
  scope.spawn(leave_after(&source, 2s));
  CollectSink sink(true);
  MonoTime before = loop_.mono();
  auto out =
      loop_.run_task(road_->call_model(source.context(), call_for(request_body(true)), &sink));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.code, Code::kCancelled);
  EXPECT_EQ(loop_.mono() - before, Duration(2s)) << "the caller does not wait for the drain";
  EXPECT_EQ(sums().calls, 0);
  loop_.run_for(10s);
  EXPECT_EQ(sums().calls, 1);
  EXPECT_EQ(sums().input_tokens, 100);
  EXPECT_EQ(sums().estimated, 0);
  EXPECT_EQ(sink.visible, 1) << "nothing is written to a client that has gone";
  loop_.run_task(scope.join());
}

TEST_F(Road, NothingIsBegunForACallerWhoHasGone) {
  add("a.test");
  imposter("a.test").script(answer(200, chat_body("ok")));
  async::CancelSource source{Context(loop_)};
  source.cancel("gone");
  auto out =
      loop_.run_task(road_->call_model(source.context(), call_for(request_body(false)), nullptr));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.code, Code::kCancelled);
  loop_.run_for(1s);
  EXPECT_TRUE(imposter("a.test").requests().empty());
  EXPECT_EQ(sums(), trace::LedgerSums());
}

TEST_F(Road, TooManyDrainsAreCut) {
  parts_.drains_max = 1;
  make();
  add("a.test");
  ImposterScript slow = stream_head();
  slow.then(sse(delta_chunk("a")), 1s);
  slow.then(sse(finish_chunk()) + sse(usage_chunk(100, 50)) + end_of_stream(), 10s);
  imposter("a.test").script(slow);
  for (int i = 0; i < 2; ++i) {
    async::CancelSource source{Context(loop_)};
    async::Scope scope{Context(loop_)};
    scope.spawn(leave_after(&source, 2s));
    CollectSink sink(true);
    auto out =
        loop_.run_task(road_->call_model(source.context(), call_for(request_body(true)), &sink));
    EXPECT_FALSE(out);
    loop_.run_task(scope.join());
  }
  loop_.run_for(1ms);
  EXPECT_EQ(sums().failed, 1) << "the second is cut at once, and estimated";
  EXPECT_EQ(sums().estimated, 1);
  loop_.run_for(20s);
  EXPECT_EQ(sums().calls, 1) << "the first is read to its usage";
}

TEST_F(Road, ADrainIsBoundedAndThenEstimated) {
  add("a.test");
  ImposterScript endless = stream_head();
  for (int i = 0; i < 100; ++i) endless.then(sse(delta_chunk("word ")), 1s);
  imposter("a.test").script(endless);
  CollectSink sink(false);
  sink.fail_after = 2;  // the write fails: the client is gone without a word
  MonoTime before = loop_.mono();
  auto out = run(call_for(request_body(true)), &sink);
  ASSERT_FALSE(out);
  EXPECT_TRUE(out.error().visible);
  EXPECT_EQ(loop_.mono() - before, Duration(2s));
  loop_.run_for(limits::kDrainTimeout + 5s);
  EXPECT_EQ(sums().failed, 1);
  EXPECT_EQ(sums().estimated, 1);
  EXPECT_GT(sums().output_tokens, 20);
  EXPECT_NE(metrics_.expose().find(R"(drover_drains_total{outcome="cut"} 1)"), std::string::npos);
  EXPECT_TRUE(health_.check(endpoints_[0]).usable()) << "our giving up is not its fault";
}

TEST_F(Road, ReloadKeepsCallsInFlight) {
  add("a.test");
  ImposterScript slow = answer(200, chat_body("ok"));
  slow.parts[0].pause = 5s;
  imposter("a.test").script(slow);
  async::Loop::TimerId timer = loop_.call_after(1s, [this] {
    endpoints_.clear();
    ASSERT_TRUE(catalog_.replace({}));
  });
  (void)timer;
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->endpoint->id, "a.test");
  EXPECT_FALSE(run(call_for(request_body(false))));
}

TEST_F(Road, WrongContentTypesRedirectsAndGarbageAreNotAnswers) {
  struct Case {
    std::string reason;
    ImposterScript script;
  };
  std::vector<Case> cases;
  cases.push_back(Case{"wrong_content_type", answer(200, "<html>login</html>", "", "text/html")});
  cases.push_back(Case{"redirect", answer(302, "", "location: http://evil.test/\r\n")});
  cases.push_back(Case{"malformed_response", answer(200, "{\"choices\":")});
  cases.push_back(Case{"overloaded", answer(503, "busy", "", "text/plain")});
  for (size_t i = 0; i < cases.size(); ++i) {
    std::string host = "bad" + std::to_string(i) + ".test";
    std::string model = "model" + std::to_string(i);
    add(host, "env:GOOD_KEY", model);
    imposter(host).script(cases[i].script);
    auto out = run(call_for(request_body(false), {model}));
    ASSERT_FALSE(out) << cases[i].reason;
    EXPECT_EQ(out.error().error.reason, cases[i].reason) << out.error().error.to_string();
  }
  // A body cut short is a failure, never a short answer.
  ImposterScript cut;
  cut.then("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{");
  cut.and_close();
  add("cut.test", "env:GOOD_KEY", "cut");
  imposter("cut.test").script(cut);
  auto out = run(call_for(request_body(false), {"cut"}));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.reason, "cut") << out.error().error.to_string();
}

Task<Result<int>> slow_tool(Context ctx, bool ok) {
  CO_TRY_VOID(co_await async::sleep_for(ctx, 30ms));
  if (!ok) co_return fail(Code::kUnavailable, "the tool is down");
  co_return 42;
}

TEST_F(Road, ToolsAndMemoryPassTheSameRoad) {
  Effects effects(random_, &spans_, &metrics_);
  Context ctx(loop_);
  identity::Principal mine = identity::Principal::system(TenantId("ten_1"));
  auto outcome = loop_.run_task(
      run_effect<int>(ctx, &effects, tool_effect(mine, "ses_1", "support", "get_order", "call_1"),
                      [](Context c) { return slow_tool(c, true); }));
  ASSERT_TRUE(outcome.result);
  EXPECT_EQ(*outcome.result, 42);
  EXPECT_EQ(outcome.latency.tool, Duration(30ms));
  EXPECT_EQ(outcome.latency.total(), Duration(30ms));
  const store::SpanRow& span = spans_.spans().back();
  EXPECT_EQ(span.name, "execute_tool get_order");
  EXPECT_EQ(span.attributes.json().get_string("gen_ai.tool.call.id"), "call_1");
  EXPECT_EQ(span.session, "ses_1");

  auto failed = loop_.run_task(
      run_effect<int>(ctx, &effects, memory_effect(mine, "ses_1", "support", "notes", true),
                      [](Context c) { return slow_tool(c, false); }));
  EXPECT_FALSE(failed.result);
  EXPECT_EQ(failed.latency.store, Duration(30ms));
  EXPECT_TRUE(spans_.spans().back().error);

  // Another tenant's memory does not exist, and its executor never runs.
  EffectCall foreign = memory_effect(mine, "ses_1", "support", "notes", false);
  foreign.owner = TenantId("ten_2");
  bool ran = false;
  auto refused = loop_.run_task(run_effect<int>(ctx, &effects, foreign, [&ran](Context c) {
    ran = true;
    return slow_tool(c, true);
  }));
  ASSERT_FALSE(refused.result);
  EXPECT_EQ(refused.result.error().code, Code::kNotFound);
  EXPECT_FALSE(ran);
  EXPECT_NE(metrics_.expose().find(
                R"(drover_effects_total{gen_ai_operation_name="execute_tool",outcome="ok"} 1)"),
            std::string::npos);
}

TEST_F(Road, ClosingEndsWhatIsInFlight) {
  add("a.test");
  ImposterScript silent;
  imposter("a.test").script(silent);
  async::Loop::TimerId timer =
      loop_.call_after(1s, [this] { async::detail::start_detached(road_->close()); });
  (void)timer;
  auto out = run(call_for(request_body(false)));
  ASSERT_FALSE(out);
  EXPECT_EQ(loop_.mono().time_since_epoch(), Duration(1s));
  auto refused = run(call_for(request_body(false)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.reason, "shutting_down");
}

}  // namespace
}  // namespace drover::road
