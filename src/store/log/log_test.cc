#include "store/log/log.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "store/log/frame.h"
#include "store/memory/sim_disk.h"
#include "store/posix_disk.h"

namespace drover::store::log {
namespace {

/// A log on a simulated disk, and frames whose bodies are marks followed by a number.
struct LogWorld {
  explicit LogWorld(uint64_t seed = 1) : random(seed), disk(random) {
    configure_log(LogLevel::kOff, LogFormat::kText);  // each cut tail is a line
  }

  std::unique_ptr<Log> open(Position durable = 0) {
    LogOptions options;
    options.folder = "/log";
    options.segment_bytes = 4'096;
    options.reserve_bytes = 1'024;
    const auto known = [durable](const std::string&) -> Result<Position> { return durable; };
    auto log = Log::open(disk, options, random, known);
    EXPECT_TRUE(log) << log.error().to_string();
    return log ? std::move(*log) : nullptr;
  }
  Result<std::vector<Position>> write(Log& log, std::vector<size_t> sizes) {
    std::vector<std::string> frames;
    for (size_t size : sizes) frames.push_back(encode_mark() + std::string(size, 'x'));
    std::vector<OutFrame> out(frames.size());
    for (size_t i = 0; i < frames.size(); ++i) {
      out[i].bytes = &frames[i];
      out[i].crc = body_crc(frames[i]);
    }
    TRY_VOID(log.write(out));
    std::vector<Position> positions;
    for (const OutFrame& frame : out) positions.push_back(frame.position);
    return positions;
  }
  std::vector<Position> all(const Log& log, std::vector<Damage>* damage = nullptr) {
    std::vector<Position> positions;
    const auto frame = [&](const InFrame& in) -> Result<void> {
      positions.push_back(in.position);
      return {};
    };
    const auto damaged = [&](Damage part) {
      if (damage != nullptr) damage->push_back(std::move(part));
    };
    EXPECT_TRUE(log.scan(0, log.end(), frame, damaged));
    return positions;
  }

