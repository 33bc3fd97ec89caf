// What every backend must do, run against each of them: the in-memory form; SQLite and the
// segmented log, each with everything on one thread and with threads of its own; the log on a
// simulated disk. A new backend is one line in kBackends.

#include <gtest/gtest.h>

#include "async/scope.h"
#include "base/limits/memory.h"
#include "base/limits/store.h"
#include "store/log/log_store.h"
#include "store/log/sim_log_store.h"
#include "store/memory/memory_store.h"
#include "store/span_batch.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store_test_util.h"

namespace drover::store {
namespace {

SpanLimits small_spans() {
  SpanLimits limits;
  limits.count_max = 100;
  limits.age_max = 1h;
  return limits;
}

/// One store and what it needs, in the order of their lives.
struct Fixture {
  TempFolder folder;
  SystemClock clock;
  SeededRandom random{7};
  async::InlineExecutor inline_executor;
  SimDisk disk{random};
  MemoryStore rest{random, small_spans()};
  async::SimLoop* loop = nullptr;
  std::unique_ptr<Store> store;
};

struct Backend {
  const char* name;
  void (*open)(Fixture& fixture);
};

void open_memory(Fixture& f) { f.store = std::make_unique<MemoryStore>(f.random, small_spans()); }

void open_with(Fixture& f, async::Executor* executor) {
  SqliteOptions options;
  options.folder = f.folder.path();
  options.writer = options.reader = options.upkeep = options.blobs = executor;
  options.spans = small_spans();
  auto store = open_sqlite(options, f.clock, f.random);
  ASSERT_TRUE(store) << store.error().to_string();
  f.store = std::move(*store);
}

void open_sqlite_inline(Fixture& f) { open_with(f, &f.inline_executor); }
void open_sqlite_threads(Fixture& f) { open_with(f, nullptr); }

void open_log_with(Fixture& f, async::Executor* executor) {
  LogStoreOptions options;
  options.rest.folder = f.folder.path();
  options.rest.writer = options.rest.reader = options.rest.upkeep = options.rest.blobs = executor;
  options.rest.spans = small_spans();
  options.writer = options.reader = options.upkeep = executor;
  auto store = open_log_store(options, f.clock, f.random);
  ASSERT_TRUE(store) << store.error().to_string();
  f.store = std::move(*store);
}

void open_log_inline(Fixture& f) { open_log_with(f, &f.inline_executor); }
void open_log_threads(Fixture& f) { open_log_with(f, nullptr); }
void open_log_sim(Fixture& f) {
  f.disk.latency = 1ms;
  auto store = open_sim_log(f.disk, *f.loop, f.random, f.rest);
  ASSERT_TRUE(store) << store.error().to_string();
  f.store = std::move(*store);
}

constexpr Backend kBackends[] = {{"memory", open_memory},
                                 {"sqlite_inline", open_sqlite_inline},
                                 {"sqlite_threads", open_sqlite_threads},
                                 {"log_inline", open_log_inline},
                                 {"log_threads", open_log_threads},
                                 {"log_sim", open_log_sim}};

class Conformance : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    fixture_.loop = &loop_;
    GetParam().open(fixture_);
  }
  template <typename T>
  T run(async::Task<T> task) {
    return drive(loop_, std::move(task));
  }
  Journal& journal() { return fixture_.store->journal(); }
  Records& records() { return fixture_.store->records(); }
  Documents& documents() { return fixture_.store->documents(); }
  Spans& spans() { return fixture_.store->spans(); }
  Blobs& blobs() { return fixture_.store->blobs(); }

  Result<void> append(int session, uint64_t expected_last, uint64_t count,
                      const std::string& tenant = "ten_a") {
    const SessionId id = test_session(session);
    auto events = test_events(id, expected_last + 1, expected_last + count);
    return run(journal().append(ctx_, test_row(id, tenant), expected_last, std::move(events)));
  }
  uint64_t put(const std::string& key, const std::string& text, const std::string& space = "agent",
               const std::string& tenant = "ten_a") {
    Record record;
    record.name_space = space;
    record.key = key;
    record.text = text;
    record.value = Json::object().set("about", Json(key));
    auto version = run(records().put(ctx_, TenantId(tenant), std::move(record), std::nullopt));
    EXPECT_TRUE(version) << version.error().to_string();
    loop_.run_for(1s);
    return version.value_or(0);
  }
  std::vector<std::string> search(const std::string& query, size_t limit = 10,
                                  const std::string& tenant = "ten_a",
                                  const std::string& space = "agent") {
    auto found = run(records().search(ctx_, TenantId(tenant), space, query, limit));
    EXPECT_TRUE(found) << found.error().to_string();
    std::vector<std::string> keys;
    for (const Found& f : found.value_or(std::vector<Found>())) keys.push_back(f.record.key);
    return keys;
  }

