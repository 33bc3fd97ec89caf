// Who shares a sync, what is read from memory, pages of a long session, queries over the index.

#include "store/log/log_journal.h"

#include <gtest/gtest.h>

#include "store/log/log_journal_test_fixture.h"

namespace drover::store {
namespace {

TEST(LogJournal, TheSameSeedIsTheSameRun) {
  const auto run = [](uint64_t seed) {
    JournalWorld w(seed);
    JournalModel model;
    w.disk.latency = 1ms;
    auto store = w.open();
    w.run(append_all(w.ctx, &store->journal(), &w.random, &model));
    return std::make_pair(store->log_journal().log().end(), w.loop.mono());
  };
  EXPECT_EQ(run(7), run(7));
}

TEST(LogJournal, SessionsThatWaitShareASync) {
  JournalWorld w(1);
  JournalModel model;
  w.disk.latency = 1ms;
  auto store = w.open();
  const uint64_t before = w.disk.syncs();
  w.run(append_all(w.ctx, &store->journal(), &w.random, &model));
  EXPECT_EQ(model.commits, 180u);
  EXPECT_LT(w.disk.syncs() - before, 60u);
}

async::Task<int> append_one_each(async::Context ctx, Journal* journal, int sessions) {
  async::Scope scope(ctx);
  for (int s = 1; s <= sessions; ++s) {
    auto one = [](async::Context below, Journal* to, int session) -> async::Task<void> {
      SessionRow row = test_row(test_session(session));
      std::vector<contract::Event> events = events_of(session, 1, 1);
      auto done = co_await to->append(below, std::move(row), 0, std::move(events));
      EXPECT_TRUE(done);
    };
    scope.spawn(one(ctx, journal, s));
  }
  co_await scope.join();
  co_return 0;
}

TEST(LogJournal, WhatIsReadyOnTheLoopTogetherSharesOneSync) {
  JournalWorld w(1);
  auto store = w.open();
  const uint64_t before = w.disk.syncs();
  w.run(append_one_each(w.ctx, &store->journal(), 50));
  EXPECT_EQ(w.disk.syncs() - before, 1u);
}

// An answer that comes before the loop runs has asked neither the disk nor the index.

TEST(LogJournal, TheNewestCommitIsReadFromMemory) {
  JournalWorld w(1);
  auto store = w.open();
  JournalModel model;
  w.run(append_all(w.ctx, &store->journal(), &w.random, &model));
  const uint64_t last = model.acked[1];
  std::vector<contract::Event> newest;
  auto ask = [](async::Context ctx, Journal* journal, uint64_t from,
                std::vector<contract::Event>* out) -> async::Task<void> {
    auto events = co_await journal->read(ctx, test_session(1), from, 10);
    if (events) *out = std::move(*events);
  };
  async::detail::start_detached(ask(w.ctx, &store->journal(), last, &newest));
  ASSERT_EQ(newest.size(), 1u);
  EXPECT_EQ(difference(newest.front(), test_event(test_session(1), last, payload_of(1, last))), "");
}

TEST(LogJournal, ANewSessionHasNoSnapshotForSure) {
  JournalWorld w(1);
  auto store = w.open();
  bool none = false;
  auto ask = [](async::Context ctx, Journal* journal, bool* out) -> async::Task<void> {
    auto snapshot = co_await journal->load_snapshot(ctx, test_session(7));
    *out = snapshot && !snapshot->has_value();
  };
  async::detail::start_detached(ask(w.ctx, &store->journal(), &none));
  EXPECT_TRUE(none);
}

TEST(LogJournal, ALongSessionIsReadPageByPage) {
  JournalWorld w(6);
  auto store = w.open();
  const SessionId id = test_session(1);
  for (uint64_t n = 0; n < 1'000; ++n) {
    auto done = w.run(store->journal().append(w.ctx, test_row(id), n, events_of(1, n + 1, n + 1)));
    ASSERT_TRUE(done) << done.error().to_string();
  }
  for (uint64_t from = 1; from <= 1'000; from += 90) {
    auto page = w.run(store->journal().read(w.ctx, id, from, 90));
    ASSERT_TRUE(page);
    ASSERT_EQ(page->size(), std::min<uint64_t>(90, 1'001 - from));
    for (size_t i = 0; i < page->size(); ++i) {
      ASSERT_EQ(difference((*page)[i], test_event(id, from + i, payload_of(1, from + i))), "");
    }
  }
  // From the middle first, so that what is remembered of it must grow at both ends.
  store.reset();
  w.loop.clear();
  store = w.open();
  EXPECT_EQ(w.run(store->journal().read(w.ctx, id, 700, 10))->front().sequence, 700u);
  EXPECT_EQ(w.run(store->journal().read(w.ctx, id, 3, 10))->front().sequence, 3u);
  ASSERT_TRUE(
      w.run(store->journal().append(w.ctx, test_row(id), 1'000, events_of(1, 1'001, 1'003))));
  EXPECT_EQ(w.run(store->journal().read(w.ctx, id, 990, 100))->size(), 14u);
}

TEST(LogJournal, QueriesSeeTheOverlayOverTheIndex) {
  JournalWorld w(8);
  auto store = w.open();
  Journal& journal = store->journal();
  for (int s = 1; s <= 300; ++s) {
    SessionRow row = test_row(test_session(s));
    row.due = row.created + std::chrono::seconds(s);
    ASSERT_TRUE(w.run(journal.append(w.ctx, row, 0, events_of(s, 1, 1))));
  }
  w.loop.run_for(1s);  // all in the index
  for (int s = 1; s <= 300; s += 2) {
    SessionRow row = test_row(test_session(s));
    row.status = "ended";
    ASSERT_TRUE(w.run(journal.append(w.ctx, row, 1, {})));
  }
  SessionFilter filter;
  filter.status = "running";
  filter.limit = 20;
  auto rows = w.run(journal.list(w.ctx, filter));
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 20u);
  for (size_t i = 0; i < 20; ++i)
    EXPECT_EQ((*rows)[i].id, test_session(300 - 2 * static_cast<int>(i)));
  auto due = w.run(journal.due(w.ctx, test_row(test_session(1)).created + 100s, 1'000));
  ASSERT_TRUE(due);
  EXPECT_EQ(due->size(), 50u);
  w.loop.run_for(1s);
  EXPECT_EQ(*w.run(journal.list(w.ctx, filter)), *rows);
}

}  // namespace
}  // namespace drover::store
