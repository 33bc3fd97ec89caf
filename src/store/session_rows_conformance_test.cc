// What every journal does with the rows of sessions: kept, listed, due, summed by tree.

#include <gtest/gtest.h>

#include "store/conformance_test_fixture.h"

namespace drover::store {
namespace {

/// The sessions' numbers, in the order of their rows.
Keys numbers(const Result<std::vector<SessionRow>>& rows) {
  EXPECT_TRUE(rows) << rows.error().to_string();
  Keys out;
  if (!rows) return out;
  for (const SessionRow& row : *rows) out.push_back(row.id.str().substr(13));
  return out;
}

TEST_P(Conformance, RowsComeBackExactlyAndFollowTheEvents) {
  ASSERT_TRUE(append(1, 0, 3));
  const SessionId id = test_session(1);
  SessionRow row = test_row(id);
  row.status = "ended";
  row.end_reason = "completed";
  row.updated = row.created + 5s;
  row.created = WallTime();  // never changes
  row.last_sequence = 77;    // taken from the events
  ASSERT_TRUE(run(journal().append(ctx_, row, 3, test_events(id, 4, 5))));
  auto found = run(journal().find(ctx_, id));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, id);
  EXPECT_EQ(found->tenant, TenantId("ten_a"));
  EXPECT_EQ(found->agent, "support");
  EXPECT_EQ(found->agent_version, "3");
  EXPECT_EQ(found->status, "ended");
  EXPECT_EQ(found->end_reason, "completed");
  EXPECT_EQ(found->created, test_row(id).created);
  EXPECT_EQ(found->updated, test_row(id).created + 5s);
  EXPECT_EQ(found->last_sequence, 5u);
  EXPECT_EQ(found->last_hash, test_event(id, 5).hash);
  EXPECT_EQ(found->trace_id, "0123");
}

TEST_P(Conformance, ListsNewestFirstByTenantStatusAndAgent) {
  for (int n = 1; n <= 6; ++n) {
    ASSERT_TRUE(append(n, 0, 1, n % 2 == 0 ? "ten_a" : "ten_b"));
  }
  SessionRow ended = test_row(test_session(4));
  ended.status = "ended";
  ended.agent = "research";
  ASSERT_TRUE(run(journal().append(ctx_, ended, 1, {})));
  const auto ids = [&](const SessionFilter& filter) {
    return numbers(run(journal().list(ctx_, filter)));
  };
  SessionFilter filter;
  EXPECT_EQ(ids(filter), (Keys{"6", "5", "4", "3", "2", "1"}));
  filter.limit = 2;
  filter.before = test_session(5);
  EXPECT_EQ(ids(filter), (Keys{"4", "3"}));
  filter = SessionFilter();
  filter.tenant = TenantId("ten_a");
  EXPECT_EQ(ids(filter), (Keys{"6", "4", "2"}));
  filter.status = "running";
  EXPECT_EQ(ids(filter), (Keys{"6", "2"}));
  filter.status = "ended";
  EXPECT_EQ(ids(filter), (Keys{"4"}));
  filter.tenant = TenantId("ten_b");
  EXPECT_EQ(ids(filter), Keys());
  filter = SessionFilter();
  filter.agent = "research";
  EXPECT_EQ(ids(filter), (Keys{"4"}));
}

/// A row with everything set that a tree and a wait need.
SessionRow full_row(int session) {
  SessionRow row = test_row(test_session(session));
  row.root = test_session(1);
  row.parent = session == 1 ? SessionId() : test_session(1);
  row.depth = session == 1 ? 0 : 1;
  row.status = "waiting";
  row.waiting_for = "timer";
  row.due = row.created + std::chrono::hours(session);
  row.spent.steps = 3;
  row.spent.tokens = 1'000 + session;
  row.spent.cost = *Money::parse_usd("0.000000000001");
  row.spent.spawns = 2;
  row.reserved.tokens = 50;
  row.reserved.cost = *Money::parse_usd("123456789.5");  // more than 64 bits of pico-dollars
  row.pending = kReportToParent | kCancelChildren;
  return row;
}

TEST_P(Conformance, RowsKeepTreesWaitsAndBudgets) {
  SessionRow row = full_row(2);
  row.key = KeyId("key_1");
  ASSERT_TRUE(run(journal().append(ctx_, row, 0, test_events(row.id, 1, 2))));
  auto found = run(journal().find(ctx_, row.id));
  ASSERT_TRUE(found) << found.error().to_string();
  row.last_sequence = 2;
  row.last_hash = test_event(row.id, 2).hash;
  EXPECT_EQ(*found, row);
  SessionRow later = row;
  later.root = later.parent = SessionId();  // never change
  later.depth = 0;
  later.key.reset();
  later.waiting_for.clear();
  later.due.reset();
  later.pending = 0;
  later.status = "running";
  later.reserved = Reserved();
  ASSERT_TRUE(run(journal().append(ctx_, later, 2, {})));
  found = run(journal().find(ctx_, row.id));
  ASSERT_TRUE(found);
  later.root = row.root;
  later.parent = row.parent;
  later.depth = row.depth;
  later.key = row.key;
  EXPECT_EQ(*found, later);
}

TEST_P(Conformance, NobodysKeyIsAnotherThanNone) {
  const std::optional<KeyId> keys[] = {std::nullopt, KeyId()};
  int n = 1;
  for (const std::optional<KeyId>& key : keys) {
    SessionRow row = test_row(test_session(n++));
    row.key = key;
    ASSERT_TRUE(run(journal().append(ctx_, row, 0, test_events(row.id, 1, 1))));
    auto found = run(journal().find(ctx_, row.id));
    ASSERT_TRUE(found) << found.error().to_string();
    EXPECT_EQ(found->key, key);
    row.key = KeyId("key_2");  // never changes
    ASSERT_TRUE(run(journal().append(ctx_, row, 1, test_events(row.id, 2, 2))));
    EXPECT_EQ(run(journal().find(ctx_, row.id))->key, key);
  }
}

TEST_P(Conformance, ASessionWithoutATreeIsItsOwnRoot) {
  ASSERT_TRUE(append(4, 0, 1));
  EXPECT_EQ(run(journal().find(ctx_, test_session(4)))->root, test_session(4));
  auto totals = run(journal().tree(ctx_, test_session(4)));
  ASSERT_TRUE(totals);
  EXPECT_EQ(totals->sessions, 1);
  EXPECT_EQ(totals->open, 1);
}

TEST_P(Conformance, ListsByTreeWaitVersionAndWhatIsPending) {
  for (int n = 1; n <= 5; ++n) {
    SessionRow row = full_row(n);
    if (n == 3) row.status = "ended";
    if (n == 4) {
      row.waiting_for = "approval";
      row.pending = kCancelChildren;
      row.agent_version = "4";
    }
    if (n == 5) {
      row.root = row.parent = SessionId();
      row.pending = 0;
    }
    ASSERT_TRUE(run(journal().append(ctx_, row, 0, test_events(row.id, 1, 1))));
  }
  const auto ids = [&](const SessionFilter& filter) {
    return numbers(run(journal().list(ctx_, filter)));
  };
  SessionFilter filter;
  filter.root = test_session(1);
  EXPECT_EQ(ids(filter), (Keys{"4", "3", "2", "1"}));
  filter.open = true;
  EXPECT_EQ(ids(filter), (Keys{"4", "2", "1"}));
  filter.before = test_session(4);
  EXPECT_EQ(ids(filter), (Keys{"2", "1"}));
  filter = SessionFilter();
  filter.parent = test_session(1);
  EXPECT_EQ(ids(filter), (Keys{"4", "3", "2"}));
  filter = SessionFilter();
  filter.waiting_for = "timer";
  EXPECT_EQ(ids(filter), (Keys{"5", "3", "2", "1"}));
  filter = SessionFilter();
  filter.agent = "support";
  filter.agent_version = "3";
  filter.open = true;
  EXPECT_EQ(ids(filter), (Keys{"5", "2", "1"}));
  filter = SessionFilter();
  filter.pending = kReportToParent;
  EXPECT_EQ(ids(filter), (Keys{"3", "2", "1"}));
  filter.pending = kReportToParent | kCancelChildren;
  EXPECT_EQ(ids(filter), (Keys{"4", "3", "2", "1"}));
}

TEST_P(Conformance, ListsThoseThatAreNamedAndThoseOfNamedTrees) {
  for (int n = 1; n <= 6; ++n) {
    SessionRow row = full_row(n);
    if (n == 4 || n == 6) row.root = row.parent = SessionId();
    if (n == 5) row.root = row.parent = test_session(4);
    if (n == 3 || n == 4) row.status = "ended";
    ASSERT_TRUE(run(journal().append(ctx_, row, 0, test_events(row.id, 1, 1))));
  }
  const auto ids = [&](const SessionFilter& filter) {
    return numbers(run(journal().list(ctx_, filter)));
  };
  SessionFilter filter;
  filter.ids = {test_session(2), test_session(3), test_session(6), test_session(9)};
  EXPECT_EQ(ids(filter), (Keys{"6", "3", "2"}));
  filter.limit = 2;
  EXPECT_EQ(ids(filter), (Keys{"6", "3"}));
  filter.before = test_session(6);
  EXPECT_EQ(ids(filter), (Keys{"3", "2"}));
  filter.status = "ended";
  EXPECT_EQ(ids(filter), (Keys{"3"}));
  filter = SessionFilter();
  filter.roots = {test_session(1), test_session(6), test_session(9)};
  EXPECT_EQ(ids(filter), (Keys{"6", "3", "2", "1"}));
  filter.open = true;
  EXPECT_EQ(ids(filter), (Keys{"6", "2", "1"}));
  filter.ids = {test_session(2), test_session(5)};
  EXPECT_EQ(ids(filter), (Keys{"2"}));
  filter = SessionFilter();
  filter.open = true;
  filter.roots = {test_session(4)};
  EXPECT_EQ(ids(filter), (Keys{"5"})) << "its top has ended";
  filter.roots = {test_session(3)};
  EXPECT_EQ(ids(filter), Keys()) << "nobody's top";
  filter.open = false;
  EXPECT_EQ(ids(filter), Keys()) << "and itself in another's tree";
}

TEST_P(Conformance, WhatIsDueComesEarliestFirst) {
  for (int n : {5, 3, 1, 2, 4}) {
    SessionRow row = full_row(n);
    if (n == 2) row.due = full_row(3).due;  // at the same time
    if (n == 5) row.due.reset();
    ASSERT_TRUE(run(journal().append(ctx_, row, 0, test_events(row.id, 1, 1))));
  }
  const WallTime start = test_row(test_session(1)).created;
  const auto ids = [&](WallTime until, size_t limit) {
    return numbers(run(journal().due(ctx_, until, limit)));
  };
  EXPECT_EQ(ids(start + 9h, 100), (Keys{"1", "2", "3", "4"}));
  EXPECT_EQ(ids(start + 3h, 100), (Keys{"1", "2", "3"}));
  EXPECT_EQ(ids(start + 9h, 2), (Keys{"1", "2"}));
  EXPECT_EQ(ids(start, 100), Keys());
  SessionRow row = full_row(1);
  row.due = start + 5h;
  ASSERT_TRUE(run(journal().append(ctx_, row, 1, {})));
  EXPECT_EQ(ids(start + 9h, 100), (Keys{"2", "3", "4", "1"}));
}

TEST_P(Conformance, ATreeIsSummed) {
  for (int n = 1; n <= 4; ++n) {
    SessionRow row = full_row(n);
    if (n == 3) row.status = "ended";
    if (n == 4) row.root = row.parent = SessionId();
    ASSERT_TRUE(run(journal().append(ctx_, row, 0, test_events(row.id, 1, 1))));
  }
  auto totals = run(journal().tree(ctx_, test_session(1)));
  ASSERT_TRUE(totals) << totals.error().to_string();
  TreeTotals expected;
  expected.sessions = 3;
  expected.open = 2;
  expected.depth_max = 1;
  expected.spent.steps = 9;
  expected.spent.tokens = 3'006;
  expected.spent.cost = *Money::parse_usd("0.000000000003");
  expected.spent.spawns = 6;
  expected.reserved.tokens = 150;
  expected.reserved.cost = *Money::parse_usd("370370368.5");
  EXPECT_EQ(*totals, expected);
  EXPECT_EQ(*run(journal().tree(ctx_, test_session(77))), TreeTotals());
}

}  // namespace
}  // namespace drover::store
