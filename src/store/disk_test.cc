// Both disks do the same while nothing goes wrong; the simulated one forgets only what it may.

#include "store/disk.h"

#include <gtest/gtest.h>

#include <set>

#include "store/memory/sim_disk.h"
#include "store/posix_disk.h"
#include "store/store_test_util.h"

namespace drover::store {
namespace {

class DiskTest : public testing::TestWithParam<bool> {
 protected:
  Disk& disk() { return GetParam() ? static_cast<Disk&>(sim_) : posix_; }
  std::string folder() { return temp_.path() + "/log"; }
  std::string path(const std::string& name) { return folder() + "/" + name; }

  TempFolder temp_;
  SeededRandom random_{3};
  SimDisk sim_{random_};
  PosixDisk posix_;
};

INSTANTIATE_TEST_SUITE_P(Disks, DiskTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "sim" : "posix"; });

TEST_P(DiskTest, WritesReadsCutsAndGrows) {
  ASSERT_TRUE(disk().make_folder(folder()));
  auto file = disk().open(path("a"), Disk::Mode::kCreate);
  ASSERT_TRUE(file) << file.error().to_string();
  ASSERT_TRUE((*file)->write_at(0, "hello"));
  ASSERT_TRUE((*file)->append(" world"));
  ASSERT_TRUE((*file)->write_at(1, "E"));
  EXPECT_EQ(*(*file)->read_at(0, 100), "hEllo world");
  EXPECT_EQ(*(*file)->read_at(9, 2), "ld");
  EXPECT_EQ(*(*file)->read_at(50, 2), "");
  ASSERT_TRUE((*file)->truncate(4));
  ASSERT_TRUE((*file)->allocate(4, 8));
  EXPECT_EQ(*(*file)->size(), 8u);
  EXPECT_EQ(*(*file)->read_at(2, 100), std::string("ll\0\0\0\0", 6));
  ASSERT_TRUE((*file)->sync());
}

TEST_P(DiskTest, NamesAreMadeListedChangedAndRemoved) {
  ASSERT_TRUE(disk().make_folder(folder()));
  EXPECT_EQ(disk().open(path("a"), Disk::Mode::kWrite).error().code, Code::kNotFound);
  ASSERT_TRUE(disk().open(path("a"), Disk::Mode::kCreate));
  EXPECT_EQ(disk().open(path("a"), Disk::Mode::kCreate).error().code, Code::kAlreadyExists);
  ASSERT_TRUE(disk().open(path("b"), Disk::Mode::kCreate));
  ASSERT_TRUE(disk().rename(path("b"), path("c")));
  EXPECT_EQ(*disk().list(folder()), (std::vector<std::string>{"a", "c"}));
  ASSERT_TRUE(disk().remove(path("a")));
  EXPECT_EQ(disk().remove(path("a")).error().code, Code::kNotFound);
  ASSERT_TRUE(disk().sync_folder(folder()));
  EXPECT_EQ(*disk().list(folder()), (std::vector<std::string>{"c"}));
}

TEST(PosixDisk, ExpectedBytesOfAMappedFileAreZerosAndTakeWhatIsStored) {
  TempFolder temp;
  PosixDisk disk;
  auto file = *disk.open(temp.path() + "/a", Disk::Mode::kCreate);
  constexpr uint64_t kBytes = 1 << 20;
  ASSERT_TRUE(file->allocate(0, kBytes));
  char* mapped = *file->map(kBytes);
  mapped[4095] = 'a';
  file->expect(4096, kBytes - 4096);
  mapped[4096] = 'b';
  mapped[kBytes - 1] = 'c';
  EXPECT_EQ(*file->size(), kBytes);
  std::string wanted(kBytes, '\0');
  wanted[4095] = 'a';
  wanted[4096] = 'b';
  wanted[kBytes - 1] = 'c';
  EXPECT_EQ(*file->read_at(0, kBytes), wanted);
  ASSERT_TRUE(file->sync());
  mapped[4097] = 'd';  // the sync has protected the page
  EXPECT_EQ(*file->read_at(4095, 3), "abd");
}

TEST(SimDisk, KeepsWhatWasSyncedAndSometimesWhatWasNot) {
  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SeededRandom random(seed);
    SimDisk disk(random);
    ASSERT_TRUE(disk.make_folder("d"));
    auto file = *disk.open("d/a", Disk::Mode::kCreate);
    ASSERT_TRUE(disk.sync_folder("d"));
    ASSERT_TRUE(file->write_at(0, "safe"));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(file->write_at(4, "maybe"));
    disk.power_cut();
    EXPECT_FALSE(file->write_at(0, "x"));  // a file of before the cut
    auto again = disk.open("d/a", Disk::Mode::kRead);
    ASSERT_TRUE(again);
    const std::string kept = *(*again)->read_at(0, 100);
    EXPECT_EQ(kept.substr(0, 4), "safe");
    outcomes.insert(kept);
  }
  EXPECT_TRUE(outcomes.contains("safe"));
  EXPECT_TRUE(outcomes.contains("safemay"));
  EXPECT_TRUE(outcomes.contains("safemaybe"));
  EXPECT_TRUE(outcomes.contains(std::string("safe\0\0\0", 7)));
}

TEST(SimDisk, AFileWithoutASyncedNameMayBeGone) {
  int gone = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SeededRandom random(seed);
    SimDisk disk(random);
    ASSERT_TRUE(disk.make_folder("d"));
    auto file = *disk.open("d/a", Disk::Mode::kCreate);
    ASSERT_TRUE(file->write_at(0, "x"));
    ASSERT_TRUE(file->sync());
    disk.power_cut();
    if (!disk.open("d/a", Disk::Mode::kRead)) ++gone;
  }
  EXPECT_GT(gone, 20);
  EXPECT_LT(gone, 80);
}

TEST(SimDisk, StopsAtItsFuse) {
  SeededRandom random(1);
  SimDisk disk(random);
  ASSERT_TRUE(disk.make_folder("d"));
  auto file = *disk.open("d/a", Disk::Mode::kCreate);
  disk.fail_after(1);
  EXPECT_TRUE(file->write_at(0, "x"));
  EXPECT_FALSE(file->sync());
  EXPECT_TRUE(disk.dead());
  EXPECT_FALSE(disk.open("d/a", Disk::Mode::kRead));
  disk.power_cut();
  EXPECT_TRUE(disk.list("d"));
}

TEST(SimDisk, FillsUpAndHasRoomAgain) {
  SeededRandom random(1);
  SimDisk disk(random);
  ASSERT_TRUE(disk.make_folder("d"));
  auto file = *disk.open("d/a", Disk::Mode::kCreate);
  disk.set_capacity(10);
  ASSERT_TRUE(file->write_at(0, "12345678"));
  auto full = file->append("abcd");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::kResourceExhausted);
  EXPECT_EQ(*file->read_at(0, 100), "12345678ab");
  EXPECT_TRUE(file->write_at(0, "87654321"));  // over what is there
  disk.set_capacity(100);
  EXPECT_TRUE(file->append("abcd"));
}

}  // namespace
}  // namespace drover::store
