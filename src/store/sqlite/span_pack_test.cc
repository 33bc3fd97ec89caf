#include "store/sqlite/span_pack.h"

#include <gtest/gtest.h>

namespace drover::store::sqlite {
namespace {

std::string trace_of(const SpanRow& row) {
  return std::string(reinterpret_cast<const char*>(row.context.trace_id.data()), 16);
}

std::vector<SpanRow> some_spans(size_t n) {
  SeededRandom random(5);
  std::vector<SpanRow> out;
  for (size_t i = 0; i < n; ++i) {
    SpanRow row;
    row.context = SpanContext::make_root(random);
    row.context.sampled = i % 2 == 0;
    if (i % 3 != 0) row.parent_span_id = {1, 2, 3, 4, 5, 6, 7, 0xff};
    row.tenant = TenantId("ten_" + std::to_string(i));
    row.session = i % 2 == 0 ? "" : "ses_" + std::to_string(i);
    row.name = std::string("zero \0 inside", 13);
    row.span_kind = i % 7 == 0 ? "PRODUCER" : "CLIENT";
    row.start = wall_from_unix_millis(1'790'000'000'000 + static_cast<int64_t>(i));
    row.duration = Duration(i == 0 ? -1 : 12'345);
    row.error = i % 5 == 0;
    row.attributes = i % 4 == 0 ? Json() : Json::object().set("a", 1);
    row.events = i % 4 == 0 ? Json::array() : Json();
    out.push_back(std::move(row));
  }
  return out;
}

void expect_same_span(const SpanRow& a, const SpanRow& b) {
  EXPECT_EQ(a.context.traceparent(), b.context.traceparent());
  EXPECT_EQ(a.parent_span_id, b.parent_span_id);
  EXPECT_EQ(a.tenant, b.tenant);
  EXPECT_EQ(a.session, b.session);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.span_kind, b.span_kind);
  EXPECT_EQ(a.start, b.start);
  EXPECT_EQ(a.duration, b.duration);
  EXPECT_EQ(a.error, b.error);
  EXPECT_EQ(a.attributes, b.attributes);
  EXPECT_EQ(a.events, b.events);
}

TEST(SpanPack, GivesBackWhatIsAskedForAndNothingElse) {
  const std::vector<SpanRow> spans = some_spans(40);
  const std::string pack(pack_spans(*batch_of(spans)).view());
  const std::string keys = span_keys(*batch_of(spans));
  for (const SpanRow& row : spans) {
    SpanQuery query;
    query.trace = trace_of(row);
    std::vector<SpanRow> found;
    ASSERT_TRUE(unpack_spans(pack, query, found));
    ASSERT_EQ(found.size(), 1u);
    expect_same_span(found[0], row);
    EXPECT_TRUE(may_hold(keys, query));
    if (row.session.empty()) continue;
    SpanQuery by_session;
    by_session.session = row.session;
    found.clear();
    ASSERT_TRUE(unpack_spans(pack, by_session, found));
    ASSERT_EQ(found.size(), 1u);
    expect_same_span(found[0], row);
    EXPECT_TRUE(may_hold(keys, by_session));
  }
  SpanQuery nobody;
  nobody.session = "ses_none";
  std::vector<SpanRow> found;
  ASSERT_TRUE(unpack_spans(pack, nobody, found));
  EXPECT_TRUE(found.empty());
  EXPECT_FALSE(may_hold(keys, nobody));
  EXPECT_FALSE(may_hold("", nobody));
}

TEST(SpanPack, KeysAreFoundInAnyOrder) {
  SpanQuery query;
  query.session = "ses_1";
  std::string wanted;
  for (int shift = 0; shift < 32; shift += 8) wanted += static_cast<char>(span_key(query) >> shift);
  for (size_t before : {0u, 1u, 2u, 100u}) {
    for (size_t after : {0u, 1u, 100u}) {
      const std::string others(4 * before, 'b');
      const std::string more(4 * after, 'a');
      EXPECT_TRUE(may_hold(others + wanted + more, query)) << before << " " << after;
      EXPECT_FALSE(may_hold(others + "b" + wanted + more, query)) << "between two keys";
      EXPECT_FALSE(may_hold(others + wanted.substr(0, 3), query)) << "a part of it";
    }
  }
}

TEST(SpanPack, DamageIsSaidAndNeverRead) {
  const std::vector<SpanRow> spans = some_spans(3);
  const std::string pack(pack_spans(*batch_of(spans)).view());
  SpanQuery query;
  query.trace = trace_of(spans[2]);
  for (size_t cut = 0; cut < pack.size(); ++cut) {
    std::vector<SpanRow> found;
    Result<void> read = unpack_spans(std::string_view(pack).substr(0, cut), query, found);
    ASSERT_FALSE(read) << cut;
    EXPECT_EQ(read.error().code, Code::kDataLoss);
  }
  SeededRandom random(9);
  for (int i = 0; i < 2'000; ++i) {
    std::string bad = pack;
    bad[random.below(bad.size())] = static_cast<char>(random.next());
    std::vector<SpanRow> found;
    Result<void> read = unpack_spans(bad, query, found);
    EXPECT_TRUE(read || read.error().code == Code::kDataLoss);
  }
}

TEST(SpanPack, WhatRepeatsItselfIsSmall) {
  std::vector<SpanRow> spans = some_spans(200);
  for (SpanRow& row : spans) {
    row.attributes = Json::object().set("gen_ai.operation.name", "chat").set("model", "a-model");
  }
  EXPECT_LT(pack_spans(*batch_of(spans)).size(), 200u * 80u);
}

}  // namespace
}  // namespace drover::store::sqlite
