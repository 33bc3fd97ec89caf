// Callers who leave: what they asked for is drained to its usage, within bounds.

#include "base/limits/road.h"
#include "road/road_test_fixture.h"

namespace drover::road {
namespace {

class RoadLeaving : public RoadFixture {};

Task<void> leave_after(async::CancelSource* source, Duration d) {
  Context ctx = source->context();
  Result<void> slept = co_await async::sleep_for(ctx, d);
  if (slept) source->cancel("connection closed");
}

TEST_F(RoadLeaving, AClientThatLeavesIsDrainedToTheUsage) {
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

TEST_F(RoadLeaving, NothingIsBegunForACallerWhoHasGone) {
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

TEST_F(RoadLeaving, TooManyDrainsAreCut) {
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

TEST_F(RoadLeaving, ADrainIsBoundedAndThenEstimated) {
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

}  // namespace
}  // namespace drover::road
