#include "store/span_batch.h"

#include <gtest/gtest.h>

namespace drover::store {
namespace {

template <typename T>
void put_number(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(value >> (8 * i));
}

void put_old_text(std::string& out, std::string_view text) {
  put_number(out, static_cast<uint32_t>(text.size()));
  out += text;
}

struct OldSpan {
  std::string parent = "0123456789abcdef";
  std::string attributes = R"({"gen_ai.usage.input_tokens":12,"own":"a \"b\"","half":1.50})";
  std::string events = "[]";
};

/// As spans were written before attributes had codes.
std::string old_bytes(const OldSpan& span) {
  std::string rest(16, 't');
  rest += std::string(8, 's');
  put_number(rest, int64_t{1'790'000'000'000'000'000});
  put_number(rest, int64_t{12'345});
  rest += '\x03';
  for (std::string_view text :
       {std::string_view("ses_1"), std::string_view(span.parent), std::string_view("chat m"),
        std::string_view("CLIENT"), std::string_view("ten_1"), std::string_view(span.attributes),
        std::string_view(span.events)}) {
    put_old_text(rest, text);
  }
  std::string out;
  put_old_text(out, rest);
  return out;
}

std::vector<SpanRow> rows_of(std::string_view bytes) {
  std::vector<SpanRow> out;
  Result<void> read = read_spans(bytes, SpanQuery(), out);
  EXPECT_TRUE(read);
  return out;
}

TEST(SpanBatch, ReadsWhatWasWrittenBefore) {
  OldSpan root;
  root.parent = root.attributes = root.events = "";
  const std::vector<SpanRow> rows = rows_of(old_bytes(OldSpan()) + old_bytes(root));
  ASSERT_EQ(rows.size(), 2u);
  const SpanRow& row = rows[0];
  EXPECT_EQ(row.context.trace_id[15], 't');
  EXPECT_EQ(row.context.span_id[7], 's');
  EXPECT_EQ(unix_nanos(row.start), 1'790'000'000'000'000'000);
  EXPECT_EQ(row.duration, Duration(12'345));
  EXPECT_TRUE(row.context.sampled);
  EXPECT_TRUE(row.error);
  EXPECT_EQ(row.session, "ses_1");
  const std::array<uint8_t, 8> parent = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
  EXPECT_EQ(row.parent_span_id, parent);
  EXPECT_EQ(row.name, "chat m");
  EXPECT_EQ(row.span_kind, "CLIENT");
  EXPECT_EQ(row.tenant, TenantId("ten_1"));
  EXPECT_EQ("{" + row.attributes.inside() + "}", OldSpan().attributes);
  EXPECT_EQ(row.events, Json::array());
  EXPECT_TRUE(rows[1].is_root());
  EXPECT_TRUE(rows[1].attributes.empty());
  EXPECT_TRUE(rows[1].events.is_null());
}

TEST(SpanBatch, WhatIsReadIsWrittenTheSame) {
  const std::vector<SpanRow> rows = rows_of(old_bytes(OldSpan()));
  const auto batch = batch_of(rows);
  EXPECT_LT(batch->bytes().size(), old_bytes(OldSpan()).size() - 60);
  const std::vector<SpanRow> again = rows_of(batch->bytes());
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].attributes, rows[0].attributes);
  EXPECT_EQ(again[0].parent_span_id, rows[0].parent_span_id);
  EXPECT_EQ(batch_of(again)->bytes(), batch->bytes());
  // Old and new ones beside each other.
  EXPECT_EQ(rows_of(old_bytes(OldSpan()) + std::string(batch->bytes())).size(), 2u);
}

TEST(SpanBatch, KeepsKindsThatItDoesNotKnow) {
  for (std::string kind : {"CLIENT", "INTERNAL", "SERVER", "PRODUCER", ""}) {
    SpanRow row;
    row.span_kind = kind;
    EXPECT_EQ(rows_of(batch_of({row})->bytes()).at(0).span_kind, kind);
  }
}

TEST(SpanBatch, SaysThatOldBytesAreDamaged) {
  OldSpan no_hex, short_parent, no_json, no_events;
  no_hex.parent = "0123456789abcdeg";
  short_parent.parent = "0123";
  no_json.attributes = "{";
  no_events.events = "[";
  for (const OldSpan& span : {no_hex, short_parent, no_json, no_events}) {
    std::vector<SpanRow> out;
    Result<void> read = read_spans(old_bytes(span), SpanQuery(), out);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::kDataLoss);
  }
  const std::string whole = old_bytes(OldSpan());
  for (size_t cut = 1; cut < whole.size(); ++cut) {
    std::vector<SpanRow> out;
    EXPECT_FALSE(read_spans(std::string_view(whole).substr(0, cut), SpanQuery(), out)) << cut;
  }
}

TEST(SpanBatch, KeepsOneKeyOfTracesWhoseSpansComeByTurns) {
  SpanBatch batch;
  for (int turn = 0; turn < 3; ++turn) {
    for (uint8_t trace = 1; trace <= 60; ++trace) {
      SpanRow row;
      row.context.trace_id[12] = trace;
      row.context.span_id[0] = 1;
      batch.add(row);
    }
  }
  EXPECT_EQ(batch.count(), 180u);
  EXPECT_EQ(batch.keys().size(), 60u);
  // A trace whose key is that of none yet has one all the same.
  SpanRow row;
  row.context.trace_id[0] = 1;
  SpanBatch other;
  other.add(row);
  EXPECT_EQ(other.keys(), std::vector<uint32_t>{0});
}

}  // namespace
}  // namespace drover::store
