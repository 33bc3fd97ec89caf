#include "store/sqlite/span_fold.h"

#include <gtest/gtest.h>

#include "store/span_batch.h"

namespace drover::store::sqlite {
namespace {

constexpr size_t kBytesMax = 16 << 20;

/// Calls of some models, as they differ: some below others, some of a session, with texts of all
/// lengths.
std::vector<SpanRow> some_calls(size_t n, size_t models) {
  SeededRandom random(7);
  std::vector<SpanRow> out;
  for (size_t i = 0; i < n; ++i) {
    const std::string model = "model-" + std::to_string(random.below(models));
    SpanRow row;
    row.context = SpanContext::make_root(random);
    if (i % 3 == 1) row.context = out.back().context.make_child(random);
    if (random.below(4) == 0) row.parent_span_id.fill(static_cast<uint8_t>(1 + i));
    if (random.below(3) == 0) row.session = "ses_" + std::string(random.below(200), 's');
    row.tenant = TenantId("ten_" + std::to_string(random.below(2)));
    row.name = "chat " + model;
    row.span_kind = "CLIENT";
    row.start = wall_from_unix_millis(1'790'000'000'000 + static_cast<int64_t>(i));
    row.duration = Duration(random.below(1'000'000));
    row.attributes.add(named("gen_ai.request.model"), model);
    row.attributes.add(named("gen_ai.response.id"), "call-" + std::to_string(random.next()));
    row.attributes.add("of its own", std::string(random.below(300), 'o'));
    row.attributes.add(named("drover.endpoint"), "an endpoint of one name for all of them");
    row.attributes.add(named("drover.latency.model"), static_cast<int64_t>(random.below(1 << 20)));
    out.push_back(std::move(row));
  }
  return out;
}

TEST(SpanFold, GivesBackWhatWasFolded) {
  for (size_t models : {1, 3, 200}) {
    for (size_t n : {0, 1, 2, 3, 500}) {
      const auto batch = batch_of(some_calls(n, models));
      const RawBytes folded = fold_spans(*batch);
      EXPECT_LE(folded.size(), batch->bytes().size() + 10 * n);
      Result<std::string> unfolded = unfold_spans(folded.view(), kBytesMax);
      ASSERT_TRUE(unfolded) << models << " " << n;
      EXPECT_EQ(*unfolded, batch->bytes()) << models << " " << n;
    }
  }
}

TEST(SpanFold, WhatIsAlikeTakesLittle) {
  std::vector<SpanRow> spans = some_calls(100, 1);
  const SpanRow first = spans[0];
  for (SpanRow& row : spans) {
    row.parent_span_id = first.parent_span_id;
    row.session = first.session;
    row.tenant = first.tenant;
    row.attributes = SpanAttributes();
    row.attributes.add(named("gen_ai.request.model"), "a model of some length");
    row.attributes.add(named("gen_ai.response.id"), std::string(12, row.context.span_id_hex()[0]));
    row.attributes.add(named("drover.endpoint"), "an endpoint of one name for all of them");
  }
  const auto batch = batch_of(spans);
  const RawBytes folded = fold_spans(*batch);
  // Ids and times, its own id of 12 bytes, and lengths.
  const size_t head = 4 + 16 + 8 + 8 + 8 + 1 + 8 + first.session.size();
  EXPECT_LT(folded.size(), 100 * (head + 12 + 20) + 200);
  EXPECT_EQ(unfold_spans(folded.view(), kBytesMax).value(), batch->bytes());
}

TEST(SpanFold, DamageIsSaid) {
  using namespace std::string_view_literals;
  constexpr std::string_view kSpan = "\x05\0\0\0\0first"sv;
  const auto with = [&](std::string_view more) {
    return unfold_spans(std::string(kSpan) + std::string(more), 24);
  };
  EXPECT_EQ(with("").value(), "\x05\0\0\0first"sv);
  EXPECT_EQ(with("\x06\0\0\0\x02\x01h\x04\x01s"sv).value(), "\x05\0\0\0first\x06\0\0\0hirsts"sv);
  EXPECT_EQ(with("\x05\0\0\0\x02\0\x05\0"sv).value(), "\x05\0\0\0first\x05\0\0\0first"sv);
  for (std::string_view damaged : {
           "\x05"sv, "\x05\0\0\0"sv,              // cut off
           "\x05\0\0\0\0four"sv,                  // shorter than it says
           "\x05\0\0\0\x04\0\x05\0"sv,            // like one before the first
           "\x05\0\0\0\x80"sv,                    // no length
           "\x05\0\0\0\x02\x06longer"sv,          // longer than it says
           "\x06\0\0\0\x02\0\x06\0"sv,            // more than the other has
           "\x04\0\0\0\x02\0\x05\0"sv,            // more than it has itself
           "\0\0\0\0\0"sv,                        // no span
           "\x07\0\0\0\x02\x06sixsix\x01\0"sv,    // behind the other's end
           "\x05\0\0\0\x02\0\x05"sv,              // no last text
           "\x05\0\0\0\x01"sv,                    // a trace that is longer than it
           "\x10\0\0\0\x01"sv,                    // that of one that is too short
           "\x10\0\0\0\x03\0\x05\0"sv,            // the same
           "\x0f\0\0\0\0fifteen bytes .."sv,      // more than is wanted
           "\xff\xff\xff\xff\x02\0\x05\0\x05"sv,  // far more
       }) {
    const Result<std::string> read = with(damaged);
    ASSERT_FALSE(read) << testing::PrintToString(damaged);
    EXPECT_EQ(read.error().code, Code::kDataLoss);
  }
  EXPECT_FALSE(unfold_spans("\x10\0\0\0\x01"sv, kBytesMax)) << "the trace of none";
}

TEST(SpanFold, DamageIsNeverReadBeyond) {
  const std::string folded(fold_spans(*batch_of(some_calls(20, 2))).view());
  SeededRandom random(3);
  for (int i = 0; i < 5'000; ++i) {
    std::string bad = folded;
    bad[random.below(bad.size())] = static_cast<char>(random.next());
    if (i % 2 == 0) bad.resize(random.below(bad.size() + 1));
    const Result<std::string> read = unfold_spans(bad, kBytesMax);
    EXPECT_TRUE(read || read.error().code == Code::kDataLoss);
  }
}

}  // namespace
}  // namespace drover::store::sqlite
