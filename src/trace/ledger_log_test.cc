// The ledger's log: what reads back, over torn ends, full disks and flipped bits.

#include "trace/ledger_log.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/crc32c.h"
#include "store/memory/sim_disk.h"
#include "store/posix_disk.h"
#include "trace/ledger_test_fixture.h"

namespace drover::trace {
namespace {

class LedgerLogTest : public LedgerTest {};

struct Seen {
  std::vector<LedgerRecord> records;
  std::vector<std::string> sessions;
  LedgerLog::Visit visit() {
    return [this](const LedgerRecord& r, const LedgerLine& l) {
      records.push_back(r);
      sessions.push_back(l.session);
    };
  }
};

std::string bytes_of(const LedgerRecord& record) {
  std::string out(room_for(record), '\0');
  out.resize(static_cast<size_t>(put_record(out.data(), record, 1) - out.data()));
  return out;
}

TEST_F(LedgerLogTest, TheLogReadsBackEveryFieldOverManyFiles) {
  store::SimDisk disk(random_);
  auto log = LedgerLog::open(disk, "/data/ledger", 7, 4096);
  ASSERT_TRUE(log) << log.error().message;
  std::vector<LedgerRecord> written;
  LineMark marks[3];
  for (int i = 0; i < 200; ++i) {
    LedgerRecord r = settled(i, "0.000000000003");
    r.call = static_cast<uint64_t>(i);
    r.first = i % 2 == 0;
    r.billing.usage.cache_write_1h_tokens = i;
    r.billing.usage.image_input_tokens = 0;  // zero is a value
    r.request_id = "req-" + std::to_string(i);
    r.tier = "flex";
    ASSERT_TRUE((*log)->append(r, marks[i % 3], line("s" + std::to_string(i % 3))));
    written.push_back(r);
  }
  EXPECT_GT((*log)->file(), 5u);
  auto again = LedgerLog::open(disk, "/data/ledger", 7, 4096);
  Seen seen;
  ASSERT_TRUE((*again)->replay(0, seen.visit()));
  ASSERT_EQ(seen.records.size(), written.size());
  for (size_t i = 0; i < written.size(); ++i) {
    EXPECT_EQ(seen.records[i].sequence, written[i].sequence);
    EXPECT_EQ(seen.records[i].call, written[i].call);
    EXPECT_EQ(seen.records[i].at, written[i].at);
    EXPECT_EQ(seen.records[i].first, written[i].first);
    EXPECT_EQ(seen.records[i].billing, written[i].billing);
    EXPECT_EQ(seen.records[i].request_id, written[i].request_id);
    EXPECT_EQ(seen.records[i].tier, "flex");
    EXPECT_EQ(seen.sessions[i], "s" + std::to_string(i % 3));
  }
  EXPECT_FALSE((*again)->power_lost()) << "the same boot: only the process ended";
  auto rebooted = LedgerLog::open(disk, "/data/ledger", 8, 4096);
  ASSERT_TRUE((*rebooted)->replay(0, Seen().visit()));
  EXPECT_TRUE((*rebooted)->power_lost());
  ASSERT_TRUE((*log)->close());
  ASSERT_TRUE((*rebooted)->replay(0, Seen().visit()));
  EXPECT_FALSE((*rebooted)->power_lost()) << "it had ended in order";
}

TEST_F(LedgerLogTest, ACorrectionReadsBackWithAndWithoutTiers) {
  LedgerRecord r = settled(3, "1");
  r.kind = RecordKind::kCorrect;
  r.call = 9;
  r.why = "bill";
  r.lost = true;
  r.tier_before = "flex";
  r.tier = "default";
  const std::string bytes = bytes_of(r);
  auto read = parse_record(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->record.why, "bill");
  EXPECT_EQ(read->record.tier_before, "flex");
  EXPECT_EQ(read->record.tier, "default");
  EXPECT_TRUE(read->record.ok && read->record.lost);
  // As it was written before: it ends behind the reason.
  constexpr size_t kFrame = 8;
  std::string body = bytes.substr(kFrame, bytes.size() - kFrame - 1 - (2 + 4) - (2 + 7));
  std::string old(kFrame, '\0');
  const auto size = static_cast<uint32_t>(body.size());
  const uint32_t crc = crc32c(body);
  std::memcpy(old.data(), &size, 4);
  std::memcpy(old.data() + 4, &crc, 4);
  old += body;
  auto before = parse_record(old);
  ASSERT_TRUE(before) << before.error().message;
  EXPECT_EQ(before->bytes, old.size());
  EXPECT_EQ(before->record.why, "bill");
  EXPECT_EQ(before->record.billing, r.billing);
  EXPECT_EQ(before->record.tier, "");
}

TEST_F(LedgerLogTest, ATornEndLosesOnlyWhatWasNotSynced) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SeededRandom random(seed);
    store::SimDisk disk(random);
    auto log = LedgerLog::open(disk, "/l", 1, 8192);
    LineMark mark;
    for (int i = 0; i < 10; ++i) {
      LedgerRecord r = settled(i, "1");
      ASSERT_TRUE((*log)->append(r, mark, line("s")));
    }
    LedgerLog::Unsynced behind = (*log)->unsynced();
    ASSERT_TRUE(behind.sync());
    (*log)->synced(behind);
    EXPECT_FALSE((*log)->behind());
    for (int i = 10; i < 40; ++i) {
      LedgerRecord r = settled(i, "1");
      ASSERT_TRUE((*log)->append(r, mark, line("s")));
    }
    disk.power_cut();
    auto next = LedgerLog::open(disk, "/l", 2, 8192);
    ASSERT_TRUE(next);
    Seen seen;
    ASSERT_TRUE((*next)->replay(0, seen.visit()));
    ASSERT_GE(seen.records.size(), 10u) << seed;
    for (size_t i = 0; i < seen.records.size(); ++i) {
      EXPECT_EQ(seen.records[i].billing.usage.input_tokens, static_cast<int64_t>(i)) << seed;
    }
    LedgerRecord more = settled(1, "1");
    LineMark fresh;
    EXPECT_TRUE((*next)->append(more, fresh, line("s")));
  }
}

