#include "store/data_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "async/worker_pool.h"
#include "base/limits.h"
#include "store/files.h"
#include "store/sqlite/backup.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store_test_util.h"

namespace drover::store {
namespace {

struct World {
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
  void append(Store& store, int session, uint64_t expected, std::vector<contract::Event> events) {
    const SessionId id = test_session(session);
    auto done = drive(loop, store.journal().append(ctx, test_row(id), expected, std::move(events)));
    EXPECT_TRUE(done) << done.error().to_string();
  }
};

TEST(DataFolder, IsPrivateAndBelongsToOneProcess) {
  World w;
  const std::string path = w.folder("a/data");
  auto first = DataFolder::open(path);
  ASSERT_TRUE(first) << first.error().to_string();
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  auto second = DataFolder::open(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kFailedPrecondition);
  EXPECT_NE(second.error().message.find(std::to_string(::getpid())), std::string::npos);
  first->reset();
  EXPECT_TRUE(DataFolder::open(path));
}

TEST(DataFolder, AFileInItsPlaceIsNamed) {
  World w;
  ASSERT_TRUE(write_file(w.folder("data"), "x"));
  auto opened = DataFolder::open(w.folder("data"));
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("not a folder"), std::string::npos);
}

TEST(Format, AVersionOneFolderIsBroughtUp) {
  World w;
  const std::string path = w.folder("data");
  ASSERT_TRUE(make_folder(path));
  {
    sqlite::OpenOptions options;
    options.path = path + "/drover.db";
    options.create = true;
    auto db = sqlite::Db::open(options);
    ASSERT_TRUE(db);
    ASSERT_TRUE(sqlite::migrate(**db, 1));
    ASSERT_TRUE((*db)->exec("INSERT INTO documents VALUES ('keys', 'key_1', '{\"old\":true}')"));
    EXPECT_EQ(*sqlite::read_version(**db), 1);
  }
  auto store = w.open(path);
  ASSERT_NE(store, nullptr);
  auto kept = drive(w.loop, store->documents().get(w.ctx, "keys", "key_1"));
  ASSERT_TRUE(kept && kept->has_value());
  EXPECT_EQ((*kept)->get_bool("old"), true);
  w.append(*store, 1, 0, test_events(test_session(1), 1, 1));
}

TEST(Format, ANewerFolderIsRefused) {
  World w;
  const std::string path = w.folder("data");
  w.open(path).reset();
  {
    sqlite::OpenOptions options;
    options.path = path + "/drover.db";
    auto db = sqlite::Db::open(options);
    ASSERT_TRUE(db);
    ASSERT_TRUE((*db)->exec("PRAGMA user_version = 99"));
  }
  SqliteOptions options;
  options.folder = path;
  auto refused = open_sqlite(options, w.clock, w.random);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_NE(refused.error().message.find("99"), std::string::npos);
}

TEST(Format, DamageIsDataLossWithARemedy) {
  World w;
  const std::string path = w.folder("data");
  ASSERT_TRUE(make_folder(path));
  ASSERT_TRUE(write_file(path + "/drover.db", std::string(8192, 'x')));
  SqliteOptions options;
  options.folder = path;
  auto refused = open_sqlite(options, w.clock, w.random);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kDataLoss);
  EXPECT_NE(refused.error().message.find("drover restore"), std::string::npos);
}

