// What a purge leaves of a session and its records: nothing, in every backend, on the disk too, and
// however often the process dies in it.

#include <gtest/gtest.h>

#include <fstream>

#include "base/limits/memory.h"
#include "base/log.h"
#include "store/log/log_check.h"
#include "store/log/log_store.h"
#include "store/log/sim_log_store.h"
#include "store/memory/memory_store.h"
#include "store/span_batch.h"
#include "store/sqlite/db.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store_test_util.h"

namespace drover::store {
namespace {

constexpr std::string_view kCanary = "canaryword";
const TenantId kTenant("ten_a");

std::vector<contract::Event> said(const SessionId& id, uint64_t first, uint64_t last,
                                  size_t filler = 40) {
  std::vector<contract::Event> out;
  for (uint64_t n = first; n <= last; ++n) {
    out.push_back(test_event(id, n, "\"" + std::string(kCanary) + std::string(filler, 'x') + "\""));
    out.back().extra.clear();
  }
  return out;
}

SessionRow purged_row(const SessionId& id) {
  SessionRow row = test_row(id);
  row.status = "ended";
  row.end_reason = kPurged;
  row.pending = kErase;
  return row;
}

contract::Event purge_event(const SessionId& id, uint64_t sequence) {
  contract::Event e = test_event(id, sequence, R"({"reason":"asked"})");
  e.kind = "purge";
  e.extra.clear();
  return e;
}

Record record_of(const std::string& space, const std::string& key, const SessionId& source) {
  Record record;
  record.name_space = space;
  record.key = key;
  record.text = std::string(kCanary) + " note";
  record.source = source;
  return record;
}

struct PurgeFixture {
  TempFolder folder;
  SystemClock clock;
  SeededRandom random{7};
  async::InlineExecutor executor;
  SimDisk disk{random};
  MemoryStore rest{random};
  async::SimLoop loop;
  std::unique_ptr<Store> store;
};

struct PurgeBackend {
  const char* name;
  void (*open)(PurgeFixture& fixture);
};

void purge_in_memory(PurgeFixture& f) { f.store = std::make_unique<MemoryStore>(f.random); }
void open_in_sqlite(PurgeFixture& f) {
  SqliteOptions options;
  options.folder = f.folder.path();
  options.writer = options.reader = options.upkeep = options.blobs = &f.executor;
  auto store = open_sqlite(options, f.clock, f.random);
  ASSERT_TRUE(store) << store.error().to_string();
  f.store = std::move(*store);
}
void open_in_log(PurgeFixture& f) {
  LogStoreOptions options;
  options.rest.folder = f.folder.path();
  options.rest.writer = options.rest.reader = options.rest.upkeep = options.rest.blobs =
      &f.executor;
  options.writer = options.reader = options.upkeep = &f.executor;
  auto store = open_log_store(options, f.clock, f.random);
  ASSERT_TRUE(store) << store.error().to_string();
  f.store = std::move(*store);
}
void purge_in_log(PurgeFixture& f) {
  auto store = open_sim_log(f.disk, f.loop, f.random, f.rest);
  ASSERT_TRUE(store) << store.error().to_string();
  f.store = std::move(*store);
}

constexpr PurgeBackend kPurgeBackends[] = {{"memory", purge_in_memory},
                                           {"sqlite", open_in_sqlite},
                                           {"log", open_in_log},
                                           {"log_sim", purge_in_log}};

class Purge : public testing::TestWithParam<PurgeBackend> {
 protected:
  void SetUp() override { GetParam().open(fixture_); }
  template <typename T>
  T run(async::Task<T> task) {
    return drive(fixture_.loop, std::move(task));
  }
  Journal& journal() { return fixture_.store->journal(); }
  Records& records() { return fixture_.store->records(); }
  Result<void> append(const SessionRow& row, uint64_t last, std::vector<contract::Event> events) {
    return run(journal().append(ctx_, row, last, std::move(events)));
  }
  void put(Record record) {
    ASSERT_TRUE(run(records().put(ctx_, kTenant, std::move(record), std::nullopt)));
  }
  /// Names of the files that hold the canary.
  std::string on_disk() {
    std::string out;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(fixture_.folder.path())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      if (bytes.find(kCanary) != std::string::npos) out += entry.path().filename().string() + " ";
    }
    return out;
  }