TEST_F(LedgerLogTest, ThatThePowerWasLostIsSeenWhicheverNamesWentWithIt) {
  size_t shortened = 0;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SeededRandom random(seed);
    store::SimDisk disk(random);
    LineMark mark;
    LedgerRecord r = settled(0, "1");
    auto before = LedgerLog::open(disk, "/l", 1, 4096);
    ASSERT_TRUE((*before)->append(r, mark, line("s")));
    ASSERT_TRUE((*before)->close());
    // One that writes into its first file, or into several that nobody synced.
    const uint32_t files = 1 + static_cast<uint32_t>(seed % 4);
    auto log = LedgerLog::open(disk, "/l", 1, 4096);
    mark = LineMark();
    const uint32_t first = (*log)->file();
    while ((*log)->file() < first + files - 1 || mark.file == 0) {
      ASSERT_TRUE((*log)->append(r, mark, line("s")));
    }
    const uint32_t last = (*log)->file();
    const uint32_t named = (*log)->named_file();
    disk.power_cut();
    auto next = LedgerLog::open(disk, "/l", 2, 4096);
    shortened += (*next)->file() <= last ? 1 : 0;
    for (uint32_t from : {uint32_t{0}, named}) {
      auto reader = LedgerLog::open(disk, "/l", 2, 4096);
      ASSERT_TRUE((*reader)->replay(from, Seen().visit()));
      EXPECT_TRUE((*reader)->power_lost()) << seed << " from " << from;
    }
  }
  EXPECT_GT(shortened, 0u) << "no name was lost";
}

TEST_F(LedgerLogTest, ASyncMakesNamesDurableToo) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SeededRandom random(seed);
    store::SimDisk disk(random);
    auto log = LedgerLog::open(disk, "/l", 1, 4096);
    LineMark mark;
    size_t records = 0;
    for (; (*log)->file() < 4; ++records) {
      LedgerRecord r = settled(1, "1");
      ASSERT_TRUE((*log)->append(r, mark, line("s")));
    }
    LedgerLog::Unsynced behind = (*log)->unsynced();
    ASSERT_TRUE(behind.sync());
    (*log)->synced(behind);
    EXPECT_EQ((*log)->named_file(), (*log)->file());
    EXPECT_TRUE((*log)->unsynced().folder.empty());
    disk.power_cut();
    auto next = LedgerLog::open(disk, "/l", 2, 4096);
    Seen seen;
    ASSERT_TRUE((*next)->replay(0, seen.visit()));
    EXPECT_EQ(seen.records.size(), records) << seed;
  }
}

TEST_F(LedgerLogTest, AMappedFileHoldsWhatWasStoredThoughTheProcessNeverWrote) {
  char name[] = "/tmp/drover-ledger-XXXXXX";
  std::string folder = mkdtemp(name);
  store::PosixDisk disk;
  auto log = LedgerLog::open(disk, folder, 1, 64 << 10);
  ASSERT_TRUE(log);
  LineMark mark;
  LedgerRecord r = settled(5, "1");
  ASSERT_TRUE((*log)->append(r, mark, line("s")));
  // Another reader of the file sees it while the first still has it open.
  auto other = LedgerLog::open(disk, folder, 1, 64 << 10);
  Seen seen;
  ASSERT_TRUE((*other)->replay(0, seen.visit()));
  ASSERT_EQ(seen.records.size(), 1u);
  EXPECT_EQ(seen.sessions[0], "s");
}

