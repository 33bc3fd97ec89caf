// Deadlines, retry budgets, keys of one endpoint, and answers that go on beyond max_tokens: the
// road against imposters on virtual time.

#include "base/limits/catalog.h"
#include "providers/output_meter.h"
#include "road/retry_budget.h"
#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

using Faults = RoadFixture;

ImposterScript error_answer(int status, const std::string& code, const std::string& headers = "") {
  return answer(status, R"({"error":{"message":"no","code":")" + code + "\"}}", headers);
}

catalog::Endpoint place(const std::string& url) {
  catalog::Endpoint e;
  e.id = url;
  e.provider = "openai";
  e.base_url = url;
  return e;
}

TEST(RetryBudget, LetsAFifthOfTheCallsTryAgain) {
  RetryBudgetOptions options;
  options.per_second = 0;
  RetryBudget budget(options);
  catalog::Endpoint e = place("http://a");
  MonoTime now{};
  int retries = 0;
  for (int call = 0; call < 1'000; ++call) {
    budget.visited(e, now);
    if (budget.take(e, now)) ++retries;
  }
  // The burst, and a fifth of a token for each call; a little less for the calls of a full bucket.
  EXPECT_GE(retries, 200);
  EXPECT_LE(retries, 211);
}

TEST(RetryBudget, ComesBackWithTimeAndIsOfOnePlace) {
  RetryBudgetOptions options;
  options.burst = 2;
  RetryBudget budget(options);
  catalog::Endpoint e = place("http://a");
  catalog::Endpoint other = place("http://b");
  MonoTime now{};
  EXPECT_TRUE(budget.take(e, now));
  EXPECT_TRUE(budget.take(e, now));
  EXPECT_FALSE(budget.take(e, now));
  EXPECT_TRUE(budget.take(other, now));
  EXPECT_FALSE(budget.take(e, now + 900ms));
  EXPECT_TRUE(budget.take(e, now + 1s));
  EXPECT_NEAR(budget.left(e, now + 1min), 2, 1e-9) << "no more than a full bucket";
}

TEST_F(Faults, AnOutageIsNotAmplified) {
  parts_.settings.retries.per_second = 0;
  make();
  add("a.test");
  imposter("a.test").script(error_answer(500, "boom"));
  for (int call = 0; call < 100; ++call) {
    health_ = catalog::Health(loop_);  // the circuit would end it sooner
    EXPECT_FALSE(run(call_for(request_body(false))));
  }
  size_t requests = imposter("a.test").requests().size();
  EXPECT_GE(requests, 120u) << "the burst and a fifth";
  EXPECT_LE(requests, 132u);
  auto last = run(call_for(request_body(false)));
  ASSERT_FALSE(last);
  EXPECT_NE(last.error().error.to_string().find("retry budget"), std::string::npos)
      << last.error().error.to_string();
}

TEST_F(Faults, AnotherPlaceNeedsNoBudget) {
  parts_.settings.retries.burst = 0;
  make();
  add("a.test");
  add("b.test");
  imposter("a.test").script(error_answer(500, "boom"));
  imposter("b.test").script(answer(200, chat_body("ok")));
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(imposter("a.test").requests().size(), 1u) << "no token, no second try there";
}

/// Two accounts of one place.
class FaultsOfAccounts : public Faults {
 protected:
  FaultsOfAccounts() {
    add("a.test");
    add("a.test", "env:OTHER_KEY");
    endpoints_[1].id = "a.test#2";
    for (catalog::Endpoint& e : endpoints_) e.site = "a.test";
    EXPECT_TRUE(catalog_.replace(endpoints_));
  }
  std::string key_of(size_t request) {
    const std::string& text = imposter("a.test").requests().at(request);
    return text.find("sk-canary") != std::string::npos ? "first" : "second";
  }
  // The fixture's add() refuses a second endpoint of one id; here it gets its own at once.
  void add(const std::string& host, const std::string& key = "env:GOOD_KEY") {
    if (endpoints_.empty()) return Faults::add(host, key);
    catalog::Endpoint e = endpoints_.front();
    e.credentials.source = key;
    endpoints_.push_back(std::move(e));
  }
};

