// What the journal promises on a disk that loses power, fills up, fails and rots.

#include "store/log/log_journal.h"

#include <gtest/gtest.h>

#include <map>

#include "async/scope.h"
#include "base/log.h"
#include "base/sanitized.h"
#include "store/log/sim_log_store.h"
#include "store/store_test_util.h"

namespace drover::store {
namespace {

constexpr int kSessions = 6;

/// The payload of an event, so that one that is not its own shows.
std::string payload_of(int session, uint64_t sequence) {
  return "\"" + std::to_string(session) + ":" + std::to_string(sequence) +
         std::string((sequence * 37 + static_cast<uint64_t>(session)) % 400, 'p') + "\"";
}

std::vector<contract::Event> events_of(int session, uint64_t first, uint64_t last) {
  std::vector<contract::Event> out;
  for (uint64_t n = first; n <= last; ++n) {
    out.push_back(test_event(test_session(session), n, payload_of(session, n)));
  }
  return out;
}

/// What is known to have been tried and acknowledged.
struct Model {
  std::map<int, uint64_t> acked;
  std::map<int, uint64_t> tried;
  uint64_t commits = 0;
};

async::Task<void> append_until_it_fails(async::Context ctx, Journal* journal, int session,
                                        Random* random, Model* model) {
  const SessionId id = test_session(session);
  for (int n = 0; n < 30; ++n) {
    const uint64_t last = model->acked[session];
    const uint64_t next = last + 1 + random->below(3);
    model->tried[session] = next;
    SessionRow row = test_row(id);
    row.spent.steps = static_cast<int64_t>(next);
    std::vector<contract::Event> events = events_of(session, last + 1, next);
    auto done = co_await journal->append(ctx, std::move(row), last, std::move(events));
    if (!done) co_return;
    model->acked[session] = next;
    ++model->commits;
  }
}

async::Task<int> append_all(async::Context ctx, Journal* journal, Random* random, Model* model) {
  async::Scope scope(ctx);
  for (int s = 1; s <= kSessions; ++s) {
    scope.spawn(append_until_it_fails(ctx, journal, s, random, model));
  }
  co_await scope.join();
  co_return 0;
}

struct JournalWorld {
  explicit JournalWorld(uint64_t seed) : random(seed), disk(random), rest(random) {
    configure_log(LogLevel::kOff, LogFormat::kText);  // each cut tail is a line
  }
  std::unique_ptr<SimLogStore> open() {
    log::LogOptions options = sim_log_options();
    options.segment_bytes = 16u << 10;
    options.reserve_bytes = 2u << 10;
    auto store = open_sim_log(disk, loop, random, rest, options);
    return store ? std::move(*store) : nullptr;
  }
  template <typename T>
  T run(async::Task<T> task) {
    return loop.run_task(std::move(task));
  }
  /// Power goes; the process with it.
  void crash(std::unique_ptr<SimLogStore>& store) {
    store.reset();
    loop.clear();
    disk.power_cut();
  }

