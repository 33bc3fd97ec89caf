// A call on the road from end to end: bodies, streams, refusals, settlement; against imposters on
// virtual time.

#include "road/effects.h"
#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

class RoadTest : public RoadFixture {};

TEST_F(RoadTest, PassesAnOpenAiBodyThrough) {
  add("a.test");
  imposter("a.test").script(answer(200, chat_body("Hello"), "x-request-id: req-1\r\n"));
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(*out->answer->openai_body, chat_body("Hello"));
  EXPECT_EQ(out->answer->response.request_id, "req-1");
  EXPECT_EQ(out->answer->response.model, "up-1");
  EXPECT_EQ(out->endpoint->id, "a.test");
  EXPECT_EQ(out->cost.usd(), "0.00002");  // 10 in, 5 out
  EXPECT_TRUE(out->cost_known);
  EXPECT_FALSE(out->answer->response.usage.estimated);
  const std::string& request = imposter("a.test").requests().at(0);
  EXPECT_NE(request.find("POST /v1/chat/completions HTTP/1.1"), std::string::npos) << request;
  EXPECT_NE(request.find("authorization: Bearer sk-canary-0123456789"), std::string::npos);
  EXPECT_EQ(imposter("a.test").last_body(),
            R"({"model":"up-1","messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(sums().calls, 1);
  EXPECT_EQ(sums().cost.usd(), "0.00002");
}

TEST_F(RoadTest, StreamsBytesAndStripsUsageNobodyAskedFor) {
  add("a.test");
  imposter("a.test").script(good_stream());
  CollectSink sink(true);
  auto out = run(call_for(request_body(true)), &sink);
  ASSERT_TRUE(out) << out.error().error.to_string();
  std::vector<std::string> expected = {role_chunk(), delta_chunk("Hel"), delta_chunk("lo"),
                                       finish_chunk()};
  EXPECT_EQ(sink.events, expected);
  EXPECT_EQ(out->answer->response.usage.input_tokens, 10);
  EXPECT_EQ(out->answer->response.request_id, "req-9");
  EXPECT_EQ(out->answer->rate_limits->get("x-ratelimit-remaining-tokens"), "77");
  EXPECT_EQ(out->first_token, Duration(5ms));
  EXPECT_NE(imposter("a.test").last_body().find(R"("include_usage":true)"), std::string::npos);

  CollectSink asked(true);
  auto again = run(call_for(request_body(true, true)), &asked);
  ASSERT_TRUE(again);
  expected.push_back(usage_chunk());
  EXPECT_EQ(asked.events, expected);
  EXPECT_EQ(client_->idle_connections(), 1u) << "the connection is used again";
}

TEST_F(RoadTest, DecodesForANeutralCaller) {
  add("a.test");
  imposter("a.test").script(answer(200, chat_body("Hello")));
  imposter("a.test").script(good_stream());
  auto out = run(neutral_call());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->answer->response.message.text(), "Hello");
  EXPECT_FALSE(out->answer->openai_body);
  CollectSink sink(false);
  auto streamed = run(neutral_call(), &sink);
  ASSERT_TRUE(streamed) << streamed.error().error.to_string();
  EXPECT_EQ(sink.text, "Hello");
  EXPECT_EQ(streamed->answer->response.message.text(), "Hello");
  EXPECT_EQ(streamed->answer->response.usage.output_tokens, 5);
}

TEST_F(RoadTest, ARefusedKeyIsNotTriedAgainAndNeverShown) {
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
  for (const AttemptRecord& a : out.error().attempts) shown += a.error->to_string();
  for (const store::SpanRow& span : spans_.spans()) {
    shown += span.name + span.attributes.inside() + span.events.dump();
  }
  EXPECT_EQ(shown.find("canary"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("sk-other"), std::string::npos) << shown;
}

TEST_F(RoadTest, AMissingKeyNamesItsVariable) {
  add("a.test", "env:NOT_SET");
  auto out = run(call_for(request_body(false)));
  ASSERT_FALSE(out);
  EXPECT_NE(out.error().error.message.find("NOT_SET"), std::string::npos);
}

TEST_F(RoadTest, BadRequestsEndTheCall) {
  add("a.test");
  add("b.test");
  imposter("a.test").script(answer(400, R"({"error":{"message":"no such field"}})"));
  auto out = run(call_for(request_body(false)));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.code, Code::kInvalidArgument);
  EXPECT_EQ(imposter("b.test").requests().size(), 0u);
  EXPECT_TRUE(health_.check(endpoints_[0]).usable());
}

TEST_F(RoadTest, UnknownModelsAndScopesAreRefused) {
  add("a.test");
  auto out = run(call_for(request_body(false), {"ghost"}));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().error.code, Code::kNotFound);
  EXPECT_EQ(out.error().error.reason, "model_not_found");
  ModelCall call = call_for(request_body(false));
  identity::Principal without = *call.principal;
  without.scopes = {identity::Scope::kSessions};
  call.principal = std::move(without);
  auto refused = run(std::move(call));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.code, Code::kPermissionDenied);
  EXPECT_TRUE(imposter("a.test").requests().empty());
}

TEST_F(RoadTest, ZeroUsageIsAValueAndAbsentIsEstimated) {
  add("a.test");
  imposter("a.test").script(
      answer(200, chat_body("Hello", R"("usage":{"prompt_tokens":0,"completion_tokens":0})")));
  imposter("a.test").script(answer(200, chat_body("Hello", "")));
  auto zero = run(call_for(request_body(false)));
  ASSERT_TRUE(zero);
  EXPECT_FALSE(zero->answer->response.usage.estimated);
  EXPECT_TRUE(zero->cost.is_zero());
  auto absent = run(call_for(request_body(false)));
  ASSERT_TRUE(absent);
  EXPECT_TRUE(absent->answer->response.usage.estimated);
  EXPECT_GT(absent->answer->response.usage.input_tokens, 0);
  EXPECT_EQ(sums().estimated, 1);
}

TEST_F(RoadTest, ReloadKeepsCallsInFlight) {
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

TEST_F(RoadTest, WrongContentTypesRedirectsAndGarbageAreNotAnswers) {
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

TEST_F(RoadTest, ToolsAndMemoryPassTheSameRoad) {
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

TEST_F(RoadTest, ClosingEndsWhatIsInFlight) {
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