TEST_F(FaultsOfAccounts, ARefusedKeyIsFollowedByTheNextAndNotUsedAgain) {
  imposter("a.test").script(error_answer(401, "invalid_api_key"));
  imposter("a.test").script(answer(200, chat_body("ok")));
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->endpoint->id, "a.test#2");
  EXPECT_EQ(key_of(0), "first");
  EXPECT_EQ(key_of(1), "second");
  ASSERT_TRUE(run(call_for(request_body(false))));
  ASSERT_EQ(imposter("a.test").requests().size(), 3u);
  EXPECT_EQ(key_of(2), "second");
}

TEST_F(FaultsOfAccounts, AnAccountWithoutQuotaIsPassedOver) {
  imposter("a.test").script(error_answer(429, "insufficient_quota"));
  imposter("a.test").script(answer(200, chat_body("ok")));
  ASSERT_TRUE(run(call_for(request_body(false))));
  ASSERT_TRUE(run(call_for(request_body(false))));
  EXPECT_EQ(imposter("a.test").requests().size(), 3u);
  EXPECT_FALSE(health_.check(endpoints_[0]).usable());
  EXPECT_TRUE(health_.check(endpoints_[1]).usable());
}

TEST_F(FaultsOfAccounts, ALimitIsOneAccountsAnOutageIsBoth) {
  imposter("a.test").script(error_answer(429, "rate_limit", "retry-after: 60\r\n"));
  imposter("a.test").script(answer(200, chat_body("ok")));
  ASSERT_TRUE(run(call_for(request_body(false))));
  EXPECT_FALSE(health_.check(endpoints_[0]).usable());
  EXPECT_TRUE(health_.check(endpoints_[1]).usable());

  health_ = catalog::Health(loop_);
  imposter("a.test").script(error_answer(503, "overloaded"));
  ASSERT_TRUE(run(call_for(request_body(false)))) << "the script before repeats once";
  size_t before = imposter("a.test").requests().size();
  auto out = run(call_for(request_body(false)));
  ASSERT_FALSE(out);
  EXPECT_EQ(imposter("a.test").requests().size(), before + 1)
      << "another key of an overloaded place is no better";
}

TEST_F(Faults, A429WithoutATimeIsTriedOnceMoreAfterAPause) {
  add("a.test");
  imposter("a.test").script(error_answer(429, "rate_limit"));
  imposter("a.test").script(answer(200, chat_body("ok")));
  MonoTime before = loop_.mono();
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_GE(loop_.mono() - before, limits::kRetryPause / 2);
  EXPECT_LE(loop_.mono() - before, limits::kRetryPause * 3 / 2);
  EXPECT_EQ(imposter("a.test").requests().size(), 2u);
}

TEST_F(Faults, AnEndpointsOwnDeadlinesHold) {
  struct Case {
    const char* reason;
    Duration at;
    ImposterScript script;
    catalog::Deadlines deadlines;
  };
  std::vector<Case> cases(4);
  cases[0].reason = "headers";
  cases[0].deadlines.headers = cases[0].at = 300ms;
  cases[1].reason = "first_token";
  cases[1].script = stream_head();
  cases[1].deadlines.first_token = cases[1].at = 400ms;
  cases[2].reason = "between_tokens";
  cases[2].script = stream_head();
  cases[2].script.then(sse(delta_chunk("x")), 100ms);
  cases[2].deadlines.between_tokens = 500ms;
  cases[2].at = 600ms;
  cases[3].reason = "answer";
  cases[3].script = stream_head();
  for (int i = 0; i < 100; ++i) cases[3].script.then(sse(delta_chunk("x")), 100ms);
  cases[3].deadlines.total = cases[3].at = 700ms;
  for (Case& c : cases) {
    std::string host = std::string(c.reason) + ".test";
    add(host, "env:GOOD_KEY", c.reason);
    endpoints_.back().deadlines = c.deadlines;
    ASSERT_TRUE(catalog_.replace(endpoints_));
    imposter(host).script(c.script);
    CollectSink sink(true);
    MonoTime before = loop_.mono();
    auto out = run(call_for(request_body(true), {c.reason}), &sink);
    ASSERT_FALSE(out) << c.reason;
    EXPECT_EQ(out.error().error.code, Code::kDeadlineExceeded) << c.reason;
    EXPECT_EQ(out.error().error.reason, c.reason) << out.error().error.to_string();
    EXPECT_EQ(loop_.mono() - before, c.at) << c.reason;
  }
}