  async::SimLoop loop_;
  async::Context ctx_{loop_};
  Fixture fixture_;
};

INSTANTIATE_TEST_SUITE_P(Backends, Conformance, testing::ValuesIn(kBackends),
                         [](const auto& backend) { return std::string(backend.param.name); });

using Keys = std::vector<std::string>;

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

TEST_P(Conformance, ListsNewestFirstByTenantStatusAndAgent) {
  for (int n = 1; n <= 6; ++n) {
    ASSERT_TRUE(append(n, 0, 1, n % 2 == 0 ? "ten_a" : "ten_b"));
  }
  SessionRow ended = test_row(test_session(4));
  ended.status = "ended";
  ended.agent = "research";
  ASSERT_TRUE(run(journal().append(ctx_, ended, 1, {})));
  const auto ids = [&](const SessionFilter& filter) {
    auto rows = run(journal().list(ctx_, filter));
    EXPECT_TRUE(rows);
    Keys out;
    for (const SessionRow& row : *rows) out.push_back(row.id.str().substr(13));
    return out;
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
    auto rows = run(journal().list(ctx_, filter));
    EXPECT_TRUE(rows);
    Keys out;
    for (const SessionRow& row : *rows) out.push_back(row.id.str().substr(13));
    return out;
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
    auto rows = run(journal().list(ctx_, filter));
    EXPECT_TRUE(rows) << rows.error().to_string();
    Keys out;
    if (!rows) return out;
    for (const SessionRow& row : *rows) out.push_back(row.id.str().substr(13));
    return out;
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
    auto rows = run(journal().due(ctx_, until, limit));
    EXPECT_TRUE(rows);
    Keys out;
    for (const SessionRow& row : *rows) out.push_back(row.id.str().substr(13));
    return out;
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

TEST_P(Conformance, RecordsKeepVersionsTimesAndValues) {
  const TenantId tenant("ten_a");
  Record record;
  record.name_space = "user:7";
  record.key = "likes";
  record.text = "tea";
  record.value = *Json::parse(R"({"n":1.50})");
  record.source = test_session(3);
  const WallTime first = loop_.wall();
  EXPECT_EQ(*run(records().put(ctx_, tenant, record, std::nullopt)), 1u);
  loop_.run_for(5s);
  record.text = "coffee";
  EXPECT_EQ(*run(records().put(ctx_, tenant, record, std::nullopt)), 2u);
  auto got = run(records().get(ctx_, tenant, "user:7", "likes"));
  ASSERT_TRUE(got) << got.error().to_string();
  EXPECT_EQ(got->name_space, "user:7");
  EXPECT_EQ(got->key, "likes");
  EXPECT_EQ(got->text, "coffee");
  EXPECT_EQ(got->value, record.value);
  EXPECT_EQ(got->version, 2u);
  EXPECT_EQ(got->created, first);
  EXPECT_EQ(got->updated, first + 5s);
  EXPECT_EQ(got->source, test_session(3));
}

TEST_P(Conformance, RecordsKeepTheClassOfWhatTheySay) {
  auto put_classed = [&](const std::string& text, const std::string& data_class) {
    Record record;
    record.name_space = "agent";
    record.key = "k";
    record.text = text;
    record.data_class = data_class;
    ASSERT_TRUE(run(records().put(ctx_, TenantId("ten_a"), std::move(record), std::nullopt)));
  };
  auto got = [&] { return *run(records().get(ctx_, TenantId("ten_a"), "agent", "k")); };
  put_classed("ward note", "residency=de;sensitivity=confidential");
  EXPECT_EQ(got().data_class, "residency=de;sensitivity=confidential");
  put_classed("menu note", "");
  EXPECT_EQ(got().data_class, "") << "what it said before is gone";
  put_classed("ward note", "residency=fr");
  auto found = run(records().search(ctx_, TenantId("ten_a"), "agent", "note", 10));
  ASSERT_TRUE(found && found->size() == 1);
  EXPECT_EQ(found->front().record.data_class, "residency=fr");
  auto listed = run(records().list(ctx_, TenantId("ten_a"), "agent", "", "", 10));
  ASSERT_TRUE(listed && listed->size() == 1);
  EXPECT_EQ(listed->front().data_class, "residency=fr");
}

TEST_P(Conformance, CompareAndSet) {
  const TenantId tenant("ten_a");
  Record record;
  record.name_space = "agent";
  record.key = "counter";
  EXPECT_EQ(*run(records().put(ctx_, tenant, record, 0)), 1u);
  EXPECT_EQ(*run(records().put(ctx_, tenant, record, 1)), 2u);
  auto lost = run(records().put(ctx_, tenant, record, 1));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::kAborted);
  EXPECT_NE(lost.error().message.find("version 2"), std::string::npos) << lost.error().message;
  EXPECT_FALSE(run(records().put(ctx_, tenant, record, 0)));
  record.key = "absent";
  lost = run(records().put(ctx_, tenant, record, 4));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::kAborted);
  // A removed record begins again.
  EXPECT_TRUE(*run(records().remove(ctx_, tenant, "agent", "counter")));
  EXPECT_FALSE(*run(records().remove(ctx_, tenant, "agent", "counter")));
  record.key = "counter";
  EXPECT_EQ(*run(records().put(ctx_, tenant, record, 0)), 1u);
}

