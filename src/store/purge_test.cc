// What a purge leaves of a session and its records: nothing, in every backend, on the disk too, and
// however often the process dies in it.

#include <gtest/gtest.h>

#include <fstream>

#include "store/backends_test_fixture.h"
#include "store/purge_test_fixture.h"
#include "store/span_batch.h"
#include "store/sqlite/db.h"

namespace drover::store {
namespace {

const TenantId kTenant("ten_a");

Record record_of(const std::string& space, const std::string& key, const SessionId& source) {
  Record record;
  record.name_space = space;
  record.key = key;
  record.text = std::string(kCanary) + " note";
  record.source = source;
  return record;
}

constexpr Backend kPurgeBackends[] = {{"memory", open_memory},
                                      {"sqlite", open_sqlite_inline},
                                      {"log", open_log_inline},
                                      {"log_sim", open_log_sim}};

class Purge : public BackendTest {
 protected:
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

  const SessionId id_ = test_session(1);
  const SessionId other_ = test_session(2);
};

INSTANTIATE_TEST_SUITE_P(Backends, Purge, testing::ValuesIn(kPurgeBackends), name_of);

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
  const WallTime now = loop_.wall();
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
  its.start = loop_.wall();
  SpanRow another = its;
  another.session = other_.str();
  ASSERT_TRUE(run(spans().write(ctx_, batch_of({its, another, its}))));
  ASSERT_TRUE(run(spans().remove_of(ctx_, id_)));
  EXPECT_TRUE(run(spans().by_session(ctx_, id_))->empty());
  EXPECT_EQ(run(spans().by_session(ctx_, other_))->size(), 1u);
  EXPECT_EQ(run(spans().by_trace(ctx_, trace.trace_id_hex()))->size(), 1u);
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
  ASSERT_TRUE(run(spans().remove_of(ctx_, id_)));
  if (files) EXPECT_EQ(on_disk(), "") << "while the store is open";
  fixture_.store.reset();
  if (files) EXPECT_EQ(on_disk(), "");
}

TEST_P(Purge, RemovedRecordsAreNotOnTheDisk) {
  const bool files = std::string(GetParam().name) == "log" || GetParam().open == open_sqlite_inline;
  if (!files) return;  // the others keep no records in files
  const auto write = [&] {
    Record record = record_of("team", "its", id_);
    record.expires = loop_.wall() + 1h;
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
  EXPECT_EQ(run(records().remove_expired(ctx_, loop_.wall() + 2h, 10))->size(), 1u);
  EXPECT_EQ(on_disk(), "") << "expired";
  write();
  EXPECT_EQ(*run(records().remove_of(ctx_, kTenant, id_)), 1u);
  EXPECT_EQ(on_disk(), "") << "its session's";
}

TEST_P(Purge, WhatARecordSaidBeforeItWasWrittenOverIsNotOnTheDisk) {
  const bool files = std::string(GetParam().name) == "log" || GetParam().open == open_sqlite_inline;
  if (!files) return;  // the others keep no records in files
  for (bool by_sweep : {true, false}) {
    for (const char* text : {"x", "another text, which is longer than the one before it was"}) {
      put(record_of("team", "its", id_));
      EXPECT_NE(on_disk(), "") << "the test looks in the right place";
      Record over = record_of("team", "its", other_);
      over.text = text;
      put(std::move(over));
      if (by_sweep) {
        EXPECT_TRUE(run(records().remove_expired(ctx_, loop_.wall(), 10))->empty());
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

}  // namespace
}  // namespace drover::store
