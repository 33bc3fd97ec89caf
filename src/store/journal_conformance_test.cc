// What every journal does with events: appends, fences, reads, snapshots.

#include <gtest/gtest.h>

#include "async/scope.h"
#include "base/limits/store.h"
#include "store/conformance_test_fixture.h"

namespace drover::store {
namespace {

TEST_P(Conformance, EventsComeBackExactly) {
  const SessionId id = test_session(1);
  std::vector<contract::Event> events = test_events(id, 1, 4);
  events[0].extra.clear();
  events[1].salt = "NOT HEX";  // foreign formats survive too
  events[1].hash = "";
  events[1].payload = "";
  events[1].payload_ref = std::string(64, 'b');
  events[2].payload = std::string("\"a\0b\"", 5);
  events[3].actor = contract::Actor{};
  auto done = run(journal().append(ctx_, test_row(id), 0, events));
  ASSERT_TRUE(done) << done.error().to_string();
  auto read = run(journal().read(ctx_, id, 1, 100));
  ASSERT_TRUE(read) << read.error().to_string();
  ASSERT_EQ(read->size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(difference((*read)[i], events[i]), "") << i;
}

TEST_P(Conformance, ARowAloneCanBeUpdatedUnderTheFence) {
  ASSERT_TRUE(append(1, 0, 2));
  SessionRow row = test_row(test_session(1));
  row.status = "waiting";
  ASSERT_TRUE(run(journal().append(ctx_, row, 2, {})));
  auto found = run(journal().find(ctx_, row.id));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->status, "waiting");
  EXPECT_EQ(found->last_sequence, 2u);
  EXPECT_EQ(found->last_hash, test_event(row.id, 2).hash);
  auto lost = run(journal().append(ctx_, row, 1, {}));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::kAborted);
}

TEST_P(Conformance, TheFenceRefusesASecondWriter) {
  ASSERT_TRUE(append(1, 0, 2));
  auto behind = append(1, 1, 1);
  ASSERT_FALSE(behind);
  EXPECT_EQ(behind.error().code, Code::kAborted);
  auto ahead = append(1, 5, 1);
  ASSERT_FALSE(ahead);
  EXPECT_EQ(ahead.error().code, Code::kAborted);
  auto again = append(1, 0, 1);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kAlreadyExists);
  auto unknown = append(2, 4, 1);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kAborted);
  auto other_tenant = append(1, 2, 1, "ten_b");
  ASSERT_FALSE(other_tenant);
  EXPECT_EQ(other_tenant.error().code, Code::kInvalidArgument);
  EXPECT_EQ(run(journal().read(ctx_, test_session(1), 1, 100))->size(), 2u);
  EXPECT_TRUE(append(1, 2, 1));
}

TEST_P(Conformance, GapsAndForeignEventsAreRefused) {
  const SessionId id = test_session(1);
  auto gap = test_events(id, 1, 3);
  gap.erase(gap.begin() + 1);
  auto refused = run(journal().append(ctx_, test_row(id), 0, gap));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  refused = run(journal().append(ctx_, test_row(id), 0, test_events(test_session(2), 1, 1)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  auto nothing = run(journal().find(ctx_, id));
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, Code::kNotFound);
}

TEST_P(Conformance, ReadsAPartAndSaysWhatIsNotThere) {
  ASSERT_TRUE(append(1, 0, 10));
  auto part = run(journal().read(ctx_, test_session(1), 4, 3));
  ASSERT_TRUE(part);
  ASSERT_EQ(part->size(), 3u);
  EXPECT_EQ(part->front().sequence, 4u);
  EXPECT_EQ(part->back().sequence, 6u);
  EXPECT_TRUE(run(journal().read(ctx_, test_session(1), 11, 3))->empty());
  EXPECT_EQ(run(journal().read(ctx_, test_session(1), 0, 100))->size(), 10u);
  auto none = run(journal().read(ctx_, test_session(2), 1, 3));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kNotFound);
}

TEST_P(Conformance, LargePayloadsComeBackInline) {
  const SessionId id = test_session(1);
  auto events = test_events(id, 1, 3);
  events[1].payload = "\"" + std::string(limits::kInlinePayloadBytesMax + 10, 'x') + "\"";
  events[2].payload = "\"" + std::string(limits::kInlinePayloadBytesMax - 2, 'y') + "\"";
  auto done = run(journal().append(ctx_, test_row(id), 0, events));
  ASSERT_TRUE(done) << done.error().to_string();
  auto read = run(journal().read(ctx_, id, 1, 10));
  ASSERT_TRUE(read) << read.error().to_string();
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(difference((*read)[i], events[i]), "") << i;
}

TEST_P(Conformance, SnapshotsAreKeptAndReplaced) {
  ASSERT_TRUE(append(1, 0, 9));
  const SessionId id = test_session(1);
  EXPECT_FALSE(run(journal().load_snapshot(ctx_, id))->has_value());
  Snapshot snapshot;
  snapshot.sequence = 4;
  snapshot.hash = test_event(id, 4).hash;
  snapshot.bytes = std::string("state\0", 6) + std::string(100'000, 's');
  auto saved = run(journal().save_snapshot(ctx_, id, snapshot));
  ASSERT_TRUE(saved) << saved.error().to_string();
  snapshot.sequence = 8;
  snapshot.hash = test_event(id, 8).hash;
  snapshot.bytes += "more";
  ASSERT_TRUE(run(journal().save_snapshot(ctx_, id, snapshot)));
  auto loaded = run(journal().load_snapshot(ctx_, id));
  ASSERT_TRUE(loaded && loaded->has_value());
  EXPECT_TRUE(**loaded == snapshot);
  auto unknown = run(journal().save_snapshot(ctx_, test_session(2), snapshot));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kNotFound);
  EXPECT_FALSE(run(journal().load_snapshot(ctx_, test_session(2)))->has_value());
}

async::Task<void> append_in_turn(async::Context ctx, Journal* journal, int session, int* done) {
  const SessionId id = test_session(session);
  for (uint64_t n = 1; n <= 20; ++n) {
    std::vector<contract::Event> events = test_events(id, n, n);
    auto appended = co_await journal->append(ctx, test_row(id), n - 1, std::move(events));
    EXPECT_TRUE(appended);
    if (appended) ++*done;
  }
}

async::Task<int> append_side_by_side(async::Context ctx, Journal* journal) {
  async::Scope scope(ctx);
  int done = 0;
  for (int s = 1; s <= 32; ++s) scope.spawn(append_in_turn(ctx, journal, s, &done));
  co_await scope.join();
  co_return done;
}

TEST_P(Conformance, ManySessionsAppendSideBySide) {
  EXPECT_EQ(run(append_side_by_side(ctx_, &journal())), 640);
  for (int s = 1; s <= 32; ++s) {
    auto events = run(journal().read(ctx_, test_session(s), 1, 100));
    ASSERT_TRUE(events);
    ASSERT_EQ(events->size(), 20u);
    for (size_t i = 0; i < 20; ++i) EXPECT_EQ((*events)[i].sequence, i + 1);
  }
}

TEST_P(Conformance, AWriteIsNotInterruptedByItsContext) {
  async::CancelSource source(ctx_);
  source.cancel();
  const SessionId id = test_session(1);
  auto done = run(journal().append(source.context(), test_row(id), 0, test_events(id, 1, 1)));
  EXPECT_TRUE(done) << done.error().to_string();
  EXPECT_TRUE(run(journal().find(ctx_, id)));
}

}  // namespace
}  // namespace drover::store