TEST_P(Conformance, ARecordWhoseEndHasComeIsNone) {
  const TenantId tenant("ten_a");
  auto write = [&](const std::string& key, std::optional<uint64_t> expected) {
    Record record;
    record.name_space = "agent";
    record.key = key;
    record.text = "ward note";
    record.expires = loop_.wall() + 10s;
    return run(records().put(ctx_, tenant, std::move(record), expected));
  };
  put("stays", "ward note of long ago");
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(write(key, 0));
  loop_.run_for(9s);
  EXPECT_TRUE(run(records().get(ctx_, tenant, "agent", "a")));
  EXPECT_EQ(search("ward").size(), 4u);
  EXPECT_EQ(*write("c", 1), 2u) << "it is still there, and stays for longer now";
  loop_.run_for(1s);  // nothing was swept
  auto got = run(records().get(ctx_, tenant, "agent", "a"));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kNotFound);
  auto listed = run(records().list(ctx_, tenant, "agent", "", "", 2));
  ASSERT_TRUE(listed && listed->size() == 2) << "what has expired takes no place";
  EXPECT_EQ(listed->front().key, "c");
  EXPECT_EQ(search("ward", 2).size(), 2u);
  EXPECT_EQ(search("", 2).size(), 2u);
  EXPECT_FALSE(write("a", 1)) << "compare-and-set of what is gone";
  EXPECT_FALSE(*run(records().remove(ctx_, tenant, "agent", "b")));
  EXPECT_EQ(*write("a", 0), 1u) << "it begins again";
  EXPECT_EQ(run(records().get(ctx_, tenant, "agent", "a"))->created, loop_.wall());
  EXPECT_EQ(search("ward").size(), 3u);
}

