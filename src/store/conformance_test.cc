// What every backend must do, run against each of them: the in-memory form; SQLite and the
// segmented log, each with everything on one thread and with threads of its own; the log on a
// simulated disk. A new backend is one line in kBackends. Here too: documents, spans and blobs.

#include <gtest/gtest.h>

#include "store/conformance_test_fixture.h"
#include "store/span_batch.h"

namespace drover::store {
namespace {

constexpr Backend kBackends[] = {{"memory", open_memory},
                                 {"sqlite_inline", open_sqlite_inline},
                                 {"sqlite_threads", open_sqlite_threads},
                                 {"log_inline", open_log_inline},
                                 {"log_threads", open_log_threads},
                                 {"log_sim", open_log_sim}};

INSTANTIATE_TEST_SUITE_P(Backends, Conformance, testing::ValuesIn(kBackends), name_of);

TEST_P(Conformance, DocumentsArePutReadListedAndRemoved) {
  Json value = *Json::parse(R"({"b":1.50,"a":[1,"\u00e9"],"b":2})");
  ASSERT_TRUE(run(documents().put(ctx_, "keys", "k2", value)));
  ASSERT_TRUE(run(documents().put(ctx_, "keys", "k1", Json("old"))));
  ASSERT_TRUE(run(documents().put(ctx_, "keys", "k1", Json("new"))));
  ASSERT_TRUE(run(documents().put(ctx_, "agents", "k1", Json("other"))));
  auto got = run(documents().get(ctx_, "keys", "k2"));
  ASSERT_TRUE(got && got->has_value());
  EXPECT_EQ(**got, value);
  auto all = run(documents().list(ctx_, "keys"));
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].first, "k1");
  EXPECT_EQ((*all)[0].second, Json("new"));
  EXPECT_TRUE(*run(documents().remove(ctx_, "keys", "k1")));
  EXPECT_FALSE(*run(documents().remove(ctx_, "keys", "k1")));
  EXPECT_FALSE(run(documents().get(ctx_, "keys", "k1"))->has_value());
  EXPECT_TRUE(run(documents().get(ctx_, "agents", "k1"))->has_value());
  auto refused = run(documents().put(ctx_, "", "k", value));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
}

SpanRow test_span(Random& random, const SpanContext& trace, const std::string& name,
                  WallTime start) {
  SpanRow row;
  row.context = trace.make_child(random);
  row.parent_span_id = trace.span_id;
  row.tenant = TenantId("ten_a");
  row.session = test_session(1).str();
  row.name = name;
  row.span_kind = "CLIENT";
  row.start = start;
  row.duration = 1234567ns;
  row.error = true;
  row.attributes = Json::object().set("gen_ai.usage.input_tokens", Json(12));
  row.events = Json::array();
  return row;
}

TEST_P(Conformance, SpansComeBackByTraceAndSession) {
  SeededRandom random(1);
  const SpanContext trace = SpanContext::make_root(random);
  const WallTime now = loop_.wall();
  SpanRow late = test_span(random, trace, "late", now + 2s);
  SpanRow early = test_span(random, trace, "early", now + 1s);
  SpanRow stateless = test_span(random, SpanContext::make_root(random), "call", now);
  stateless.session = "";
  ASSERT_TRUE(run(spans().write(ctx_, batch_of({late, early, stateless}))));
  auto rows = run(spans().by_trace(ctx_, trace.trace_id_hex()));
  ASSERT_TRUE(rows) << rows.error().to_string();
  ASSERT_EQ(rows->size(), 2u);
  const SpanRow& row = rows->front();
  EXPECT_EQ(row.name, "early");
  EXPECT_EQ(row.context.traceparent(), early.context.traceparent());
  EXPECT_EQ(row.parent_span_id, trace.span_id);
  EXPECT_EQ(row.tenant, early.tenant);
  EXPECT_EQ(row.session, early.session);
  EXPECT_EQ(row.span_kind, "CLIENT");
  EXPECT_EQ(row.start, early.start);
  EXPECT_EQ(row.duration, early.duration);
  EXPECT_TRUE(row.error);
  EXPECT_EQ(row.attributes, early.attributes);
  EXPECT_EQ(row.events, early.events);
  EXPECT_EQ(run(spans().by_session(ctx_, test_session(1)))->size(), 2u);
  EXPECT_TRUE(run(spans().by_session(ctx_, test_session(2)))->empty());
  EXPECT_TRUE(run(spans().by_session(ctx_, SessionId()))->empty());
}

TEST_P(Conformance, SpansAreBoundedByNumberAndAge) {
  SeededRandom random(1);
  const SpanContext trace = SpanContext::make_root(random);
  for (int i = 0; i < 30; ++i) {
    std::vector<SpanRow> batch;
    for (int k = 0; k < 10; ++k) batch.push_back(test_span(random, trace, "s", loop_.wall()));
    ASSERT_TRUE(run(spans().write(ctx_, batch_of(batch))));
  }
  EXPECT_EQ(run(spans().by_trace(ctx_, trace.trace_id_hex()))->size(), 100u);
  loop_.run_for(2h);
  EXPECT_EQ(*run(spans().prune(ctx_)), 100u);
  EXPECT_EQ(*run(spans().prune(ctx_)), 0u);
  EXPECT_TRUE(run(spans().by_trace(ctx_, trace.trace_id_hex()))->empty());
}

TEST_P(Conformance, BlobsAreNamedByKeyedContent) {
  const SessionId one = test_session(1);
  const SessionId two = test_session(2);
  const std::string bytes("a\0b", 3);
  auto first = run(blobs().put(ctx_, one, bytes));
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_EQ(first->size(), 64u);
  EXPECT_EQ(*run(blobs().put(ctx_, one, bytes)), *first);
  auto elsewhere = run(blobs().put(ctx_, two, bytes));
  ASSERT_TRUE(elsewhere);
  EXPECT_NE(*elsewhere, *first);  // a name tells nobody that content was seen before
  EXPECT_EQ(*run(blobs().get(ctx_, one, *first)), bytes);
  EXPECT_EQ(run(blobs().get(ctx_, two, *first)).error().code, Code::kNotFound);
  ASSERT_TRUE(run(blobs().remove_all(ctx_, one)));
  ASSERT_TRUE(run(blobs().remove_all(ctx_, one)));
  EXPECT_EQ(run(blobs().get(ctx_, one, *first)).error().code, Code::kNotFound);
  EXPECT_EQ(*run(blobs().get(ctx_, two, *elsewhere)), bytes);
  // The naming key went with the blobs.
  EXPECT_NE(*run(blobs().put(ctx_, one, bytes)), *first);
}

}  // namespace
}  // namespace drover::store