TEST(Format, DamagedPagesAreToldWhenRead) {
  World w;
  const std::string path = w.folder("data");
  auto store = w.open(path);
  for (int s = 1; s <= 200; ++s) w.append(*store, s, 0, test_events(test_session(s), 1, 5));
  store.reset();  // copies the log back
  std::fstream file(path + "/drover.db", std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(0, std::ios::end);
  const auto size = file.tellg();
  for (std::streamoff at = 4096; at < size; at += 4096) {
    file.seekp(at);
    file.write(std::string(64, '\xee').data(), 64);
  }
  file.close();
  SqliteOptions options;
  options.folder = path;
  auto again = open_sqlite(options, w.clock, w.random);
  Code code = Code::kInternal;
  if (!again) {
    code = again.error().code;
  } else {
    auto read = drive(w.loop, (*again)->journal().read(w.ctx, test_session(7), 1, 10));
    ASSERT_FALSE(read);
    code = read.error().code;
  }
  EXPECT_EQ(code, Code::kDataLoss);
}

TEST(Backup, OfARunningStoreRestoresAndVerifies) {
  World w;
  auto store = w.open(w.folder("data"));
  auto events = test_events(test_session(1), 1, 3);
  events[1].payload = "\"" + std::string(limits::kInlinePayloadBytesMax * 2, 'p') + "\"";
  w.append(*store, 1, 0, events);
  auto made = backup(w.folder("data"), w.folder("copy"), w.loop.wall());
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(made->sessions, 1);
  EXPECT_EQ(made->events, 3);
  EXPECT_EQ(made->blobs, 1);
  EXPECT_EQ(made->format_version, sqlite::schema_version());
  w.append(*store, 1, 3, test_events(test_session(1), 4, 5));  // not in the backup
  auto checked = verify_backup(w.folder("copy"));
  ASSERT_TRUE(checked) << checked.error().to_string();
  auto restored = restore(w.folder("copy"), w.folder("new"));
  ASSERT_TRUE(restored) << restored.error().to_string();
  EXPECT_FALSE(path_exists(w.folder("new") + "/manifest.json"));
  auto other = w.open(w.folder("new"));
  auto read = drive(w.loop, other->journal().read(w.ctx, test_session(1), 1, 10));
  ASSERT_TRUE(read) << read.error().to_string();
  ASSERT_EQ(read->size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(difference((*read)[i], events[i]), "");
  w.append(*other, 1, 3, test_events(test_session(1), 4, 4));
}

TEST(Backup, NeverWritesOverAnything) {
  World w;
  auto store = w.open(w.folder("data"));
  ASSERT_TRUE(make_folder(w.folder("full")));
  ASSERT_TRUE(write_file(w.folder("full") + "/mine", "x"));
  auto refused = backup(w.folder("data"), w.folder("full"), w.loop.wall());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  ASSERT_TRUE(backup(w.folder("data"), w.folder("copy"), w.loop.wall()));
  refused = restore(w.folder("copy"), w.folder("full"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(*read_file(w.folder("full") + "/mine", 10), "x");
  refused = restore(w.folder("data"), w.folder("new"));  // no backup: it has no manifest
  ASSERT_FALSE(refused);
  EXPECT_FALSE(path_exists(w.folder("new")));
}

TEST(Backup, ADamagedOneIsNotRestored) {
  World w;
  auto store = w.open(w.folder("data"));
  auto events = test_events(test_session(1), 1, 1);
  events[0].payload = "\"" + std::string(limits::kInlinePayloadBytesMax * 2, 'p') + "\"";
  w.append(*store, 1, 0, events);
  ASSERT_TRUE(backup(w.folder("data"), w.folder("copy"), w.loop.wall()));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(w.folder("copy"))) {
    if (entry.path().filename().string().size() == 64) {
      std::ofstream(entry.path(), std::ios::app) << "tampered";
    }
  }
  auto refused = restore(w.folder("copy"), w.folder("new"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kDataLoss);
  EXPECT_FALSE(path_exists(w.folder("new")));
}

TEST(Backup, IsConsistentWhileWritersGoOn) {
  World w;
  auto store = w.open(w.folder("data"));
  async::WorkerPool pool(1);
  std::atomic<bool> finished{false};
  Result<BackupReport> report = fail(Code::kInternal, "not run");
  w.append(*store, 1, 0, test_events(test_session(1), 1, 1));
  pool.submit([&] {
    report = backup(w.folder("data"), w.folder("copy"), WallTime());
    finished = true;
  });
  uint64_t last = 1;
  while (!finished) {
    w.append(*store, 1, last, test_events(test_session(1), last + 1, last + 2));
    last += 2;
  }
  ASSERT_TRUE(report) << report.error().to_string();
  auto copy = w.open(w.folder("copy"));
  auto row = drive(w.loop, copy->journal().find(w.ctx, test_session(1)));
  ASSERT_TRUE(row);
  auto events = drive(w.loop, copy->journal().read(w.ctx, test_session(1), 1, 1'000'000));
  ASSERT_TRUE(events);
  EXPECT_EQ(events->size(), row->last_sequence);
  EXPECT_EQ(row->last_sequence % 2, 1u);  // never half an append
}

}  // namespace
}  // namespace drover::store
