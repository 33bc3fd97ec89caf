#pragma once
// A folder of data, opened and filled as a process does, and everything in it to compare.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/limits/store.h"
#include "store/files.h"
#include "store/log/log_store.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store_test_util.h"

namespace drover::store {

struct FolderWorld {
  async::SimLoop loop;
  async::Context ctx{loop};
  SystemClock clock;
  SeededRandom random{1};
  TempFolder temp;

  std::string folder(const std::string& name) { return temp.path() + "/" + name; }
  std::unique_ptr<SqliteStore> open(const std::string& path) {
    EXPECT_TRUE(make_folder(path));
    SqliteOptions options;
    options.folder = path;
    auto store = open_sqlite(options, clock, random);
    EXPECT_TRUE(store) << store.error().to_string();
    return store ? std::move(*store) : nullptr;
  }
  std::unique_ptr<LogStore> open_log(const std::string& path) {
    EXPECT_TRUE(make_folder(path));
    LogStoreOptions options;
    options.rest.folder = path;
    auto store = open_log_store(options, clock, random);
    EXPECT_TRUE(store) << store.error().to_string();
    return store ? std::move(*store) : nullptr;
  }
  void append(Store& store, int session, uint64_t expected, std::vector<contract::Event> events) {
    const SessionId id = test_session(session);
    auto done = drive(loop, store.journal().append(ctx, test_row(id), expected, std::move(events)));
    EXPECT_TRUE(done) << done.error().to_string();
  }
};

/// Sessions of all kinds: short, long, with a payload in a blob, with a tree and a wait.
inline void fill(FolderWorld& w, Store& store) {
  for (int s = 1; s <= 20; ++s) {
    w.append(store, s, 0, test_events(test_session(s), 1, static_cast<uint64_t>(s)));
  }
  w.append(store, 21, 0, test_events(test_session(21), 1, 700));
  auto events = test_events(test_session(22), 1, 3);
  events[1].payload = "\"" + std::string(limits::kInlinePayloadBytesMax * 2, 'p') + "\"";
  w.append(store, 22, 0, events);
  SessionRow row = test_row(test_session(23));
  row.root = test_session(1);
  row.parent = test_session(1);
  row.depth = 1;
  row.key = KeyId("key_1");
  row.due = row.created + 1h;
  row.spent.cost = *Money::parse_usd("1.25");
  row.pending = kReportToParent;
  auto done = drive(w.loop, store.journal().append(w.ctx, row, 0, test_events(row.id, 1, 2)));
  EXPECT_TRUE(done) << done.error().to_string();
}

struct Everything {
  std::vector<SessionRow> rows;
  std::vector<std::vector<contract::Event>> events;
};

inline Everything read_everything(FolderWorld& w, Store& store) {
  Everything out;
  out.rows = *drive(w.loop, store.journal().list(w.ctx, SessionFilter()));
  for (const SessionRow& row : out.rows) {
    auto events = drive(w.loop, store.journal().read(w.ctx, row.id, 1, 10'000));
    EXPECT_TRUE(events) << events.error().to_string();
    out.events.push_back(events.value_or(std::vector<contract::Event>()));
  }
  return out;
}

inline void expect_same(const Everything& a, const Everything& b) {
  EXPECT_EQ(a.rows.size(), 23u);
  ASSERT_EQ(a.rows.size(), b.rows.size());
  for (size_t i = 0; i < a.rows.size(); ++i) {
    EXPECT_EQ(a.rows[i], b.rows[i]) << a.rows[i].id.str();
    ASSERT_EQ(a.events[i].size(), b.events[i].size());
    for (size_t n = 0; n < a.events[i].size(); ++n) {
      ASSERT_EQ(difference(a.events[i][n], b.events[i][n]), "") << a.rows[i].id.str();
    }
  }
}

}  // namespace drover::store
