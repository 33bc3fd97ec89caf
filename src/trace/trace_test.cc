#include "base/limits/trace.h"

#include <gtest/gtest.h>

#include <cmath>

#include "async/sim_loop.h"
#include "async/sync.h"
#include "base/random.h"
#include "store/memory/memory_store.h"
#include "trace/genai.h"
#include "trace/metrics.h"
#include "trace/ring_sink.h"
#include "trace/store_sink.h"
#include "trace/tree.h"

namespace drover::trace {
namespace {

using async::Context;
using async::Task;

TEST(Span, NestsAndIsHandedOverOnce) {
  async::SimLoop loop;
  SeededRandom random(1);
  RingSink ring;
  Context ctx(loop);
  {
    Span root(ctx, &ring, random, "chat m", "CLIENT");
    root.set_session("ses_1");
    loop.run_for(5ms);
    Span child(ctx.with_span(root.id()), &ring, random, "attempt a");
    child.fail(Error(Code::kUnavailable, "gone").with_reason("cut"));
    child.event("retry", Json::object().set("n", 1));
    loop.run_for(3ms);
    Span moved = std::move(child);
    moved.end();
    moved.end();
  }
  ASSERT_EQ(ring.spans().size(), 2u);
  const store::SpanRow& child = ring.spans()[0];
  const store::SpanRow& root = ring.spans()[1];
  EXPECT_EQ(child.parent_span_id, root.context.span_id);
  EXPECT_EQ(child.context.trace_id, root.context.trace_id);
  EXPECT_TRUE(root.is_root());
  EXPECT_EQ(child.duration, Duration(3ms));
  EXPECT_EQ(root.duration, Duration(8ms));
  EXPECT_TRUE(child.error);
  EXPECT_EQ(child.attributes.json().get_string("error.type"), "cut");
  EXPECT_EQ(child.events.array_items()->size(), 1u);
  EXPECT_EQ(ring.by_session("ses_1").size(), 1u);
}

TEST(Span, BeginsBelowOneThatGoesOnAndEndsWhenItIsTold) {
  async::SimLoop loop;
  SeededRandom random(1);
  RingSink ring;
  {
    Span root(Context(loop), &ring, random, "chat m", "CLIENT");
    loop.run_for(5ms);
    Span child;
    child.begin(root, random, {"attempt", "a"}, "CLIENT");
    const MonoTime now = loop.mono() + Duration(2ms);
    child.end(now);
    child.end(now);
    child.end();
  }
  ASSERT_EQ(ring.spans().size(), 2u);
  const store::SpanRow& child = ring.spans()[0];
  const store::SpanRow& root = ring.spans()[1];
  EXPECT_EQ(child.name, "attempt a");
  EXPECT_EQ(child.parent_span_id, root.context.span_id);
  EXPECT_EQ(child.context.trace_id, root.context.trace_id);
  EXPECT_EQ(child.start, root.start + Duration(5ms));
  EXPECT_EQ(child.duration, Duration(2ms));
}

TEST(Span, EventsAndTheRingAreBounded) {
  async::SimLoop loop;
  SeededRandom random(1);
  RingSink ring(3);
  {
    Span span(Context(loop), &ring, random, "s");
    for (size_t i = 0; i < limits::kSpanEventsMax + 7; ++i) span.event("e", Json::object());
  }
  EXPECT_EQ(ring.spans()[0].events.array_items()->size(), limits::kSpanEventsMax);
  EXPECT_EQ(ring.spans()[0].attributes.json().get_int("drover.dropped_events"), 7);
  for (int i = 0; i < 5; ++i) Span(Context(loop), &ring, random, "t");
  EXPECT_EQ(ring.spans().size(), 3u);
  EXPECT_EQ(ring.total(), 6u);
}

TEST(Metrics, ExposesCountersGaugesAndHistograms) {
  Metrics metrics;
  Family& calls = metrics.counter("b_total", "Calls, \"all\"\nof them.", {"model", "outcome"});
  calls.with({"m\"1\\", "ok"}).add(2);
  calls.with({"m\"1\\", "ok"}).add(1);
  metrics.gauge("a_gauge", "A gauge.").with({}).set(1.5);
  metrics.gauge_of("d_gauge", "Read when asked.", [] { return 7.0; });
  Family& times = metrics.histogram("c_seconds", "Times.", {"op"}, {0.1, 1});
  times.with({"x"}).observe(0.1);
  times.with({"x"}).observe(0.5);
  times.with({"x"}).observe(9);
  EXPECT_EQ(metrics.expose(),
            "# HELP a_gauge A gauge.\n# TYPE a_gauge gauge\na_gauge 1.5\n"
            "# HELP b_total Calls, \"all\"\\nof them.\n# TYPE b_total counter\n"
            "b_total{model=\"m\\\"1\\\\\",outcome=\"ok\"} 3\n"
            "# HELP c_seconds Times.\n# TYPE c_seconds histogram\n"
            "c_seconds_bucket{op=\"x\",le=\"0.1\"} 1\nc_seconds_bucket{op=\"x\",le=\"1\"} 2\n"
            "c_seconds_bucket{op=\"x\",le=\"+Inf\"} 3\nc_seconds_sum{op=\"x\"} 9.6\n"
            "c_seconds_count{op=\"x\"} 3\n"
            "# HELP d_gauge Read when asked.\n# TYPE d_gauge gauge\nd_gauge 7\n");
}

TEST(Metrics, AValueIsCountedInItsBucketWhateverCameBefore) {
  const std::vector<double> values = {-1, 0, 1, 1.5, 2, 3, 4, 4.5, std::nan(""), INFINITY};
  const std::vector<std::string> buckets = {"1", "2", "4", "+Inf"};
  const auto first_with = [&](double x) {
    return std::isnan(x) || x <= 1 ? 0u : x <= 2 ? 1u : x <= 4 ? 2u : 3u;
  };
  for (double before : values) {
    for (double x : values) {
      Metrics metrics;
      Series& series = metrics.histogram("h", "H.", {}, {1, 2, 4}).with({});
      series.observe(before);
      series.observe(x);
      series.observe(x);
      const std::string text = metrics.expose();
      for (size_t i = 0; i < buckets.size(); ++i) {
        const int count = (first_with(before) <= i ? 1 : 0) + (first_with(x) <= i ? 2 : 0);
        const std::string line =
            "h_bucket{le=\"" + buckets[i] + "\"} " + std::to_string(count) + "\n";
        EXPECT_NE(text.find(line), std::string::npos)
            << before << ", " << x << ": " << line << text;
      }
    }
  }
}

TEST(Metrics, SeriesAreBounded) {
  Metrics metrics;
  Family& family = metrics.counter("x_total", "X.", {"name"});
  for (size_t i = 0; i < limits::kMetricSeriesMax + 50; ++i) {
    family.with({std::to_string(i)}).add(1);
  }
  EXPECT_EQ(family.series(), limits::kMetricSeriesMax + 1);
  EXPECT_EQ(family.with({"other"}).value(), 50);
}

store::SpanRow row(int id, int parent, std::string name, Duration took) {
  store::SpanRow out;
  out.context.trace_id[0] = 1;
  out.context.span_id[0] = static_cast<uint8_t>(id);
  out.context.span_id[1] = static_cast<uint8_t>(id >> 8);
  if (parent != 0) {
    SpanContext above;
    above.trace_id[0] = 1;
    above.span_id[0] = static_cast<uint8_t>(parent);
    above.span_id[1] = static_cast<uint8_t>(parent >> 8);
    out.parent_span_id = above.span_id;
  }
  out.name = std::move(name);
  out.start = wall_from_unix_millis(1000 + id);
  out.duration = took;
  return out;
}

TEST(Tree, SumsTokensMoneyAndTime) {
  std::vector<store::SpanRow> spans;
  spans.push_back(row(3, 2, "attempt a", 40ms));
  spans.push_back(row(2, 1, "chat m", 50ms));
  spans.back().attributes = Json::object()
                                .set("gen_ai.usage.input_tokens", 10)
                                .set("gen_ai.usage.output_tokens", 5)
                                .set("drover.cost_usd", "0.25")
                                .set("drover.needs", "vision")
                                .set("drover.placement", "frankfurt, munich")
                                .set("drover.placement.rejected", "virginia -> residency: no")
                                .set("drover.latency.model", 40'000'000)
                                .set("drover.latency.other", 10'000'000);
  spans.push_back(row(4, 1, "execute_tool x", 20ms));
  spans.back().attributes = Json::object()
                                .set("drover.tool.batch", 6)
                                .set("drover.tool.tries", 2)
                                .set("drover.tool.coalesced", true)
                                .set("drover.latency.tool", 20'000'000);
  spans.back().error = true;
  spans.push_back(row(1, 0, "invoke_agent support", 100ms));
  TraceTree tree = build_tree(spans);
  ASSERT_EQ(tree.roots.size(), 1u);
  const TraceNode& root = tree.roots[0];
  EXPECT_EQ(root.children.size(), 2u);
  EXPECT_EQ(root.tokens.input, 10);
  EXPECT_EQ(root.cost.usd(), "0.25");
  EXPECT_EQ(root.latency.at("model"), Duration(40ms));
  EXPECT_EQ(root.latency.at("tool"), Duration(20ms));
  std::string text = render_text(tree);
  EXPECT_NE(text.find("├─ chat m  50 ms"), std::string::npos) << text;
  EXPECT_NE(text.find("│  └─ attempt a"), std::string::npos) << text;
  EXPECT_NE(text.find("└─ execute_tool x"), std::string::npos) << text;
  const char* placed = "│  │  * placed at frankfurt, munich; not virginia -> residency: no\n";
  EXPECT_NE(text.find(placed), std::string::npos) << text;
  EXPECT_NE(text.find("FAILED"), std::string::npos) << text;
  EXPECT_NE(text.find("(needs vision)"), std::string::npos) << text;
  EXPECT_NE(text.find("(coalesced, batch of 6, 2 tries)"), std::string::npos) << text;
  Json json = render_json(tree);
  EXPECT_EQ(json.find("roots")->array_items()->at(0).get_string("cost_usd"), "0.25");
}

TEST(Tree, APlacementIsOneShortLine) {
  std::vector<store::SpanRow> spans;
  spans.push_back(row(1, 0, "chat m", 1ms));
  std::string rejected;
  for (int i = 0; i < 200; ++i) rejected += "ü -> residency: no; ";
  spans.back().attributes =
      Json::object().set("drover.placement", "").set("drover.placement.rejected", rejected);
  std::string text = render_text(build_tree(spans));
  EXPECT_NE(text.find("* placed nowhere; not ü -> residency: no;"), std::string::npos) << text;
  EXPECT_LT(text.size(), 300u) << text;
  EXPECT_TRUE(text.ends_with("…\n")) << text;
}

TEST(Tree, TrustsNobody) {
  std::vector<store::SpanRow> spans;
  spans.push_back(row(1, 2, "a", 1ms));  // a ring
  spans.push_back(row(2, 1, "b", 1ms));
  spans.push_back(row(3, 3, "self", 1ms));
  spans.push_back(row(4, 99, "orphan", 1ms));
  TraceTree tree = build_tree(spans);
  EXPECT_EQ(tree.roots.size(), 3u);
  std::vector<store::SpanRow> deep;
  for (int i = 1; i <= 10'000; ++i) deep.push_back(row(i, i - 1, "d", 1ms));
  TraceTree flat = build_tree(deep);
  std::string text = render_text(flat);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 10'000);
}

/// A store that can be told to fail, and counts.
class FlakySpans final : public store::Spans {
 public:
  Task<Result<void>> write(Context ctx, std::shared_ptr<const store::SpanBatch> batch) override {
    ++writes;
    Result<void> slept = co_await async::sleep_for(ctx, took);
    if (!slept) co_return slept;
    if (failing) co_return fail(Code::kUnavailable, "disk full");
    stored += batch->count();
    co_return Result<void>();
  }
  Task<Result<std::vector<store::SpanRow>>> by_trace(Context ctx, std::string id) override {
    co_return std::vector<store::SpanRow>();
  }
  Task<Result<std::vector<store::SpanRow>>> by_session(Context ctx, SessionId id) override {
    co_return std::vector<store::SpanRow>();
  }
  Task<Result<size_t>> prune(Context ctx) override { co_return size_t{0}; }
  Task<Result<void>> remove_of(Context ctx, SessionId id) override { co_return Result<void>(); }
  bool failing = false;
  Duration took = 1ms;
  int writes = 0;
  size_t stored = 0;
};

TEST(StoreSink, BatchesWithinTheInterval) {
  async::SimLoop loop;
  FlakySpans spans;
  StoreSink sink(loop, spans);
  for (int i = 1; i <= 10; ++i) sink.emit(row(i, 0, "s", 1ms));
  loop.run_for(200ms);
  EXPECT_EQ(spans.writes, 0);
  loop.run_for(60ms);
  EXPECT_EQ(spans.writes, 1);
  EXPECT_EQ(spans.stored, 10u);
  for (size_t i = 1; i <= limits::kSpanBatchMax; ++i) sink.emit(row(1, 0, "s", 1ms));
  loop.run_for(5ms);
  EXPECT_EQ(spans.writes, 2) << "a full batch does not wait";
  sink.emit(row(1, 0, "s", 1ms));
  loop.run_task(sink.close());
  EXPECT_EQ(sink.written(), 11u + limits::kSpanBatchMax);
  EXPECT_EQ(sink.dropped(), 0u);
}

TEST(StoreSink, WhatComesDuringAWriteWaitsForItsOwnTime) {
  async::SimLoop loop;
  FlakySpans spans;
  StoreSink sink(loop, spans);
  spans.took = 10ms;
  sink.emit(row(1, 0, "s", 1ms));
  loop.run_for(255ms);
  EXPECT_EQ(spans.writes, 1);
  sink.emit(row(2, 0, "s", 1ms));
  loop.run_for(200ms);
  EXPECT_EQ(spans.writes, 1) << "a store under load is given batches, not every span";
  loop.run_for(100ms);
  EXPECT_EQ(spans.writes, 2);
  // Full ones are written one after another.
  for (size_t i = 0; i < 3 * limits::kSpanBatchMax; ++i) sink.emit(row(1, 0, "s", 1ms));
  loop.run_for(35ms);
  EXPECT_EQ(spans.stored, 2 + 3 * limits::kSpanBatchMax);
}

TEST(StoreSink, AFailingStoreLosesNothingWhileThereIsRoom) {
  async::SimLoop loop;
  FlakySpans spans;
  StoreSink sink(loop, spans, 100);
  spans.failing = true;
  for (int i = 0; i < 60; ++i) sink.emit(row(1, 0, "s", 1ms));
  loop.run_for(5s);
  EXPECT_EQ(sink.queued(), 60u);
  for (int i = 0; i < 60; ++i) sink.emit(row(1, 0, "s", 1ms));
  EXPECT_EQ(sink.dropped(), 20u);
  spans.failing = false;
  loop.run_for(5s);
  EXPECT_EQ(spans.stored, 100u);
  spans.took = 3600s;  // a store that hangs does not hang the close
  sink.emit(row(1, 0, "s", 1ms));
  MonoTime before = loop.mono();
  loop.run_task(sink.close());
  EXPECT_LE(loop.mono() - before, Duration(10s));
  EXPECT_EQ(sink.dropped(), 21u);
}

}  // namespace
}  // namespace drover::trace
