#include "store/log/frame.h"

#include <gtest/gtest.h>

#include "store/store_test_util.h"

namespace drover::store::log {
namespace {

Commit test_commit(int session, uint64_t expected_last, uint64_t count) {
  Commit commit;
  const SessionId id = test_session(session);
  commit.expected_last = expected_last;
  commit.events = test_events(id, expected_last + 1, expected_last + count);
  commit.blob_refs.resize(count);
  commit.row = test_row(id);
  commit.row.root = id;
  commit.row.due = commit.row.created + 3h;
  commit.row.spent.cost = *Money::parse_usd("-0.5");
  commit.row.reserved.cost = *Money::parse_usd("99999999999");
  commit.row.last_sequence = expected_last + count;
  commit.row.last_hash = test_hash(expected_last + count);
  return commit;
}

TEST(Frame, ComesBackExactly) {
  Commit commit = test_commit(1, 0, 3);
  commit.events[1].payload.clear();
  commit.blob_refs[1] = std::string(64, 'e');
  const std::string frame = encode_commit(commit, nullptr);
  auto decoded = decode_body(std::string_view(frame).substr(kFrameHeadBytes));
  ASSERT_TRUE(decoded && decoded->has_value());
  EXPECT_TRUE((*decoded)->whole);
  EXPECT_EQ(row_of(nullptr, **decoded), commit.row);
  EXPECT_EQ((*decoded)->blob_refs, commit.blob_refs);
  ASSERT_EQ((*decoded)->events.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(difference((*decoded)->events[i], commit.events[i]), "") << i;
  }
}

TEST(Frame, ALaterOneLeansOnTheRowBefore) {
  const Commit first = test_commit(1, 0, 3);
  Commit second = test_commit(1, 3, 0);
  second.previous = 64;
  second.row.status = "waiting";
  const std::string whole = encode_commit(second, nullptr);
  const std::string frame = encode_commit(second, &first.row);
  EXPECT_LT(frame.size(), whole.size());
  auto decoded = decode_body(std::string_view(frame).substr(kFrameHeadBytes));
  ASSERT_TRUE(decoded && decoded->has_value());
  EXPECT_EQ((*decoded)->previous, 64u);
  EXPECT_EQ(row_of(&first.row, **decoded), second.row);
}

TEST(Frame, NoTruncationOfItIsACommit) {
  const std::string frame = encode_commit(test_commit(1, 0, 2), nullptr);
  const std::string_view body = std::string_view(frame).substr(kFrameHeadBytes);
  for (size_t size = 0; size < body.size(); ++size) {
    auto decoded = decode_body(body.substr(0, size));
    EXPECT_FALSE(decoded && decoded->has_value()) << size;
  }
}

}  // namespace
}  // namespace drover::store::log