TEST_F(LedgerLogTest, PagesMadeReadyAheadHurtNoRecord) {
  char name[] = "/tmp/drover-ledger-XXXXXX";
  std::string folder = mkdtemp(name);
  store::PosixDisk disk;
  constexpr size_t kFileBytes = 200'000;  // ends within a page
  auto log = LedgerLog::open(disk, folder, 1, kFileBytes);
  ASSERT_TRUE(log);
  constexpr int kRecords = 8'000;
  LineMark mark;
  for (int i = 0; i < kRecords; ++i) {
    LedgerRecord r = settled(i, "1");
    r.request_id = std::string(static_cast<size_t>(i % 90), 'r');
    ASSERT_TRUE((*log)->append(r, mark, line("s")));
    // Syncs, and with them what is made ready, come at places of every kind.
    if (i % 700 != 0 && i % 1'100 != 0) continue;
    LedgerLog::Unsynced behind = (*log)->unsynced();
    ASSERT_TRUE(behind.sync());
    (*log)->synced(behind);
  }
  EXPECT_GT((*log)->file(), 3u);
  auto other = LedgerLog::open(disk, folder, 1, kFileBytes);
  Seen seen;
  ASSERT_TRUE((*other)->replay(0, seen.visit()));
  ASSERT_EQ(seen.records.size(), static_cast<size_t>(kRecords));
  for (int i = 0; i < kRecords; ++i) {
    EXPECT_EQ(seen.records[static_cast<size_t>(i)].billing.usage.input_tokens, i);
  }
}

TEST_F(LedgerLogTest, AFullDiskRefusesReservationsAndStillTakesSettlements) {
  store::SimDisk disk(random_);
  auto log = LedgerLog::open(disk, "/l", 1, 4096);
  LineMark mark;
  LedgerRecord first = settled(1, "1");
  ASSERT_TRUE((*log)->append(first, mark, line("s")));
  disk.set_capacity(disk.used());
  LedgerRecord reserve = settled(1, "1");
  reserve.kind = RecordKind::kReserve;
  int taken = 0;
  Result<void> last;
  while ((last = (*log)->append(reserve, mark, line("s")))) ++taken;
  EXPECT_EQ(last.error().code, Code::kResourceExhausted);
  EXPECT_GT(taken, 10);
  LedgerRecord settle = settled(1, "1");
  EXPECT_TRUE((*log)->append(settle, mark, line("s"))) << "what is under way is booked";
  disk.set_capacity(1 << 20);
  EXPECT_TRUE((*log)->append(reserve, mark, line("s")));
}

/// A disk whose folders cannot be synced for a while: there are no descriptors left.
class DiskWithoutDescriptors final : public store::Disk {
 public:
  explicit DiskWithoutDescriptors(store::Disk& inner) : inner_(inner) {}
  Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) override {
    return inner_.open(path, mode);
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return inner_.rename(from, to);
  }
  Result<void> remove(const std::string& path) override { return inner_.remove(path); }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    return inner_.list(folder);
  }
  Result<void> make_folder(const std::string& path) override { return inner_.make_folder(path); }
  Result<void> sync_folder(const std::string& path) override {
    if (failing > 0 && failing-- > 0) return fail(Code::kUnavailable, "too many open files");
    return inner_.sync_folder(path);
  }

  int failing = 0;

 private:
  store::Disk& inner_;
};

TEST_F(LedgerLogTest, AFileThatCouldNotBeBegunIsBegunAgain) {
  store::SimDisk inner(random_);
  DiskWithoutDescriptors disk(inner);
  auto log = LedgerLog::open(disk, "/l", 1, 4096);
  ASSERT_TRUE(log);
  LineMark mark;
  LedgerRecord record = settled(1, "1");
  disk.failing = 2;
  EXPECT_FALSE((*log)->append(record, mark, line("s")));
  EXPECT_FALSE((*log)->append(record, mark, line("s")));
  ASSERT_TRUE((*log)->append(record, mark, line("s")));
  EXPECT_EQ((*log)->file(), 1u);
  Seen seen;
  auto again = LedgerLog::open(disk, "/l", 1, 4096);
  ASSERT_TRUE((*again)->replay(0, seen.visit()));
  EXPECT_EQ(seen.records.size(), 1u);
  EXPECT_FALSE((*again)->power_lost());
}

TEST_F(LedgerLogTest, DamagedBytesAreAnErrorAndNeverACrash) {
  LedgerRecord r = settled(5, "1");
  r.request_id = "abc";
  const LedgerLine first = line("s");
  std::string bytes(room_for(first), '\0');
  bytes.resize(static_cast<size_t>(put_line(bytes.data(), 1, first) - bytes.data()));
  bytes += bytes_of(r);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ 0x41);
    std::string_view left = bad;
    for (int records = 0; records < 3; ++records) {
      Result<ParsedRecord> parsed = parse_record(left);
      if (!parsed || parsed->bytes == 0) break;
      left.remove_prefix(parsed->bytes);
    }
    EXPECT_FALSE(left.empty()) << "a damaged byte " << i << " was taken for good";
  }
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    (void)parse_record(std::string_view(bytes).substr(0, cut));
  }
}

}  // namespace
}  // namespace drover::trace