  SeededRandom random;
  SimDisk disk;
};

TEST(Log, WritesReadsAndOpensAgain) {
  LogWorld w;
  auto log = w.open();
  std::vector<Position> written;
  for (int i = 0; i < 30; ++i) {
    auto positions = w.write(*log, {10, 200});
    ASSERT_TRUE(positions);
    written.insert(written.end(), positions->begin(), positions->end());
  }
  EXPECT_GT(log->segments(), 1u);
  EXPECT_EQ(w.all(*log), written);
  for (Position p : written) EXPECT_TRUE(log->read(p)) << p;
  EXPECT_FALSE(log->read(written[3] + 1));
  const Position end = log->end();
  const std::string id = log->id();
  log.reset();
  w.disk.power_cut();
  log = w.open();
  EXPECT_EQ(log->end(), end);
  EXPECT_EQ(log->id(), id);
  EXPECT_TRUE(log->damage().empty());
  EXPECT_EQ(w.all(*log), written);
  auto more = w.write(*log, {5});
  ASSERT_TRUE(more);
  EXPECT_EQ(more->front(), end);
}

TEST(Log, AFrameLargerThanASegmentGetsOneOfItsOwn) {
  LogWorld w;
  auto log = w.open();
  ASSERT_TRUE(w.write(*log, {100}));
  auto large = w.write(*log, {20'000});
  ASSERT_TRUE(large);
  ASSERT_TRUE(w.write(*log, {100}));
  EXPECT_EQ(log->segments(), 3u);
  log = w.open();
  EXPECT_EQ(w.all(*log).size(), 3u);
  auto read = log->read(large->front());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->body.size(), 20'001u);
}

TEST(Log, WhateverACutLeavesOfAWriteNothingDurableIsLostAndOrderIsKept) {
  for (uint64_t seed = 0; seed < 2'000; ++seed) {
    LogWorld w(seed);
    std::vector<Position> durable;
    for (int round = 0; round < 3; ++round) {
      w.disk.fail_after(w.random.below(40));
      LogOptions options;
      options.folder = "/log";
      options.segment_bytes = 4'096;
      options.reserve_bytes = 1'024;
      const auto known = [](const std::string&) -> Result<Position> { return 0; };
      auto log = Log::open(w.disk, options, w.random, known);
      while (log && !w.disk.dead()) {
        auto positions = w.write(**log, {w.random.below(900), w.random.below(50), 7});
        if (positions) durable.insert(durable.end(), positions->begin(), positions->end());
      }
      w.disk.power_cut();
      auto again = w.open();
      ASSERT_NE(again, nullptr) << "seed " << seed;
      EXPECT_TRUE(again->damage().empty()) << "seed " << seed;
      std::vector<Position> found = w.all(*again);
      ASSERT_GE(found.size(), durable.size()) << "seed " << seed;
      EXPECT_TRUE(std::equal(durable.begin(), durable.end(), found.begin())) << "seed " << seed;
      ASSERT_LE(found.size(), durable.size() + 3) << "seed " << seed;  // of one write
      durable = found;                                                 // what was found once stays
    }
  }
}

// Killed between write and sync: whoever opens it next reads the frame and acts on it.
TEST(Log, WhatAKilledProcessWroteIsMadeDurableBeforeItIsRead) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    LogWorld w(seed);
    auto log = w.open();
    ASSERT_TRUE(w.write(*log, {10}));
    w.disk.fail_syncs(1);
    ASSERT_FALSE(w.write(*log, {600}));
    log.reset();
    log = w.open();
    const std::vector<Position> read = w.all(*log);
    EXPECT_EQ(read.size(), 2u);
    log.reset();
    w.disk.power_cut();
    log = w.open();
    EXPECT_EQ(w.all(*log), read) << "seed " << seed;
  }
}

TEST(Log, AFlippedBitBeforeTheEndIsReportedAndTheRestStays) {
  LogWorld w;
  auto log = w.open();
  std::vector<Position> written;
  for (int i = 0; i < 8; ++i) written.push_back(w.write(*log, {100})->front());
  ASSERT_EQ(log->segments(), 1u);
  ASSERT_TRUE(w.disk.flip_bit("/log/" + segment_name(0), written[3] + 40, 2));
  auto damaged = log->read(written[3]);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::kDataLoss);
  EXPECT_NE(
      damaged.error().message.find("0000000000000000.seg at byte " + std::to_string(written[3])),
      std::string::npos)
      << damaged.error().message;
  log = w.open();
  ASSERT_EQ(log->damage().size(), 1u);
  EXPECT_EQ(log->damage()[0].from, written[3]);
  EXPECT_EQ(log->damage()[0].to, written[4]);
  std::vector<Damage> damage;
  std::vector<Position> rest = written;
  rest.erase(rest.begin() + 3);
  EXPECT_EQ(w.all(*log, &damage), rest);
  EXPECT_EQ(damage.size(), 1u);
}

TEST(Log, ABitInTheLastWriteIsDamageWhenItIsKnownToBeDurable) {
  LogWorld w;
  auto log = w.open();
  const Position first = w.write(*log, {100})->front();
  const Position last = w.write(*log, {100})->front();
  const Position end = log->end();
  ASSERT_TRUE(w.disk.flip_bit("/log/" + segment_name(0), last + 40, 2));
  log.reset();
  log = w.open(end);  // the index covered it
  EXPECT_EQ(log->end(), end);
  EXPECT_EQ(log->read(last).error().code, Code::kDataLoss);
  auto more = w.write(*log, {10});
  ASSERT_TRUE(more);
  EXPECT_GE(more->front(), end);
  EXPECT_EQ(w.all(*log), (std::vector<Position>{first, more->front()}));
}

TEST(Log, WhatIsMissingThoughItWasDurableKeepsItsPositions) {
  LogWorld w;
  auto log = w.open();
  const Position first = w.write(*log, {100})->front();
  const Position end = log->end();
  log = w.open(end + 5'000);
  ASSERT_EQ(log->damage().size(), 1u);
  EXPECT_EQ(log->damage()[0].from, end);
  EXPECT_EQ(log->damage()[0].to, end + 5'000);
  auto more = w.write(*log, {10});
  ASSERT_TRUE(more) << more.error().to_string();
  EXPECT_GE(more->front(), end + 5'000);
  log = w.open();
  EXPECT_EQ(w.all(*log), (std::vector<Position>{first, more->front()}));
}

TEST(Log, AMarkAtTheEndTellsDamageFromATornWrite) {
  LogWorld w;
  auto log = w.open();
  const Position only = w.write(*log, {100})->front();
  ASSERT_TRUE(log->close());
  ASSERT_TRUE(w.disk.flip_bit("/log/" + segment_name(0), only + 40, 2));
  log = w.open();
  EXPECT_EQ(log->damage().size(), 1u);
}

TEST(Log, AFullDiskRefusesWholeWritesAndWorksAgain) {
  LogWorld w;
  auto log = w.open();
  w.disk.set_capacity(3'000);
  std::vector<Position> written;
  Result<std::vector<Position>> done;
  while ((done = w.write(*log, {300}))) written.push_back(done->front());
  EXPECT_EQ(done.error().code, Code::kResourceExhausted);
  EXPECT_GE(written.size(), 8u);
  EXPECT_FALSE(w.write(*log, {600}));
  EXPECT_EQ(w.all(*log), written);
  w.disk.set_capacity(100'000);
  for (int i = 0; i < 20; ++i) {
    done = w.write(*log, {300});
    ASSERT_TRUE(done) << done.error().to_string();
    written.push_back(done->front());
  }
  log.reset();
  w.disk.power_cut();
  log = w.open();
  EXPECT_EQ(w.all(*log), written);
}

TEST(Log, AFailedSyncChangesNothingAndTheNextWriteGoesElsewhere) {
  LogWorld w;
  auto log = w.open();
  std::vector<Position> written;
  written.push_back(w.write(*log, {100})->front());
  w.disk.fail_syncs(1);
  EXPECT_FALSE(w.write(*log, {100}));
  auto next = w.write(*log, {100});
  ASSERT_TRUE(next) << next.error().to_string();
  written.push_back(next->front());
  EXPECT_EQ(log->segments(), 2u);
  log.reset();
  log = w.open();
  EXPECT_EQ(w.all(*log), written);
}

// What version 1 wrote is read by every later program: this file is not made anew.
TEST(Log, ASegmentOfVersionOneIsRead) {
  const std::string path = std::string(DROVER_SOURCE_DIR) + "/tests/fuzz/corpus/log_frame/segment";
  PosixDisk disk;
  auto file = disk.open(path, Disk::Mode::kRead);
  ASSERT_TRUE(file) << file.error().to_string();
  auto head = decode_segment_head(*(*file)->read_at(0, kSegmentHeadBytes));
  ASSERT_TRUE(head) << head.error().to_string();
  EXPECT_EQ(head->base, 0u);
  SegmentScanner scanner(**file, 0, kSegmentHeadBytes, UINT64_MAX);
  auto first = scanner.next();
  ASSERT_TRUE(first && first->what == Found::What::kFrame);
  auto commit = decode_body(first->body);
  ASSERT_TRUE(commit && commit->has_value());
  EXPECT_EQ((*commit)->row.id.str(), "ses_1");
  EXPECT_EQ((*commit)->row.agent, "support");
  EXPECT_EQ((*commit)->row.last_sequence, 7u);
  ASSERT_EQ((*commit)->events.size(), 3u);
  EXPECT_EQ((*commit)->events[0].kind, "session.started");
  EXPECT_EQ((*commit)->events[1].previous_hash, (*commit)->events[0].hash);
  EXPECT_EQ((*commit)->events[1].extra.size(), 1u);
  EXPECT_EQ((*commit)->blob_refs[2].size(), 64u);
  EXPECT_EQ(scanner.next()->what, Found::What::kFrame);
  EXPECT_EQ(scanner.next()->what, Found::What::kFrame);
  EXPECT_EQ(scanner.next()->what, Found::What::kEnd);
}

TEST(Log, ANewerFormatIsRefused) {
  LogWorld w;
  w.open().reset();
  auto file = w.disk.open("/log/" + segment_name(0), Disk::Mode::kWrite);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at(8, std::string("\x09\0\0\0", 4)));
  LogOptions options;
  options.folder = "/log";
  auto refused = Log::open(w.disk, options, w.random,
                           [](const std::string&) -> Result<Position> { return 0; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_NE(refused.error().message.find("version 9"), std::string::npos);
}

}  // namespace
}  // namespace drover::store::log
