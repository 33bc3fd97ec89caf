// What the journal promises on a disk that loses power, fills up, fails and rots.

#include <gtest/gtest.h>

#include "base/sanitized.h"
#include "store/log/log_journal_test_fixture.h"

namespace drover::store {
namespace {

/// Empty when all is as it must be after a crash; takes over what was found.
std::string check(JournalWorld& w, Journal& journal, JournalModel& model) {
  for (int s = 1; s <= kSessions; ++s) {
    const std::string name = "session " + std::to_string(s) + ": ";
    const SessionId id = test_session(s);
    const uint64_t acked = model.acked[s];
    auto row = w.run(journal.find(w.ctx, id));
    if (!row) {
      if (acked > 0) return name + "lost";
      model.tried[s] = 0;
      continue;
    }
    const uint64_t last = row->last_sequence;
    if (last < acked) return name + "lost an acknowledged event";
    if (last != acked && last != model.tried[s]) return name + "half a commit is visible";
    if (row->last_hash != test_hash(last)) return name + "the row is of another event";
    if (row->spent.steps != static_cast<int64_t>(last))
      return name + "the row is of another commit";
    auto events = w.run(journal.read(w.ctx, id, 1, 100'000));
    if (!events) return name + events.error().to_string();
    if (events->size() != last) return name + "the row and the events differ";
    for (uint64_t n = 1; n <= last; ++n) {
      const std::string what = difference((*events)[n - 1], test_event(id, n, payload_of(s, n)));
      if (!what.empty()) return name + "event " + std::to_string(n) + " differs in " + what;
    }
    model.acked[s] = model.tried[s] = last;
  }
  return "";
}

/// Several lives of one journal, each ended by a power cut at a random operation of the disk.
std::string lives(uint64_t seed, bool lying_disk, uint64_t* commits) {
  JournalWorld w(seed);
  JournalModel model;
  w.disk.latency = std::chrono::microseconds(w.random.below(3'000));
  for (int life = 0; life < 3; ++life) {
    w.disk.fail_after(w.random.below(120));
    w.disk.lose_syncs = lying_disk;
    auto store = w.open();
    if (store != nullptr) {
      w.run(append_all(w.ctx, &store->journal(), &w.random, &model));
      if (w.random.chance(0.3)) w.loop.run_for(1s);  // the index is brought up
    }
    w.crash(store);
    w.disk.lose_syncs = false;
    store = w.open();
    if (store == nullptr) return "cannot be opened";
    std::string fault = check(w, store->journal(), model);
    if (!fault.empty()) return fault;
    store.reset();
    w.loop.clear();
  }
  *commits += model.commits;
  return "";
}

TEST(LogJournal, NoCutLosesHalvesOrReordersAnything) {
  // A sanitizer looks at the code of each cut, not at the number of cuts.
  constexpr uint64_t kSeeds = kSanitized ? 100 : 2'000;
  uint64_t commits = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const std::string fault = lives(seed, false, &commits);
    ASSERT_EQ(fault, "") << "seed " << seed;
  }
  EXPECT_GT(commits, 25 * kSeeds);  // the cuts come late enough to try something
}

TEST(LogJournal, ADiskThatLiesAboutASyncIsFoundOut) {
  uint64_t commits = 0;
  int found = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) found += lives(seed, true, &commits).empty() ? 0 : 1;
  EXPECT_GT(found, 25);
}

/// Where the frame with this event of the session stands: segment and offset.
log::Position position_of(const log::Log& log, int session, uint64_t sequence) {
  log::Position out = 0;
  const auto frame = [&](const log::InFrame& in) -> Result<void> {
    auto commit = log::decode_body(in.body);
    if (!commit || !*commit || (*commit)->row.id != test_session(session)) return {};
    const uint64_t first = (*commit)->expected_last + 1;
    if (sequence >= first && sequence <= (*commit)->row.last_sequence) out = in.position;
    return {};
  };
  EXPECT_TRUE(log.scan(0, log.end(), frame, nullptr));
  return out;
}

TEST(LogJournal, AFlippedBitIsReportedWithItsPlaceAndTheRestIsReadable) {
  JournalWorld w(3);
  JournalModel model;
  auto store = w.open();
  w.run(append_all(w.ctx, &store->journal(), &w.random, &model));
  const uint64_t last = model.acked[2];
  ASSERT_GT(last, 20u);
  const log::Position damaged = position_of(store->log_journal().log(), 2, 10);
  ASSERT_NE(damaged, 0u);
  std::string segment;
  log::Position base = 0;
  const auto names = w.disk.list("/data/log");
  ASSERT_TRUE(names);
  ASSERT_GT(names->size(), 1u);
  for (const std::string& name : *names) {
    const auto begin = log::parse_segment_name(name);
    if (begin && *begin <= damaged) {
      segment = name;
      base = *begin;
    }
  }
  ASSERT_TRUE(w.disk.flip_bit("/data/log/" + segment, damaged - base + 60, 3));
  // The index is in memory: the next life reads the log from its beginning.
  store.reset();
  w.loop.clear();
  store = w.open();
  ASSERT_NE(store, nullptr);
  const SessionId id = test_session(2);
  auto whole = w.run(store->journal().read(w.ctx, id, 1, 100'000));
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().code, Code::kDataLoss);
  const std::string& message = whole.error().message;
  EXPECT_NE(message.find(id.str()), std::string::npos) << message;
  EXPECT_NE(message.find(segment + " at byte " + std::to_string(damaged - base)), std::string::npos)
      << message;
  uint64_t lost = 0;
  for (uint64_t n = 1; n <= last; ++n) {
    auto one = w.run(store->journal().read(w.ctx, id, n, 1));
    if (!one) {
      ++lost;
      EXPECT_NE(one.error().message.find("events "), std::string::npos);
      continue;
    }
    ASSERT_EQ(one->size(), 1u);
    EXPECT_EQ(difference(one->front(), test_event(id, n, payload_of(2, n))), "");
  }
  EXPECT_GE(lost, 1u);
  EXPECT_LE(lost, 3u);  // one commit
  EXPECT_EQ(w.run(store->journal().find(w.ctx, id))->last_sequence, last);
  for (int s : {1, 3, 4, 5, 6}) {
    auto others = w.run(store->journal().read(w.ctx, test_session(s), 1, 100'000));
    ASSERT_TRUE(others) << others.error().to_string();
    EXPECT_EQ(others->size(), model.acked[s]);
  }
  auto more =
      w.run(store->journal().append(w.ctx, test_row(id), last, events_of(2, last + 1, last + 1)));
  EXPECT_TRUE(more) << more.error().to_string();
}

TEST(LogJournal, AFullDiskPausesAndLosesNothing) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    JournalWorld w(seed);
    JournalModel model;
    w.disk.latency = 1ms;
    w.disk.set_capacity(4'000 + w.random.below(30'000));
    auto store = w.open();
    ASSERT_NE(store, nullptr);
    w.run(append_all(w.ctx, &store->journal(), &w.random, &model));
    ASSERT_LT(model.commits, 180u) << "seed " << seed;
    auto refused =
        w.run(store->journal().append(w.ctx, test_row(test_session(9)), 0,
                                      {test_event(test_session(9), 1, std::string(50'000, 'x'))}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
    model.tried = model.acked;  // what failed changed nothing
    ASSERT_EQ(check(w, store->journal(), model), "") << "seed " << seed;
    w.disk.set_capacity(10'000'000);
    w.run(append_all(w.ctx, &store->journal(), &w.random, &model));
    ASSERT_EQ(check(w, store->journal(), model), "") << "seed " << seed;
    w.crash(store);
    store = w.open();
    ASSERT_NE(store, nullptr);
    ASSERT_EQ(check(w, store->journal(), model), "") << "seed " << seed;
  }
}

TEST(LogJournal, AFailedSyncIsAnErrorAndNothingMore) {
  JournalWorld w(5);
  JournalModel model;
  w.disk.latency = 1ms;
  auto store = w.open();
  w.disk.fail_syncs(1);
  auto failed =
      w.run(store->journal().append(w.ctx, test_row(test_session(1)), 0, events_of(1, 1, 2)));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kUnavailable);
  EXPECT_FALSE(w.run(store->journal().find(w.ctx, test_session(1))));
  w.run(append_all(w.ctx, &store->journal(), &w.random, &model));
  EXPECT_EQ(model.commits, 180u);
  w.crash(store);
  store = w.open();
  EXPECT_EQ(check(w, store->journal(), model), "");
}

}  // namespace
}  // namespace drover::store
