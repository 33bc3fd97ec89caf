// What is booked where no usage came: of attempts that failed, and of streams that do not tell it.

#include "base/limits/money.h"
#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

/// Free where nothing is stated.
struct Estimated {
  const char* name;
  bool stream = false;
  ImposterScript script;
  catalog::Deadlines deadlines = {};
  std::optional<int64_t> output = std::nullopt;
};

ImposterScript bytes_and_close(std::string bytes, Duration pause = Duration::zero()) {
  return ImposterScript().then(std::move(bytes), pause).and_close();
}

class Estimates : public RoadFixture {
 protected:
  Estimates() { set_no_retries(); }
  void set_no_retries() {
    parts_.settings.attempts_max = 1;
    make();
  }
  /// One attempt at an endpoint of its own; what it added to the sums.
  trace::LedgerSums booked(const Estimated& c) {
    const std::string host = std::string(c.name) + ".test";
    if (std::string_view(c.name) != "nobody") imposter(host).script(c.script);
    add(host, "env:GOOD_KEY", c.name);
    endpoints_.back().deadlines = c.deadlines;
    EXPECT_TRUE(catalog_.replace(endpoints_));
    const trace::LedgerSums before = sums();
    CollectSink sink(true);
    auto out = run(call_for(request_body(c.stream), {c.name}), c.stream ? &sink : nullptr);
    EXPECT_FALSE(out) << c.name;
    trace::LedgerSums after = sums();
    after.failed -= before.failed;
    after.estimated -= before.estimated;
    after.input_tokens -= before.input_tokens;
    after.output_tokens -= before.output_tokens;
    EXPECT_EQ(after.cost > before.cost, after.failed > 0) << c.name;
    return after;
  }
};