TEST_P(Conformance, RecordsFromAnotherStoreStayAsTheyAreAndANamespaceGoesAtOnce) {
  const TenantId tenant("ten_a");
  put("kept", "of another namespace", "other");
  put("a", "overwritten by what comes");
  std::vector<Record> coming(2);
  for (size_t i = 0; i < coming.size(); ++i) {
    coming[i].name_space = "agent";
    coming[i].key = i == 0 ? "a" : "b";
    coming[i].text = "juniper number " + std::to_string(i);
    coming[i].value = Json::object().set("i", static_cast<int64_t>(i));
    coming[i].version = 7;
    coming[i].created = loop_.wall() - 90s;
    coming[i].updated = loop_.wall() - 60s;
    coming[i].source = test_session(4);
    coming[i].data_class = "residency=de";
  }
  ASSERT_TRUE(run(records().take_over(ctx_, tenant, coming)));
  for (const Record& expected : coming) {
    auto got = run(records().get(ctx_, tenant, "agent", expected.key));
    ASSERT_TRUE(got) << got.error().to_string();
    EXPECT_EQ(got->text, expected.text);
    EXPECT_EQ(got->value, expected.value);
    EXPECT_EQ(got->version, 7u);
    EXPECT_EQ(got->created, expected.created);
    EXPECT_EQ(got->updated, expected.updated);
    EXPECT_EQ(got->source, expected.source);
    EXPECT_EQ(got->data_class, "residency=de");
  }
  EXPECT_EQ(search("juniper").size(), 2u);
  EXPECT_TRUE(search("overwritten").empty());
  // Whoever knew the version goes on from there.
  EXPECT_EQ(*run(records().put(ctx_, tenant, coming[1], 7)), 8u);
  auto cleared = run(records().clear(ctx_, tenant, "agent"));
  ASSERT_TRUE(cleared) << cleared.error().to_string();
  EXPECT_EQ(*cleared, 2u);
  EXPECT_TRUE(search("juniper").empty());
  EXPECT_TRUE(run(records().list(ctx_, tenant, "agent", "", "", 10))->empty());
  EXPECT_TRUE(run(records().get(ctx_, tenant, "other", "kept")));
  EXPECT_EQ(*run(records().clear(ctx_, tenant, "agent")), 0u);
  EXPECT_EQ(*run(records().clear(ctx_, tenant, "never seen")), 0u);
  put("a", "juniper again");
  EXPECT_EQ(search("juniper"), std::vector<std::string>({"a"}));
}

TEST_P(Conformance, ListsByPrefixInKeyOrder) {
  for (const char* key : {"b/2", "a", "b/1", "b", "b/3", "c", "b0"}) put(key, "x");
  const auto keys = [&](const std::string& prefix, const std::string& after, size_t limit) {
    auto rows = run(records().list(ctx_, TenantId("ten_a"), "agent", prefix, after, limit));
    EXPECT_TRUE(rows);
    Keys out;
    for (const Record& r : *rows) out.push_back(r.key);
    return out;
  };
  EXPECT_EQ(keys("", "", 100), (Keys{"a", "b", "b/1", "b/2", "b/3", "b0", "c"}));
  EXPECT_EQ(keys("b/", "", 100), (Keys{"b/1", "b/2", "b/3"}));
  EXPECT_EQ(keys("b/", "b/1", 1), (Keys{"b/2"}));
  EXPECT_EQ(keys("b/", "b/3", 9), Keys());
  EXPECT_EQ(keys("zz", "", 9), Keys());
}

TEST_P(Conformance, SearchRanksByWords) {
  put("short", "the cat");
  put("long", "the cat sat on a mat in the house of a man with a hat and a bat");
  put("twice", "cat cat dog");
  put("none", "bird");
  put("accent", "Crème brûlée, ÉCLAIR");
  EXPECT_EQ(search("cat"), (Keys{"twice", "short", "long"}));
  EXPECT_EQ(search("dog cat").front(), "twice");
  EXPECT_EQ(search("creme"), Keys{"accent"});
  EXPECT_EQ(search("éclair"), Keys{"accent"});
  EXPECT_EQ(search("CAT", 1).size(), 1u);
  EXPECT_EQ(search("zebra"), Keys());
}

TEST_P(Conformance, OperatorsInAQueryAreWords) {
  put("a", "alpha NOT beta");
  put("b", "beta near gamma");
  for (const char* query : {"alpha AND zzz", "\"alpha", "alpha*", "text:alpha", "(alpha", "alpha)",
                            "scope: alpha", "{text}: alpha", "^alpha", "alpha -- ; DROP", "alpha'",
                            "alpha \" OR \"", "NEAR(alpha)", "alpha +zzz", "-alpha"}) {
    EXPECT_FALSE(search(query).empty()) << query;
    EXPECT_EQ(search(query).front(), "a") << query;
  }
  // The names that the index uses inside are no words of any record.
  EXPECT_EQ(search("n1"), Keys());
  EXPECT_EQ(search("not"), Keys{"a"});
}

TEST_P(Conformance, AQueryWithoutWordsListsTheNewest) {
  put("one", "x");
  put("two", "x");
  put("three", "x");
  put("one", "y");
  EXPECT_EQ(search(""), (Keys{"one", "three", "two"}));
  EXPECT_EQ(search(" -- ! ", 2), (Keys{"one", "three"}));
}

