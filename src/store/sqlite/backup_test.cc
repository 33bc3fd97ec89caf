// Backups, of a journal in the database and of one in a log: whole while writers go on, checked,
// restored only when sound.

#include "store/sqlite/backup.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "async/worker_pool.h"
#include "store/data_folder_test_fixture.h"
#include "store/sqlite/schema.h"

namespace drover::store {
namespace {

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

/// A backup beside a writer, who adds to the first session two events at a time.
Result<BackupReport> backup_while_written_to(FolderWorld& w, Store& store) {
  async::WorkerPool pool("blocking", 1);
  std::atomic<bool> finished{false};
  Result<BackupReport> report = fail(Code::kInternal, "not run");
  pool.submit([&] {
    report = backup(w.folder("data"), w.folder("copy"), WallTime());
    finished = true;
  });
  uint64_t last = 1;
  while (!finished) {
    w.append(store, 1, last, test_events(test_session(1), last + 1, last + 2));
    last += 2;
  }
  return report;
}

/// The first session was one event before there was a writer.
void expect_whole_appends(FolderWorld& w, Store& copy) {
  auto row = drive(w.loop, copy.journal().find(w.ctx, test_session(1)));
  auto events = drive(w.loop, copy.journal().read(w.ctx, test_session(1), 1, 1'000'000));
  ASSERT_TRUE(row && events);
  EXPECT_EQ(events->size(), row->last_sequence);
  EXPECT_EQ(row->last_sequence % 2, 1u) << "half an append";
}

TEST(Backup, IsConsistentWhileWritersGoOn) {
  FolderWorld w;
  auto store = w.open(w.folder("data"));
  w.append(*store, 1, 0, test_events(test_session(1), 1, 1));
  auto report = backup_while_written_to(w, *store);
  ASSERT_TRUE(report) << report.error().to_string();
  auto copy = w.open(w.folder("copy"));
  expect_whole_appends(w, *copy);
}

TEST(LogFolder, ABackupWhileItIsWrittenToHasWholeCommitsAndIsChecked) {
  FolderWorld w;
  auto store = w.open_log(w.folder("data"));
  fill(w, *store);
  auto report = backup_while_written_to(w, *store);
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
  expect_whole_appends(w, *copy);
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