  PurgeFixture fixture_;
  async::Context ctx_{fixture_.loop};
  const SessionId id_ = test_session(1);
  const SessionId other_ = test_session(2);
};

INSTANTIATE_TEST_SUITE_P(Backends, Purge, testing::ValuesIn(kPurgeBackends),
                         [](const auto& backend) { return std::string(backend.param.name); });

TEST_P(Purge, OnlyThePurgeItselfIsLeft) {
  ASSERT_TRUE(append(test_row(id_), 0, said(id_, 1, 3)));
  ASSERT_TRUE(append(test_row(other_), 0, test_events(other_, 1, 4)));
  ASSERT_TRUE(append(test_row(id_), 3, said(id_, 4, 5, 100'000)));  // in blobs
  Snapshot snapshot;
  snapshot.sequence = 4;
  snapshot.hash = test_hash(4);
  snapshot.bytes = "folded";
  ASSERT_TRUE(run(journal().save_snapshot(ctx_, id_, snapshot)));
  auto early = run(journal().erase(ctx_, id_));
  ASSERT_FALSE(early) << "nothing that was not purged is erased";
  EXPECT_EQ(early.error().code, Code::kFailedPrecondition);

  ASSERT_TRUE(append(purged_row(id_), 5, {purge_event(id_, 6)}));
  auto before = run(journal().read(ctx_, id_, 1, 100));
  ASSERT_TRUE(before && before->size() == 1) << "it cannot be read from here on";
  ASSERT_TRUE(run(journal().erase(ctx_, id_)));
  ASSERT_TRUE(run(journal().erase(ctx_, id_))) << "again";

  auto events = run(journal().read(ctx_, id_, 1, 100));
  ASSERT_TRUE(events) << events.error().to_string();
  ASSERT_EQ(events->size(), 1u);
  EXPECT_EQ(difference(events->front(), purge_event(id_, 6)), "");
  EXPECT_TRUE(run(journal().read(ctx_, id_, 7, 100))->empty());
  EXPECT_FALSE(run(journal().load_snapshot(ctx_, id_))->has_value());
  auto row = run(journal().find(ctx_, id_));
  ASSERT_TRUE(row);
  EXPECT_TRUE(purged(*row));
  EXPECT_EQ(row->agent, "support");
  EXPECT_EQ(run(journal().read(ctx_, other_, 1, 100))->size(), 4u) << "others are as they were";
  SessionRow done = *row;
  done.pending = 0;
  ASSERT_TRUE(append(done, 6, {}));
  EXPECT_EQ(run(journal().read(ctx_, id_, 1, 100))->size(), 1u);
}

TEST_P(Purge, RecordsOfASessionGo) {
  put(record_of("team", "its", id_));
  put(record_of("team", "other", other_));
  put(record_of("notes:" + id_.str(), "by hand", SessionId()));
  Record over = record_of("team", "taken over", id_);
  put(over);
  over.source = other_;
  put(over);
  EXPECT_EQ(*run(records().remove_of(ctx_, TenantId("ten_b"), id_)), 0u) << "another tenant's";
  EXPECT_EQ(*run(records().remove_of(ctx_, kTenant, id_)), 2u);
  EXPECT_EQ(*run(records().remove_of(ctx_, kTenant, id_)), 0u);
  EXPECT_EQ(run(records().list(ctx_, kTenant, "team", "", "", 10))->size(), 2u);
  EXPECT_TRUE(run(records().list(ctx_, kTenant, "notes:" + id_.str(), "", "", 10))->empty());
  EXPECT_EQ(run(records().search(ctx_, kTenant, "team", std::string(kCanary), 10))->size(), 2u);
}

TEST_P(Purge, RecordsExpireTheFirstFirst) {
  const WallTime now = fixture_.loop.wall();
  for (int i = 1; i <= 3; ++i) {
    Record record = record_of("s" + std::to_string(i % 2), std::to_string(i), SessionId());
    record.expires = now + i * 1h;
    put(record);
  }
  put(record_of("s0", "forever", SessionId()));
  EXPECT_EQ(run(records().get(ctx_, kTenant, "s0", "2"))->expires, now + 2h);
  EXPECT_FALSE(run(records().get(ctx_, kTenant, "s0", "forever"))->expires);
  EXPECT_TRUE(run(records().remove_expired(ctx_, now, 10))->empty());
  auto first = run(records().remove_expired(ctx_, now + 5h, 2));
  ASSERT_TRUE(first && first->size() == 2);
  EXPECT_EQ((*first)[0].records, 1u);
  EXPECT_EQ((*first)[0].tenant, kTenant);
  EXPECT_TRUE(run(records().get(ctx_, kTenant, "s1", "3"))) << "the last to expire";
  EXPECT_EQ(run(records().remove_expired(ctx_, now + 5h, 2))->size(), 1u);
  EXPECT_TRUE(run(records().get(ctx_, kTenant, "s0", "forever")));
  Record again = record_of("s0", "2", SessionId());
  put(again);
  EXPECT_FALSE(run(records().get(ctx_, kTenant, "s0", "2"))->expires);
}

TEST_P(Purge, SpansOfASessionGo) {
  SeededRandom random(1);
  const SpanContext trace = SpanContext::make_root(random);
  SpanRow its;
  its.context = trace;
  its.name = "chat";
  its.session = id_.str();
  its.start = fixture_.loop.wall();
  SpanRow another = its;
  another.session = other_.str();
  ASSERT_TRUE(run(fixture_.store->spans().write(ctx_, batch_of({its, another, its}))));
  ASSERT_TRUE(run(fixture_.store->spans().remove_of(ctx_, id_)));
  EXPECT_TRUE(run(fixture_.store->spans().by_session(ctx_, id_))->empty());
  EXPECT_EQ(run(fixture_.store->spans().by_session(ctx_, other_))->size(), 1u);
  EXPECT_EQ(run(fixture_.store->spans().by_trace(ctx_, trace.trace_id_hex()))->size(), 1u);
}

TEST_P(Purge, NothingOfItIsOnTheDisk) {
  ASSERT_TRUE(append(test_row(id_), 0, said(id_, 1, 3)));
  ASSERT_TRUE(append(test_row(id_), 3, said(id_, 4, 4, 100'000)));
  put(record_of("team", "its", id_));
  ASSERT_TRUE(append(purged_row(id_), 4, {purge_event(id_, 5)}));
  const bool files = std::string(GetParam().name) == "log";
  if (files) EXPECT_NE(on_disk(), "") << "the test looks in the right place";
  ASSERT_TRUE(run(journal().erase(ctx_, id_)));
  ASSERT_TRUE(run(records().remove_of(ctx_, kTenant, id_)));
  ASSERT_TRUE(run(fixture_.store->spans().remove_of(ctx_, id_)));
  if (files) EXPECT_EQ(on_disk(), "") << "while the store is open";
  fixture_.store.reset();
  if (files) EXPECT_EQ(on_disk(), "");
}

TEST_P(Purge, RemovedRecordsAreNotOnTheDisk) {
  const bool files = std::string(GetParam().name) == "log" || GetParam().open == open_in_sqlite;
  if (!files) return;  // the others keep no records in files
  const auto write = [&] {
    Record record = record_of("team", "its", id_);
    record.expires = fixture_.loop.wall() + 1h;
    put(std::move(record));
    EXPECT_NE(on_disk(), "") << "the test looks in the right place";
  };
  write();
  EXPECT_TRUE(*run(records().remove(ctx_, kTenant, "team", "its")));
  EXPECT_EQ(on_disk(), "") << "removed";
  write();
  EXPECT_EQ(*run(records().clear(ctx_, kTenant, "team")), 1u);
  EXPECT_EQ(on_disk(), "") << "the namespace";
  write();
  EXPECT_EQ(run(records().remove_expired(ctx_, fixture_.loop.wall() + 2h, 10))->size(), 1u);
  EXPECT_EQ(on_disk(), "") << "expired";
  write();
  EXPECT_EQ(*run(records().remove_of(ctx_, kTenant, id_)), 1u);
  EXPECT_EQ(on_disk(), "") << "its session's";
}

TEST_P(Purge, WhatARecordSaidBeforeItWasWrittenOverIsNotOnTheDisk) {
  const bool files = std::string(GetParam().name) == "log" || GetParam().open == open_in_sqlite;
  if (!files) return;  // the others keep no records in files
  for (bool by_sweep : {true, false}) {
    for (const char* text : {"x", "another text, which is longer than the one before it was"}) {
      put(record_of("team", "its", id_));
      EXPECT_NE(on_disk(), "") << "the test looks in the right place";
      Record over = record_of("team", "its", other_);
      over.text = text;
      put(std::move(over));
      if (by_sweep) {
        EXPECT_TRUE(run(records().remove_expired(ctx_, fixture_.loop.wall(), 10))->empty());
      } else {
        EXPECT_EQ(*run(records().remove_of(ctx_, kTenant, id_)), 0u) << "it is another's by now";
      }
      EXPECT_EQ(on_disk(), "") << text;
      EXPECT_EQ(run(records().get(ctx_, kTenant, "team", "its"))->text, text);
    }
  }
}

TEST(PurgeOfRecords, AReaderInTheWayOnlyDelaysIt) {
  TempFolder folder;
  ManualClock clock;
  SeededRandom random(7);
  async::InlineExecutor executor;
  async::SimLoop loop;
  async::Context ctx(loop);
  SqliteOptions options;
  options.folder = folder.path();
  options.writer = options.reader = options.upkeep = options.blobs = &executor;
  auto store = *open_sqlite(options, clock, random);
  Records& records = store->records();
  const auto log_bytes = [&] {
    return std::filesystem::file_size(folder.path() + "/drover.db-wal");
  };
  ASSERT_TRUE(drive(loop, records.put(ctx, kTenant, record_of("team", "its", SessionId()), 0)));
  auto reading = *sqlite::Db::open({.path = folder.path() + "/drover.db"});
  ASSERT_TRUE(reading->exec("BEGIN; SELECT count(*) FROM records;"));
  EXPECT_TRUE(*drive(loop, records.remove(ctx, kTenant, "team", "its")));
  EXPECT_GT(log_bytes(), 0u);
  ASSERT_TRUE(reading->exec("COMMIT"));
  clock.advance(2s);
  // The sweep that finds nothing.
  EXPECT_TRUE(drive(loop, records.remove_expired(ctx, loop.wall(), 10))->empty());
  EXPECT_EQ(log_bytes(), 0u);
}

/// All of the log, as nobody but a thief would read it.
std::string bytes_of(SimDisk& disk) {
  std::string out;
  const auto names = *disk.list("/data/log");
  for (const std::string& name : names) {
    auto file = disk.open("/data/log/" + name, Disk::Mode::kRead);
    out += *(*file)->read_at(0, 1u << 20);
  }
  return out;
}

struct Machine {
  explicit Machine(uint64_t seed) : random(seed), disk(random), rest(random) {
    configure_log(LogLevel::kOff, LogFormat::kText);
  }
  bool open() {
    log::LogOptions options = sim_log_options();
    options.segment_bytes = 4u << 10;
    options.reserve_bytes = 1u << 10;
    auto opened = open_sim_log(disk, loop, random, rest, options);
    if (opened) store = std::move(*opened);
    return opened.has_value();
  }
  void crash() {
    store.reset();
    loop.clear();
    disk.power_cut();
  }
  template <typename T>
  T run(async::Task<T> task) {
    return loop.run_task(std::move(task));
  }
  SeededRandom random;
  SimDisk disk;
  async::SimLoop loop;
  async::Context ctx{loop};
  MemoryStore rest;
  std::unique_ptr<SimLogStore> store;
};

/// Two sessions side by side over several segments, one of them purged and not yet erased.
void prepare(Machine& m, const SessionId& its, const SessionId& other) {
  ASSERT_TRUE(m.open());
  for (uint64_t n = 1; n <= 20; ++n) {
    ASSERT_TRUE(
        m.run(m.store->journal().append(m.ctx, test_row(its), n - 1, said(its, n, n, 200))));
    ASSERT_TRUE(
        m.run(m.store->journal().append(m.ctx, test_row(other), n - 1, test_events(other, n, n))));
  }
  std::vector<contract::Event> purge(1, purge_event(its, 21));
  ASSERT_TRUE(m.run(m.store->journal().append(m.ctx, purged_row(its), 20, std::move(purge))));
}

TEST(PurgeOfALog, GoesOnAfterEveryPowerCut) {
  const SessionId its = test_session(1);
  const SessionId other = test_session(2);
  int cuts = 0;
  for (uint64_t operations = 0; operations < 60; ++operations) {
    Machine m(operations + 1);
    prepare(m, its, other);
    m.disk.fail_after(operations);
    auto first = m.run(m.store->journal().erase(m.ctx, its));
    if (!first) ++cuts;
    m.crash();
    ASSERT_TRUE(m.open()) << operations;
    auto row = m.run(m.store->journal().find(m.ctx, its));
    ASSERT_TRUE(row && purged(*row)) << operations;
    auto done = m.run(m.store->journal().erase(m.ctx, its));
    ASSERT_TRUE(done) << operations << ": " << done.error().to_string();
    EXPECT_EQ(bytes_of(m.disk).find(kCanary), std::string::npos) << operations;
    m.crash();
    // The index is made anew from what is left.
    ASSERT_TRUE(m.open()) << operations;
    auto events = m.run(m.store->journal().read(m.ctx, its, 1, 100));
    ASSERT_TRUE(events) << operations << ": " << events.error().to_string();
    EXPECT_EQ(events->size(), 1u);
    EXPECT_EQ(m.run(m.store->journal().read(m.ctx, other, 1, 100))->size(), 20u) << operations;
    m.store.reset();
    auto report = log::check_log(m.disk, "/data/log", nullptr);
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->faults.empty()) << operations << ": " << report->faults.front();
  }
  EXPECT_GT(cuts, 10) << "the cuts came while it was at it";
}

TEST(PurgeOfALog, IsOnTheDiskWhenItIsDoneAgainAfterAFailedSync) {
  const SessionId its = test_session(1);
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Machine m(seed);
    prepare(m, its, test_session(2));
    m.disk.fail_syncs(1);
    ASSERT_FALSE(m.run(m.store->journal().erase(m.ctx, its))) << seed;
    ASSERT_TRUE(m.run(m.store->journal().erase(m.ctx, its))) << seed;
    m.crash();
    EXPECT_EQ(bytes_of(m.disk).find(kCanary), std::string::npos) << seed;
  }
}

TEST(PurgeOfALog, ADamagedPlaceIsNamedAndAllElseIsErased) {
  Machine m(3);
  const SessionId its = test_session(1);
  prepare(m, its, test_session(2));
  const std::string before = bytes_of(m.disk);
  // A flipped bit of a payload: the frame's head still says how far it reaches.
  const size_t at = before.find(kCanary);
  ASSERT_TRUE(m.disk.flip_bit("/data/log/" + (*m.disk.list("/data/log"))[0], at + 20, 1));
  ASSERT_TRUE(m.run(m.store->journal().erase(m.ctx, its)));
  EXPECT_EQ(bytes_of(m.disk).find(kCanary), std::string::npos);

  Machine n(4);
  prepare(n, its, test_session(2));
  const std::string bytes = bytes_of(n.disk);
  const size_t payload = bytes.find(kCanary);
  const size_t head = bytes.rfind("DLFR", payload);
  ASSERT_TRUE(n.disk.flip_bit("/data/log/" + (*n.disk.list("/data/log"))[0], head, 1));
  auto erased = n.run(n.store->journal().erase(n.ctx, its));
  ASSERT_FALSE(erased) << "a head that says nothing";
  EXPECT_EQ(erased.error().code, Code::kDataLoss);
  EXPECT_NE(erased.error().message.find(".seg at byte"), std::string::npos)
      << erased.error().message;
  const std::string after = bytes_of(n.disk);
  size_t left = 0;
  for (size_t found = after.find(kCanary); found != std::string::npos;
       found = after.find(kCanary, found + 1)) {
    ++left;
  }
  EXPECT_EQ(left, 1u);
}

}  // namespace
}  // namespace drover::store