TEST_P(Conformance, SearchFollowsChangesAndRemovals) {
  put("k", "apple");
  put("k", "pear");
  EXPECT_EQ(search("apple"), Keys());
  EXPECT_EQ(search("pear"), Keys{"k"});
  EXPECT_TRUE(*run(records().remove(ctx_, TenantId("ten_a"), "agent", "k")));
  EXPECT_EQ(search("pear"), Keys());
  EXPECT_EQ(search(""), Keys());
}

TEST_P(Conformance, TenantsAndNamespacesAreApart) {
  put("k", "secret plan", "agent", "ten_a");
  put("k", "public plan", "agent", "ten_b");
  put("k", "private plan", "user:1", "ten_a");
  const TenantId a("ten_a");
  const TenantId b("ten_b");
  EXPECT_EQ(run(records().get(ctx_, b, "agent", "k"))->text, "public plan");
  EXPECT_EQ(run(records().get(ctx_, b, "user:1", "k")).error().code, Code::kNotFound);
  EXPECT_EQ(search("secret", 10, "ten_b"), Keys());
  EXPECT_EQ(search("private"), Keys());
  EXPECT_EQ(search("plan", 10, "ten_b"), Keys{"k"});
  EXPECT_EQ(search("plan", 10, "ten_c"), Keys());
  EXPECT_EQ(run(records().list(ctx_, b, "agent", "", "", 10))->size(), 1u);
  EXPECT_FALSE(*run(records().remove(ctx_, b, "user:1", "k")));
  EXPECT_TRUE(*run(records().remove(ctx_, b, "agent", "k")));
  EXPECT_EQ(run(records().get(ctx_, a, "agent", "k"))->text, "secret plan");
}

TEST_P(Conformance, ScoresTellNothingOfOtherTenants) {
  put("k1", "zebra lion", "agent", "ten_a");
  put("k2", "lion", "agent", "ten_a");
  const auto score = [&] {
    auto found = run(records().search(ctx_, TenantId("ten_a"), "agent", "zebra", 10));
    EXPECT_TRUE(found && found->size() == 1);
    return found->front().score;
  };
  const double before = score();
  EXPECT_GT(before, 0);
  for (int i = 0; i < 20; ++i) put("z" + std::to_string(i), "zebra", "agent", "ten_b");
  EXPECT_EQ(score(), before);
}

TEST_P(Conformance, RecordsHaveLimits) {
  const TenantId tenant("ten_a");
  const auto refused = [&](Record record) {
    auto put = run(records().put(ctx_, tenant, std::move(record), std::nullopt));
    EXPECT_FALSE(put);
    return put ? Code::kInternal : put.error().code;
  };
  Record ok;
  ok.name_space = "agent";
  ok.key = std::string(limits::kMemoryKeyBytesMax, 'k');
  ok.text = std::string(limits::kMemoryValueBytesMax, 't');
  auto put = run(records().put(ctx_, tenant, ok, std::nullopt));
  EXPECT_TRUE(put) << put.error().to_string();
  Record bad = ok;
  bad.key += "k";
  EXPECT_EQ(refused(bad), Code::kInvalidArgument);
  bad = ok;
  bad.text += "t";
  EXPECT_EQ(refused(bad), Code::kInvalidArgument);
  bad = ok;
  bad.value = Json(std::string(limits::kMemoryValueBytesMax, 'v'));
  EXPECT_EQ(refused(bad), Code::kInvalidArgument);
  bad = ok;
  bad.text = "\xff";
  EXPECT_EQ(refused(bad), Code::kInvalidArgument);
  bad = ok;
  bad.key = "";
  EXPECT_EQ(refused(bad), Code::kInvalidArgument);
  bad = ok;
  bad.name_space = "";
  EXPECT_EQ(refused(bad), Code::kInvalidArgument);
}

SpanRow test_span(Random& random, const SpanContext& trace, const std::string& name,
                  WallTime start) {
  SpanRow row;
  row.context = trace.make_child(random);
  row.parent_span_id = trace.span_id_hex();
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
  EXPECT_EQ(row.parent_span_id, trace.span_id_hex());
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
