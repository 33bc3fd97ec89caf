// The folder belongs to one process, and its format to its program: older ones are brought up,
// newer and damaged ones refused.

#include "store/data_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "store/data_folder_test_fixture.h"
#include "store/sqlite/schema.h"

namespace drover::store {
namespace {

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

}  // namespace
}  // namespace drover::store
