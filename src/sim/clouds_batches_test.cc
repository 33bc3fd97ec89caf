// Slow calls in batches of simulated clouds, on virtual time, over processes that are killed: what
// is answered, what it costs, and that no line is done or booked twice.

#include "sim/clouds_batches_test_fixture.h"

namespace drover::sim {
namespace {

TEST_F(CloudsBatches, SessionsShareABatchAtHalfThePrice) {
  rules(R"({"takes_ms": 7200000})");
  auto parked = ask_all(3);
  for (const auto& r : parked) EXPECT_TRUE(is_parked(*r));
  EXPECT_EQ(batches_at_cloud(), 1);
  EXPECT_EQ(p_->accounts->open(), 3u) << "reserved while it lies there";
  loop_.run_for(1h);
  EXPECT_TRUE(woken_.empty());
  EXPECT_TRUE(is_parked(ask("ses_1"))) << "asked too early, it goes on waiting";
  loop_.run_for(90min);
  EXPECT_EQ(woken_.size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const std::string name = "ses_" + std::to_string(i);
    road::ModelResult r = ask(name);
    ASSERT_TRUE(r) << r.error().error.to_string();
    EXPECT_EQ(r->answer->response.message.text(), "you said: hello " + name);
    EXPECT_EQ(r->answer->response.service_tier, "batch");
    EXPECT_TRUE(r->cost_known);
  }
  const trace::LedgerSums batch = sums("batch");
  EXPECT_EQ(batch.calls, 3);
  EXPECT_EQ(batch.cost, *Money::parse_usd("0.000001") * batch.input_tokens +
                            *Money::parse_usd("0.000004") * batch.output_tokens);
  expect_books_agree();
  EXPECT_EQ(at_cloud("files"), 2) << "kept until its answers are";
  loop_.run_for(30min);  // its files are gone, and nothing is left of it
  EXPECT_EQ(documents(), 0u);
  EXPECT_EQ(at_cloud("files"), 0);
}

TEST_F(CloudsBatches, AzureHasThemToo) {
  serve(CloudKind::kAzure);
  EXPECT_TRUE(is_parked(ask("ses_1")));
  loop_.run_for(5min);
  road::ModelResult r = ask("ses_1");
  ASSERT_TRUE(r) << r.error().error.to_string();
  EXPECT_EQ(r->endpoint->id, "azure");
}

TEST_F(CloudsBatches, AnAnswerThatWasLostMakesNoSecondBatch) {
  Fault fault;
  fault.kind = FaultKind::kCutBeforeHeaders;
  fault.path = "batches";
  ASSERT_TRUE(openai().faults().add(fault));
  EXPECT_TRUE(is_parked(ask("ses_1")));
  EXPECT_EQ(batches_at_cloud(), 1);
  loop_.run_for(5min);
  EXPECT_TRUE(ask("ses_1"));
  expect_books_agree();
}

TEST_F(CloudsBatches, AKillAtAnyMomentDoublesAndLosesNothing) {
  rules(R"({"takes_ms": 60000})");
  // While it is collected, handed over, lies there, is read, and lies there read.
  for (Duration at :
       {Duration(2s), Duration(5s), Duration(5s + 1ms), Duration(5s + 3ms), Duration(5s + 5ms),
        Duration(30s), Duration(70s), Duration(80s), Duration(100s), Duration(10min)}) {
    const std::string name = "ses_" + std::to_string(at.count());
    std::optional<road::ModelResult> first;
    async::Scope scope{Context(loop_)};
    scope.spawn(ask_into(p_->road.get(), scope.context(), call_of(name, "hello"), &first));
    loop_.run_for(at);
    scope.cancel();
    loop_.run_task(scope.join());
    kill();
    // Its session is awake or not; it asks when it is woken, or at the start.
    road::ModelResult r = ask(name);
    for (int i = 0; i < 50 && is_parked(r); ++i) {
      loop_.run_for(30s);
      r = ask(name);
    }
    ASSERT_TRUE(r) << format_duration(at) << ": " << r.error().error.to_string();
    if (at >= 30s) EXPECT_EQ(r->answer->response.service_tier, "batch") << format_duration(at);
    loop_.run_for(1h);
    EXPECT_EQ(sums().calls, static_cast<int64_t>(++asked_)) << format_duration(at);
    expect_books_agree();
  }
}

TEST_F(CloudsBatches, WhatABatchDoesNotAnswerGoesTheOrdinaryWay) {
  rules(R"({"takes_ms": 60000, "ends": "expired", "lines_done": 2, "error_lines": 1})");
  for (const auto& r : ask_all(3)) EXPECT_TRUE(is_parked(*r));
  loop_.run_for(5min);
  EXPECT_EQ(woken_.size(), 3u);
  EXPECT_EQ(p_->accounts->open(), 0u);
  int plain = 0;
  for (int i = 0; i < 3; ++i) {
    road::ModelResult r = ask("ses_" + std::to_string(i));
    ASSERT_TRUE(r) << r.error().error.to_string();
    plain += r->answer->response.service_tier != "batch" ? 1 : 0;
  }
  EXPECT_EQ(plain, 2) << "one line had an error, one was not run";
  expect_books_agree();
  rules(R"({"ends": "failed"})");
  EXPECT_TRUE(is_parked(ask("ses_x")));
  loop_.run_for(5min);
  EXPECT_TRUE(ask("ses_x"));
  expect_books_agree();
}

TEST_F(CloudsBatches, ItsPlacementIsToldWithItsAnswerThoughTheProcessWasKilled) {
  rules(R"({"takes_ms": 60000})");
  auto asked = [&] {
    road::ModelCall call = call_of("ses_1", "hello");
    call.ladder.push_back("other");
    return loop_.run_task(p_->road->call_model(Context(loop_), std::move(call), nullptr));
  };
  EXPECT_TRUE(is_parked(asked()));
  kill();
  loop_.run_for(5min);
  road::ModelResult r = asked();
  ASSERT_TRUE(r) << r.error().error.to_string();
  EXPECT_EQ(r->answer->response.service_tier, "batch");
  EXPECT_FALSE(r->placement.epochs().catalog.empty());
  EXPECT_EQ(r->placement.epochs().policy, "builtin");
  ASSERT_EQ(r->placement.notes->rejected.size(), 1u);
  EXPECT_EQ(r->placement.notes->rejected[0].endpoint, "other");
  EXPECT_EQ(r->placement.notes->rejected[0].reason, "no endpoint serves this model");
}

TEST_F(CloudsBatches, WhatTheRulesForbidMeanwhileIsNotHandedOver) {
  std::optional<road::ModelResult> out;
  async::Scope scope{Context(loop_)};
  scope.spawn(ask_into(p_->road.get(), scope.context(), call_of("ses_1", "hello"), &out));
  loop_.run_for(2s);
  policy::PolicySpec spec;
  spec.floor = *contract::DataClass::parse("residency=de");
  policy_.replace(*policy::Policy::make(std::move(spec)));
  loop_.run_task(scope.join());
  ASSERT_TRUE(out.has_value());
  ASSERT_FALSE(*out);
  EXPECT_EQ(out->error().error.reason, "no_place") << out->error().error.to_string();
  EXPECT_EQ(batches_at_cloud(), 0);
  EXPECT_EQ(at_cloud("files"), 0);
  EXPECT_EQ(p_->accounts->open(), 0u);
}

TEST_F(CloudsBatches, WhatMayNotLieThereIsAnsweredAtOnce) {
  EXPECT_TRUE(ask("ses_short", Context(loop_).with_timeout(1h))) << "no time for it";
  auto with_class = [&](std::string_view text) {
    road::ModelCall call = call_of("ses_" + std::string(text), "hello");
    call.data_class = *contract::DataClass::parse(text);
    return loop_.run_task(p_->road->call_model(Context(loop_), std::move(call), nullptr));
  };
  EXPECT_FALSE(is_parked(with_class("retention=30d"))) << "its files lie there";
  serve(CloudKind::kOpenAi, "{}");
  EXPECT_TRUE(ask("ses_fact")) << "nobody said that it takes batches";
  serve(CloudKind::kOpenAi);
  road::ModelCall hurried = call_of("ses_fast", "hello");
  hurried.service_class = road::ServiceClass::kAuto;
  EXPECT_TRUE(loop_.run_task(p_->road->call_model(Context(loop_), std::move(hurried), nullptr)));
  road::ModelCall plain = call_of("ses_slow", "hello");
  plain.batch_within.reset();
  EXPECT_TRUE(loop_.run_task(p_->road->call_model(Context(loop_), std::move(plain), nullptr)))
      << "slow alone does not ask for it";
  road::ModelCall again = call_of("ses_again", "hello");
  again.was_batched = true;
  EXPECT_TRUE(loop_.run_task(p_->road->call_model(Context(loop_), std::move(again), nullptr)))
      << "once is enough";
  EXPECT_EQ(batches_at_cloud(), 0);
}

TEST_F(CloudsBatches, WhoLeavesBeforeItIsSentIsNotInIt) {
  std::optional<road::ModelResult> left;
  async::Scope scope{Context(loop_)};
  scope.spawn(ask_into(p_->road.get(), scope.context(), call_of("ses_left", "hello"), &left));
  loop_.run_for(1s);
  scope.cancel();
  loop_.run_task(scope.join());
  EXPECT_TRUE(is_parked(ask("ses_stays")));
  loop_.run_for(5min);
  EXPECT_EQ(sums("batch").calls, 1);
}

TEST_F(CloudsBatches, BudgetsHoldAndWhatIsUnderWayIsBookedWhateverTheySay) {
  auto budget = road::budget_from_json(*Json::parse(R"({"name": "b", "money": 0.0006})"));
  ASSERT_TRUE(budget) << budget.error().message;
  budgets_ = {*budget};
  kill();
  EXPECT_TRUE(is_parked(ask("ses_1")));
  auto narrow = road::budget_from_json(*Json::parse(R"({"name": "c", "money": 0.0000001})"));
  budgets_ = {*narrow};
  kill();
  loop_.run_for(5min);
  EXPECT_EQ(sums("batch").calls, 1) << "billed, so booked";
  EXPECT_TRUE(ask("ses_1"));
  road::ModelResult refused = ask("ses_2");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.reason, "budget_exceeded");
}

TEST_F(CloudsBatches, WhatTakesLongerThanItMayGoesTheOrdinaryWay) {
  rules(R"({"takes_ms": 86400000})");
  road::ModelCall call = call_of("ses_1", "hello");
  call.batch_within = 1h;
  EXPECT_TRUE(
      is_parked(loop_.run_task(p_->road->call_model(Context(loop_), std::move(call), nullptr))));
  loop_.run_for(50min);
  EXPECT_TRUE(woken_.empty());
  loop_.run_for(80min);
  EXPECT_GE(woken_["ses_1"], 1);
  EXPECT_EQ(at_cloud("in_progress"), 0) << "it is cancelled";
  road::ModelResult r = ask("ses_1");
  ASSERT_TRUE(r) << r.error().error.to_string();
  EXPECT_NE(r->answer->response.service_tier, "batch");
  loop_.run_for(3h);
  EXPECT_EQ(documents(), 0u);
  EXPECT_EQ(p_->accounts->open(), 0u);
}

TEST_F(CloudsBatches, ABatchThatNobodyWaitsForIsCancelled) {
  rules(R"({"takes_ms": 36000000})");
  for (const auto& r : ask_all(2)) EXPECT_TRUE(is_parked(*r));
  p_->road->session_over("ses_0");
  loop_.run_for(30min);
  EXPECT_EQ(at_cloud("in_progress"), 1) << "another session waits for it";
  p_->road->session_over("ses_1");
  loop_.run_for(20min);
  EXPECT_EQ(at_cloud("cancelled"), 1);
  EXPECT_EQ(at_cloud("files"), 0);
  EXPECT_EQ(documents(), 0u);
  EXPECT_TRUE(woken_.empty());
  EXPECT_EQ(sums().calls, 0) << "nothing was run, nothing is booked";
  EXPECT_EQ(p_->accounts->open(), 0u);
}

// Its reservation lies as long as the batch; the end of the session was long before.
TEST_F(CloudsBatches, TheAccountOfAnEndedSessionGoesOnceItsBatchHasEnded) {
  budgets_ = {*road::budget_from_json(*Json::parse(R"({"name":"each","session":"*","money":9})"))};
  end();
  start();
  rules(R"({"takes_ms": 36000000})");
  auto look = [&] {
    loop_.run_task(p_->books->forget_over(Context(loop_)));
    return p_->accounts->report().size();
  };
  EXPECT_TRUE(is_parked(ask("ses_1")));
  EXPECT_EQ(look(), 1u);
  contract::Event first;
  first.session = SessionId("ses_1");
  first.sequence = 1;
  store::SessionRow row;
  row.id = first.session;
  row.tenant = TenantId("ten_1");
  row.status = "ended";
  ASSERT_TRUE(loop_.run_task(store_.journal().append(Context(loop_), row, 0, {first})));
  p_->road->session_over("ses_1");
  EXPECT_EQ(look(), 1u) << "what it reserved is not settled";
  loop_.run_for(50min);
  EXPECT_EQ(p_->accounts->open(), 0u);
  EXPECT_EQ(look(), 0u);
}

TEST_F(CloudsBatches, WhoWasNotReachedIsToldAgain) {
  EXPECT_TRUE(is_parked(ask("ses_1")));
  loop_.run_for(5min);
  const int before = woken_["ses_1"];
  EXPECT_GE(before, 2);
  loop_.run_for(1h);
  EXPECT_GT(woken_["ses_1"], before);
  EXPECT_LT(woken_["ses_1"], before + 6) << "ever more seldom";
  EXPECT_TRUE(ask("ses_1"));
  const int told = woken_["ses_1"];
  loop_.run_for(3h);
  EXPECT_EQ(woken_["ses_1"], told);
  EXPECT_EQ(documents(), 0u);
}

TEST_F(CloudsBatches, ABatchWhoseEndIsNotLearntIsBookedAtMost) {
  rules(R"({"takes_ms": 7200000})");
  EXPECT_TRUE(is_parked(ask("ses_1")));
  Fault dumb;
  dumb.kind = FaultKind::kError500;
  dumb.path = "batches/";
  dumb.count = -1;
  ASSERT_TRUE(openai().faults().add(dumb));
  loop_.run_for(26h);
  EXPECT_EQ(sums("batch").failed, 1);
  EXPECT_EQ(sums("batch").estimated, 1) << "it may be billed";
  EXPECT_EQ(p_->accounts->open(), 0u);
  road::ModelResult r = ask("ses_1");
  ASSERT_TRUE(r) << r.error().error.to_string();
}

TEST_F(CloudsBatches, FilesThatWereLeftBehindAreRemoved) {
  // Killed while the answers' files are removed, and while the requests' file is sent.
  for (Duration at : {Duration(5s + 1ms), Duration(5s + 2ms), Duration(5s + 4ms)}) {
    std::optional<road::ModelResult> first;
    async::Scope scope{Context(loop_)};
    const std::string name = "ses_" + std::to_string(at.count());
    scope.spawn(ask_into(p_->road.get(), scope.context(), call_of(name, "hello"), &first));
    loop_.run_for(at);
    scope.cancel();
    loop_.run_task(scope.join());
    kill();
    loop_.run_for(26h);  // nobody asks for it
    EXPECT_EQ(at_cloud("files"), 0) << format_duration(at);
    EXPECT_EQ(documents(), 0u) << format_duration(at);
    expect_books_agree();
  }
}

}  // namespace
}  // namespace drover::sim
