// A folder whose journal is a log: taken over from the database, its index made anew.

#include <gtest/gtest.h>

#include "store/data_folder_test_fixture.h"
#include "store/sqlite/sqlite_index.h"

namespace drover::store {
namespace {

TEST(LogFolder, AJournalInTheDatabaseIsBroughtOver) {
  FolderWorld w;
  const std::string path = w.folder("data");
  Everything before;
  {
    auto store = w.open(path);
    fill(w, *store);
    before = read_everything(w, *store);
  }
  {
    // A start that was interrupted left half a log.
    ASSERT_TRUE(make_folder(path + "/log"));
    ASSERT_TRUE(write_file(path + "/log/0000000000000000.seg", "half"));
    auto store = w.open_log(path);
    ASSERT_NE(store, nullptr);
    expect_same(before, read_everything(w, *store));
    w.append(*store, 1, 1, test_events(test_session(1), 2, 4));
  }
  auto store = w.open_log(path);
  auto read = drive(w.loop, store->journal().read(w.ctx, test_session(1), 1, 10));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->size(), 4u);
  store.reset();
  // The journal in the database would be empty: it is refused, as an older program refuses.
  SqliteOptions options;
  options.folder = path;
  auto refused = open_sqlite(options, w.clock, w.random);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
}

TEST(LogFolder, EveryRowCanBeHadFromTheLogAlone) {
  FolderWorld w;
  const std::string path = w.folder("data");
  Everything before;
  {
    auto store = w.open_log(path);
    fill(w, *store);
    SessionRow row = test_row(test_session(5));
    row.status = "ended";
    row.end_reason = "completed";
    row.agent_version = "4";
    auto done = drive(w.loop, store->journal().append(w.ctx, row, 5, {}));
    ASSERT_TRUE(done) << done.error().to_string();
    before = read_everything(w, *store);
  }
  for (const char* suffix : {"", "-wal", "-shm"}) {
    ASSERT_TRUE(remove_tree(path + "/" + std::string(kIndexName) + suffix));
  }
  {
    auto store = w.open_log(path);
    ASSERT_NE(store, nullptr);
    expect_same(before, read_everything(w, *store));
  }
  ASSERT_TRUE(write_file(path + "/" + std::string(kIndexName), std::string(8'192, 'x')));
  auto store = w.open_log(path);
  ASSERT_NE(store, nullptr);
  expect_same(before, read_everything(w, *store));
}

}  // namespace
}  // namespace drover::store