TEST_F(Estimates, WhatMayBeBilledIsBooked) {
  catalog::Deadlines headers, first, between, answers, total;
  headers.headers = 300ms;
  first.first_token = 400ms;
  between.between_tokens = 500ms;
  answers.answer = 10s;
  total.total = 200ms;
  const std::string head = "HTTP/1.1 200 X\r\ncontent-type: application/json\r\n";
  const std::string broke = R"({"error":{"message":"it broke","code":"server_error"}})";
  const std::vector<Estimated> cases = {
      // Our own deadlines: what was reserved, up to what can be said in that time.
      {"headers", true, {}, headers, 300},
      {"first_token", true, stream_head(), first, 400},
      {"answer", false, {}, answers, limits::kCallOutputTokensReserved},
      {"total", false, {}, total, 200},
      // What was said counts.
      {"between", true, stream_head().then(sse(delta_chunk(std::string(400, 'x')))), between, 101},
      {"cut",
       true,
       stream_head().then(sse(delta_chunk("x")) + sse(delta_chunk("y"))).and_close(),
       {},
       2},
      {"before_text", true, stream_head().then(sse(role_chunk())).and_close(), {}, 0},
      {"garbage_stream", true, stream_head().then(sse("{")), {}, 0},
      // An answer that came whole, or not.
      {"cut_body", false, bytes_and_close(head + "content-length: 1200\r\n\r\n{"), {}, 201},
      {"cut_chunks",
       false,
       bytes_and_close(head + "transfer-encoding: chunked\r\n\r\n" + chunk("{"), 2s),
       {},
       2'000},
      {"garbage", false, answer(200, "no json"), {}, 1},
      {"html", false, answer(200, "<html>", "", "text/html"), {}, 1},
      {"whole_for_stream", true, answer(200, std::string(1'200, 'x')), {}, 201},
      {"reset", false, ImposterScript().and_close(), {}, 1},
      {"broke", true, stream_head().then(sse(broke)), {}, 0},
  };
  for (const Estimated& c : cases) {
    trace::LedgerSums more = booked(c);
    EXPECT_EQ(more.failed, 1) << c.name;
    EXPECT_EQ(more.estimated, 1) << c.name;
    EXPECT_GT(more.input_tokens, 0) << c.name;
    const double slack = *c.output >= 200 && *c.output != 201 ? 2 : 0;  // of time
    EXPECT_NEAR(static_cast<double>(more.output_tokens), static_cast<double>(*c.output), slack)
        << c.name;
  }
}

TEST_F(Estimates, WhatWasRefusedOrNeverSentIsFree) {
  const std::string busy = R"({"error":{"message":"slow down","code":"rate_limit_exceeded"}})";
  const std::vector<Estimated> cases = {
      {"nobody", false, {}},
      {"unauthorised", false, answer(401, busy)},
      {"bad", true, answer(400, R"({"error":{"message":"no","code":"invalid_value"}})")},
      {"limited", true, answer(429, busy)},
      {"broken", false, answer(500, "{}")},
      {"overloaded", true, answer(503, "{}")},
      {"moved", false, answer(302, "")},
      // The same, under status 200.
      {"limited_inside", true, stream_head().then(sse(busy))},
      {"limited_whole", false, answer(200, busy)},
      {"limited_as_json", true, answer(200, busy)},
  };
  for (const Estimated& c : cases) {
    trace::LedgerSums more = booked(c);
    EXPECT_EQ(more.failed, 0) << c.name;
    EXPECT_EQ(more.input_tokens, 0) << c.name;
  }
}

TEST_F(Estimates, EachAttemptOfACallCounts) {
  parts_.settings.attempts_max = 6;
  make();
  for (const char* host : {"a.test", "b.test", "c.test"}) {
    add(host);
    endpoints_.back().deadlines.answer = 1s;
  }
  ASSERT_TRUE(catalog_.replace(endpoints_));
  imposter("a.test").script({});
  imposter("b.test").script({});
  imposter("c.test").script(answer(200, chat_body("ok")));
  auto out = run(call_for(request_body(false)));
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(sums().calls, 1);
  EXPECT_EQ(sums().failed, 2);
  EXPECT_EQ(sums().estimated, 2);
  EXPECT_NEAR(static_cast<double>(sums().output_tokens), 2'005, 3);
  EXPECT_EQ(out->cost, sums().cost);

  imposter("c.test").only({});
  auto failed = run(call_for(request_body(false)));
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().usage.estimated);
  EXPECT_NEAR(static_cast<double>(failed.error().usage.output_tokens.value_or(0)), 3'000, 5)
      << "of all its attempts";
}

TEST_F(Estimates, CallsThatTimeOutPassNoBudget) {
  add("a.test");
  endpoints_[0].deadlines.answer = 20s;
  ASSERT_TRUE(catalog_.replace(endpoints_));
  imposter("a.test").script({});
  Budget budget;
  budget.name = "all";
  budget.tokens = 20'000;
  ASSERT_TRUE(accounts_.set_budgets({budget}));
  int sent = 0;
  Error last;
  for (; sent < 20 && last.reason != "budget_exceeded"; ++sent) {
    health_ = catalog::Health(loop_);  // the circuit would end it sooner
    auto out = run(call_for(request_body(false)));
    ASSERT_FALSE(out);
    last = out.error().error;
  }
  EXPECT_EQ(last.reason, "budget_exceeded");
  EXPECT_EQ(sent, 5) << "four answers of 4096 tokens fit";
}

TEST_F(Estimates, ARawStreamWithoutUsageIsCountedByItsText) {
  add("a.test");
  ImposterScript large = stream_head();
  for (int i = 0; i < 10; ++i) large.then(sse(delta_chunk(std::string(400, 'x'))), 1ms);
  large.then(sse(finish_chunk()) + end_of_stream());
  imposter("a.test").script(large);
  ImposterScript small = stream_head();
  for (int i = 0; i < 40; ++i) small.then(sse(delta_chunk("I")), 1ms);
  small.then(sse(finish_chunk()) + end_of_stream());
  imposter("a.test").script(small);
  CollectSink raw(true);
  auto out = run(call_for(request_body(true)), &raw);
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_TRUE(out->answer->response.usage.estimated);
  EXPECT_EQ(out->answer->response.usage.output_tokens, 1'001) << "4000 bytes in ten events";
  out = run(call_for(request_body(true)), &raw);
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->answer->response.usage.output_tokens, 40) << "a token an event, at least";
  // Decoded streams are counted alike.
  imposter("a.test").only(large);
  CollectSink deltas(false);
  out = run(call_for(request_body(true)), &deltas);
  ASSERT_TRUE(out) << out.error().error.to_string();
  EXPECT_EQ(out->answer->response.usage.output_tokens, 1'001);
}

}  // namespace
}  // namespace drover::road