TEST_F(Faults, AnAttemptsOwnTimeIsFollowedByTheNextEndpoint) {
  add("a.test");
  add("b.test");
  endpoints_[0].deadlines.total = 300ms;
  ASSERT_TRUE(catalog_.replace(endpoints_));
  ImposterScript head = stream_head();
  imposter("a.test").script(head);
  imposter("b.test").script(good_stream());
  CollectSink sink(true);
  auto out = run(call_for(request_body(true)), &sink);
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->endpoint->id, "b.test");
  EXPECT_FALSE(health_.check(endpoints_[0]).reason == "cancelled");
}

std::string limited_body(int max_tokens) {
  return R"({"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,"max_tokens":)" +
         std::to_string(max_tokens) + "}";
}

TEST_F(Faults, AnAnswerBeyondMaxTokensIsCutInsideTheStream) {
  add("a.test");
  ImposterScript endless = stream_head();
  for (int i = 0; i < 1'000; ++i) endless.then(sse(delta_chunk("word ")), 1ms);
  imposter("a.test").script(endless);
  CollectSink sink(true);
  auto out = run(call_for(limited_body(20)), &sink);
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_TRUE(out->answer->cut_at_limit);
  EXPECT_EQ(out->answer->response.finish_reason, contract::FinishReason::kLength);
  EXPECT_TRUE(out->answer->response.usage.estimated);
  EXPECT_EQ(sink.visible, 63) << "20 and a half, and the slack, and the one that was too much";
  EXPECT_NE(sink.events.back().find(R"("finish_reason":"length")"), std::string::npos);

  ModelCall neutral = neutral_call();
  auto chat = neutral.prompt.chat();
  contract::ChatRequest request = **chat;
  request.max_tokens = 20;
  request.stream = true;
  neutral.prompt = providers::Prompt::from_chat(std::move(request));
  CollectSink deltas(false);
  auto second = run(std::move(neutral), &deltas);
  ASSERT_TRUE(second) << second.error().error.to_string();
  EXPECT_EQ(second->answer->response.finish_reason, contract::FinishReason::kLength);
  EXPECT_EQ(second->answer->response.message.text().size(), 63u * 5);
}

TEST_F(Faults, AnAnswerWithinMaxTokensIsLeftAlone) {
  add("a.test");
  ImposterScript stream = stream_head();
  // Large events of many tokens, and small ones of none.
  for (int i = 0; i < 10; ++i) stream.then(sse(delta_chunk(std::string(200, 'x'))), 1ms);
  stream.then(sse(finish_chunk()) + sse(usage_chunk(10, 500)) + end_of_stream());
  imposter("a.test").script(stream);
  CollectSink sink(true);
  auto out = run(call_for(limited_body(500)), &sink);
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_FALSE(out->answer->cut_at_limit);
  EXPECT_EQ(out->answer->response.usage.output_tokens, 500);
}

TEST(OutputMeter, CountsNoMoreThanWasSaid) {
  providers::OutputMeter words;
  for (int i = 0; i < 100; ++i) words.add(6);
  EXPECT_EQ(words.tokens(), 100);
  providers::OutputMeter letters;  // one token a word of four, sent letter by letter
  for (int i = 0; i < 400; ++i) letters.add(1);
  EXPECT_EQ(letters.tokens(), 100);
  providers::OutputMeter blocks;  // hundred tokens an event
  for (int i = 0; i < 10; ++i) blocks.add(400);
  EXPECT_EQ(blocks.tokens(), 250) << "less than the thousand that it is, never more";
  EXPECT_TRUE(words.over(40));
  EXPECT_FALSE(words.over(60));
}

}  // namespace
}  // namespace drover::road