  SeededRandom random;
  SimDisk disk;
  async::SimLoop loop;
  async::Context ctx{loop};
  MemoryStore rest;
};

/// Empty when all is as it must be after a crash; takes over what was found.
std::string check(JournalWorld& w, Journal& journal, Model& model) {
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
  Model model;
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

TEST(LogJournal, TheSameSeedIsTheSameRun) {
  const auto run = [](uint64_t seed) {
    JournalWorld w(seed);
    Model model;
    w.disk.latency = 1ms;
    auto store = w.open();
    w.run(append_all(w.ctx, &store->journal(), &w.random, &model));
    return std::make_pair(store->log_journal().log().end(), w.loop.mono());
  };
  EXPECT_EQ(run(7), run(7));
}

TEST(LogJournal, SessionsThatWaitShareASync) {
  JournalWorld w(1);
  Model model;
  w.disk.latency = 1ms;
  auto store = w.open();
  const uint64_t before = w.disk.syncs();
  w.run(append_all(w.ctx, &store->journal(), &w.random, &model));
  EXPECT_EQ(model.commits, 180u);
  EXPECT_LT(w.disk.syncs() - before, 60u);
}

async::Task<int> append_one_each(async::Context ctx, Journal* journal, int sessions) {
  async::Scope scope(ctx);
  for (int s = 1; s <= sessions; ++s) {
    auto one = [](async::Context below, Journal* to, int session) -> async::Task<void> {
      SessionRow row = test_row(test_session(session));
      std::vector<contract::Event> events = events_of(session, 1, 1);
      auto done = co_await to->append(below, std::move(row), 0, std::move(events));
      EXPECT_TRUE(done);
    };
    scope.spawn(one(ctx, journal, s));
  }
  co_await scope.join();
  co_return 0;
}

TEST(LogJournal, WhatIsReadyOnTheLoopTogetherSharesOneSync) {
  JournalWorld w(1);
  auto store = w.open();
  const uint64_t before = w.disk.syncs();
  w.run(append_one_each(w.ctx, &store->journal(), 50));
  EXPECT_EQ(w.disk.syncs() - before, 1u);
}

// An answer that comes before the loop runs has asked neither the disk nor the index.

TEST(LogJournal, TheNewestCommitIsReadFromMemory) {
  JournalWorld w(1);
  auto store = w.open();
  Model model;
  w.run(append_all(w.ctx, &store->journal(), &w.random, &model));
  const uint64_t last = model.acked[1];
  std::vector<contract::Event> newest;
  auto ask = [](async::Context ctx, Journal* journal, uint64_t from,
                std::vector<contract::Event>* out) -> async::Task<void> {
    auto events = co_await journal->read(ctx, test_session(1), from, 10);
    if (events) *out = std::move(*events);
  };
  async::detail::start_detached(ask(w.ctx, &store->journal(), last, &newest));
  ASSERT_EQ(newest.size(), 1u);
  EXPECT_EQ(difference(newest.front(), test_event(test_session(1), last, payload_of(1, last))), "");
}

TEST(LogJournal, ANewSessionHasNoSnapshotForSure) {
  JournalWorld w(1);
  auto store = w.open();
  bool none = false;
  auto ask = [](async::Context ctx, Journal* journal, bool* out) -> async::Task<void> {
    auto snapshot = co_await journal->load_snapshot(ctx, test_session(7));
    *out = snapshot && !snapshot->has_value();
  };
  async::detail::start_detached(ask(w.ctx, &store->journal(), &none));
  EXPECT_TRUE(none);
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
  Model model;
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
    Model model;
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
  Model model;
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

TEST(LogJournal, ALongSessionIsReadPageByPage) {
  JournalWorld w(6);
  auto store = w.open();
  const SessionId id = test_session(1);
  for (uint64_t n = 0; n < 1'000; ++n) {
    auto done = w.run(store->journal().append(w.ctx, test_row(id), n, events_of(1, n + 1, n + 1)));
    ASSERT_TRUE(done) << done.error().to_string();
  }
  for (uint64_t from = 1; from <= 1'000; from += 90) {
    auto page = w.run(store->journal().read(w.ctx, id, from, 90));
    ASSERT_TRUE(page);
    ASSERT_EQ(page->size(), std::min<uint64_t>(90, 1'001 - from));
    for (size_t i = 0; i < page->size(); ++i) {
      ASSERT_EQ(difference((*page)[i], test_event(id, from + i, payload_of(1, from + i))), "");
    }
  }
  // From the middle first, so that what is remembered of it must grow at both ends.
  store.reset();
  w.loop.clear();
  store = w.open();
  EXPECT_EQ(w.run(store->journal().read(w.ctx, id, 700, 10))->front().sequence, 700u);
  EXPECT_EQ(w.run(store->journal().read(w.ctx, id, 3, 10))->front().sequence, 3u);
  ASSERT_TRUE(
      w.run(store->journal().append(w.ctx, test_row(id), 1'000, events_of(1, 1'001, 1'003))));
  EXPECT_EQ(w.run(store->journal().read(w.ctx, id, 990, 100))->size(), 14u);
}

TEST(LogJournal, QueriesSeeTheOverlayOverTheIndex) {
  JournalWorld w(8);
  auto store = w.open();
  Journal& journal = store->journal();
  for (int s = 1; s <= 300; ++s) {
    SessionRow row = test_row(test_session(s));
    row.due = row.created + std::chrono::seconds(s);
    ASSERT_TRUE(w.run(journal.append(w.ctx, row, 0, events_of(s, 1, 1))));
  }
  w.loop.run_for(1s);  // all in the index
  for (int s = 1; s <= 300; s += 2) {
    SessionRow row = test_row(test_session(s));
    row.status = "ended";
    ASSERT_TRUE(w.run(journal.append(w.ctx, row, 1, {})));
  }
  SessionFilter filter;
  filter.status = "running";
  filter.limit = 20;
  auto rows = w.run(journal.list(w.ctx, filter));
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 20u);
  for (size_t i = 0; i < 20; ++i)
    EXPECT_EQ((*rows)[i].id, test_session(300 - 2 * static_cast<int>(i)));
  auto due = w.run(journal.due(w.ctx, test_row(test_session(1)).created + 100s, 1'000));
  ASSERT_TRUE(due);
  EXPECT_EQ(due->size(), 50u);
  w.loop.run_for(1s);
  EXPECT_EQ(*w.run(journal.list(w.ctx, filter)), *rows);
}

}  // namespace
}  // namespace drover::store
