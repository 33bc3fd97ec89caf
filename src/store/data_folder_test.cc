#include "store/data_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "async/worker_pool.h"
#include "base/limits/store.h"
#include "store/files.h"
#include "store/log/log_store.h"
#include "store/sqlite/backup.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_index.h"
#include "store/store_test_util.h"

namespace drover::store {
namespace {

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

TEST(DataFolder, IsPrivateAndBelongsToOneProcess) {
  FolderWorld w;
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
  FolderWorld w;
  ASSERT_TRUE(write_file(w.folder("data"), "x"));
  auto opened = DataFolder::open(w.folder("data"));
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("not a folder"), std::string::npos);
}

TEST(Format, AVersionOneFolderIsBroughtUp) {
  FolderWorld w;
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

TEST(Format, RecordsOfAFolderWithoutClassesKeepTheirText) {
  FolderWorld w;
  const std::string path = w.folder("data");
  ASSERT_TRUE(make_folder(path));
  {
    sqlite::OpenOptions options;
    options.path = path + "/drover.db";
    options.create = true;
    auto db = sqlite::Db::open(options);
    ASSERT_TRUE(db);
    ASSERT_TRUE(sqlite::migrate(**db, 6));
    ASSERT_TRUE((*db)->exec(
        "INSERT INTO name_spaces VALUES (1, 'ten_a', 'customers', 1, 2);"
        "INSERT INTO records VALUES (1, 1, 'c1', 'n1', 'green tea', 2, 'null', 3, 5, 6, '')"));
  }
  auto store = w.open(path);
  ASSERT_NE(store, nullptr);
  auto found =
      drive(w.loop, store->records().search(w.ctx, TenantId("ten_a"), "customers", "tea", 10));
  ASSERT_TRUE(found && found->size() == 1);
  EXPECT_EQ(found->front().record.text, "green tea");
  EXPECT_EQ(found->front().record.version, 3u);
  EXPECT_EQ(found->front().record.data_class, "") << "nothing was said of it";
}

TEST(Format, ANewerFolderIsRefused) {
  FolderWorld w;
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
  FolderWorld w;
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
  FolderWorld w;
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
  FolderWorld w;
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
  FolderWorld w;
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
  FolderWorld w;
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
  FolderWorld w;
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

/// Sessions of all kinds: short, long, with a payload in a blob, with a tree and a wait.
void fill(FolderWorld& w, Store& store) {
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

Everything read_everything(FolderWorld& w, Store& store) {
  Everything out;
  out.rows = *drive(w.loop, store.journal().list(w.ctx, SessionFilter()));
  for (const SessionRow& row : out.rows) {
    auto events = drive(w.loop, store.journal().read(w.ctx, row.id, 1, 10'000));
    EXPECT_TRUE(events) << events.error().to_string();
    out.events.push_back(events.value_or(std::vector<contract::Event>()));
  }
  return out;
}

void expect_same(const Everything& a, const Everything& b) {
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

TEST(LogFolder, ABackupWhileItIsWrittenToHasWholeCommitsAndIsChecked) {
  FolderWorld w;
  auto store = w.open_log(w.folder("data"));
  fill(w, *store);
  async::WorkerPool pool(1);
  std::atomic<bool> finished{false};
  Result<BackupReport> report = fail(Code::kInternal, "not run");
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
  EXPECT_EQ(report->sessions, 23);
  EXPECT_EQ(report->blobs, 1);
  auto checked = verify_backup(w.folder("copy"));
  ASSERT_TRUE(checked) << checked.error().to_string();
  EXPECT_EQ(checked->events, report->events);
  EXPECT_EQ(checked->blobs, 1);
  auto restored = restore(w.folder("copy"), w.folder("new"));
  ASSERT_TRUE(restored) << restored.error().to_string();
  auto copy = w.open_log(w.folder("new"));
  ASSERT_NE(copy, nullptr);
  auto row = drive(w.loop, copy->journal().find(w.ctx, test_session(1)));
  auto events = drive(w.loop, copy->journal().read(w.ctx, test_session(1), 1, 1'000'000));
  ASSERT_TRUE(row && events);
  EXPECT_EQ(events->size(), row->last_sequence);
  EXPECT_EQ(row->last_sequence % 2, 1u);  // never half an append
  auto blob = drive(w.loop, copy->journal().read(w.ctx, test_session(22), 2, 1));
  ASSERT_TRUE(blob) << blob.error().to_string();
  EXPECT_GT(blob->front().payload.size(), limits::kInlinePayloadBytesMax);
}

TEST(LogFolder, ABackupWithAFlippedBitIsNotRestored) {
  FolderWorld w;
  auto store = w.open_log(w.folder("data"));
  fill(w, *store);
  ASSERT_TRUE(backup(w.folder("data"), w.folder("copy"), w.loop.wall()));
  const std::string segment = w.folder("copy") + "/log/0000000000000000.seg";
  std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(400);
  file.put('\x55');
  file.close();
  auto refused = restore(w.folder("copy"), w.folder("new"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kDataLoss);
  EXPECT_NE(refused.error().message.find("0000000000000000.seg at byte"), std::string::npos)
      << refused.error().message;
}

}  // namespace
}  // namespace drover::store
