// A purged session's commits in the log: overwritten, however often the power goes in it.

#include "store/log/erase.h"

#include <gtest/gtest.h>

#include "store/log/log_check.h"
#include "store/log/log_journal_test_fixture.h"
#include "store/purge_test_fixture.h"

namespace drover::store {
namespace {

/// All of the log, as nobody but a thief would read it.
std::string bytes_of(SimDisk& disk) {
  std::string out;
  const auto names = *disk.list("/data/log");
  for (const std::string& name : names) {
    auto file = disk.open("/data/log/" + name, Disk::Mode::kRead);
    out += *(*file)->read_at(0, 1u << 20);
  }
  return out;
}

/// Small segments, so that a session lies in several.
struct Machine : JournalWorld {
  explicit Machine(uint64_t seed) : JournalWorld(seed, 4u << 10, 1u << 10) {}
  bool open() {
    store = JournalWorld::open();
    return store != nullptr;
  }
  void crash() { JournalWorld::crash(store); }
  std::unique_ptr<SimLogStore> store;
};

/// Two sessions side by side over several segments, one of them purged and not yet erased.
void prepare(Machine& m, const SessionId& its, const SessionId& other) {
  ASSERT_TRUE(m.open());
  for (uint64_t n = 1; n <= 20; ++n) {
    ASSERT_TRUE(
        m.run(m.store->journal().append(m.ctx, test_row(its), n - 1, said(its, n, n, 200))));
    ASSERT_TRUE(
        m.run(m.store->journal().append(m.ctx, test_row(other), n - 1, test_events(other, n, n))));
  }
  std::vector<contract::Event> purge(1, purge_event(its, 21));
  ASSERT_TRUE(m.run(m.store->journal().append(m.ctx, purged_row(its), 20, std::move(purge))));
}

TEST(PurgeOfALog, GoesOnAfterEveryPowerCut) {
  const SessionId its = test_session(1);
  const SessionId other = test_session(2);
  int cuts = 0;
  for (uint64_t operations = 0; operations < 60; ++operations) {
    Machine m(operations + 1);
    prepare(m, its, other);
    m.disk.fail_after(operations);
    auto first = m.run(m.store->journal().erase(m.ctx, its));
    if (!first) ++cuts;
    m.crash();
    ASSERT_TRUE(m.open()) << operations;
    auto row = m.run(m.store->journal().find(m.ctx, its));
    ASSERT_TRUE(row && purged(*row)) << operations;
    auto done = m.run(m.store->journal().erase(m.ctx, its));
    ASSERT_TRUE(done) << operations << ": " << done.error().to_string();
    EXPECT_EQ(bytes_of(m.disk).find(kCanary), std::string::npos) << operations;
    m.crash();
    // The index is made anew from what is left.
    ASSERT_TRUE(m.open()) << operations;
    auto events = m.run(m.store->journal().read(m.ctx, its, 1, 100));
    ASSERT_TRUE(events) << operations << ": " << events.error().to_string();
    EXPECT_EQ(events->size(), 1u);
    EXPECT_EQ(m.run(m.store->journal().read(m.ctx, other, 1, 100))->size(), 20u) << operations;
    m.store.reset();
    auto report = log::check_log(m.disk, "/data/log", nullptr);
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->faults.empty()) << operations << ": " << report->faults.front();
  }
  EXPECT_GT(cuts, 10) << "the cuts came while it was at it";
}

TEST(PurgeOfALog, IsOnTheDiskWhenItIsDoneAgainAfterAFailedSync) {
  const SessionId its = test_session(1);
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Machine m(seed);
    prepare(m, its, test_session(2));
    m.disk.fail_syncs(1);
    ASSERT_FALSE(m.run(m.store->journal().erase(m.ctx, its))) << seed;
    ASSERT_TRUE(m.run(m.store->journal().erase(m.ctx, its))) << seed;
    m.crash();
    EXPECT_EQ(bytes_of(m.disk).find(kCanary), std::string::npos) << seed;
  }
}

TEST(PurgeOfALog, ADamagedPlaceIsNamedAndAllElseIsErased) {
  Machine m(3);
  const SessionId its = test_session(1);
  prepare(m, its, test_session(2));
  const std::string before = bytes_of(m.disk);
  // A flipped bit of a payload: the frame's head still says how far it reaches.
  const size_t at = before.find(kCanary);
  ASSERT_TRUE(m.disk.flip_bit("/data/log/" + (*m.disk.list("/data/log"))[0], at + 20, 1));
  ASSERT_TRUE(m.run(m.store->journal().erase(m.ctx, its)));
  EXPECT_EQ(bytes_of(m.disk).find(kCanary), std::string::npos);

  Machine n(4);
  prepare(n, its, test_session(2));
  const std::string bytes = bytes_of(n.disk);
  const size_t payload = bytes.find(kCanary);
  const size_t head = bytes.rfind("DLFR", payload);
  ASSERT_TRUE(n.disk.flip_bit("/data/log/" + (*n.disk.list("/data/log"))[0], head, 1));
  auto erased = n.run(n.store->journal().erase(n.ctx, its));
  ASSERT_FALSE(erased) << "a head that says nothing";
  EXPECT_EQ(erased.error().code, Code::kDataLoss);
  EXPECT_NE(erased.error().message.find(".seg at byte"), std::string::npos)
      << erased.error().message;
  const std::string after = bytes_of(n.disk);
  size_t left = 0;
  for (size_t found = after.find(kCanary); found != std::string::npos;
       found = after.find(kCanary, found + 1)) {
    ++left;
  }
  EXPECT_EQ(left, 1u);
}

}  // namespace
}  // namespace drover::store
