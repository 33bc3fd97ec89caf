// What the embedded stores promise when the disk is full or the process is killed.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "async/scope.h"
#include "store/log/log_store.h"
#include "store/sqlite/backup.h"
#include "store/store_test_util.h"

namespace drover::store {
namespace {

struct FaultWorld {
  async::SimLoop loop;
  async::Context ctx{loop};
  SystemClock clock;
  SeededRandom random{1};

  std::unique_ptr<SqliteStore> open(const std::string& folder, int64_t pages_max = 0) {
    SqliteOptions options;
    options.folder = folder;
    options.pages_max = pages_max;
    auto store = open_sqlite(options, clock, random);
    EXPECT_TRUE(store) << store.error().to_string();
    return store ? std::move(*store) : nullptr;
  }
  std::unique_ptr<Store> open_either(const std::string& folder, bool log) {
    if (!log) return open(folder);
    LogStoreOptions options;
    options.rest.folder = folder;
    auto store = open_log_store(options, clock, random);
    EXPECT_TRUE(store) << store.error().to_string();
    return store ? std::move(*store) : nullptr;
  }
  Result<void> append(Store& store, int session, uint64_t expected, size_t payload_bytes) {
    const SessionId id = test_session(session);
    std::vector<contract::Event> events;
    events.push_back(test_event(id, expected + 1, std::string(payload_bytes, 'p')));
    return drive(loop, store.journal().append(ctx, test_row(id), expected, std::move(events)));
  }
  size_t count(Store& store, int session) {
    auto read = drive(loop, store.journal().read(ctx, test_session(session), 1, 100'000));
    return read ? read->size() : 0;
  }
};

TEST(FullDisk, NothingIsHalfWrittenAndLaterAppendsWork) {
  FaultWorld w;
  TempFolder folder;
  auto store = w.open(folder.path(), 600);
  ASSERT_TRUE(drive(
      w.loop, store->documents().put(w.ctx, "x", "ballast", Json(std::string(1 << 20, 'b')))));
  uint64_t kept = 0;
  Result<void> done;
  while (kept < 1'000 && (done = w.append(*store, 1, kept, 20'000))) ++kept;
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kResourceExhausted) << done.error().to_string();
  EXPECT_GT(kept, 5u);
  EXPECT_EQ(w.count(*store, 1), kept);
  EXPECT_EQ(drive(w.loop, store->journal().find(w.ctx, test_session(1)))->last_sequence, kept);
  ASSERT_TRUE(*drive(w.loop, store->documents().remove(w.ctx, "x", "ballast")));
  done = w.append(*store, 1, kept, 20'000);
  EXPECT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(w.count(*store, 1), kept + 1);
}

async::Task<void> append_one(async::Context ctx, Journal* journal, int session, size_t bytes,
                             std::map<int, Code>* failures) {
  const SessionId id = test_session(session);
  std::vector<contract::Event> events;
  events.push_back(test_event(id, 1, std::string(bytes, 'p')));
  // Many inline payloads in one append: too much for the disk, not for an event.
  for (uint64_t n = 2; bytes > 50'000 && n <= 60; ++n) {
    events.push_back(test_event(id, n, std::string(bytes, 'p')));
  }
  auto done = co_await journal->append(ctx, test_row(id), 0, std::move(events));
  if (!done) (*failures)[session] = done.error().code;
}

async::Task<int> append_group(async::Context ctx, Journal* journal, std::map<int, Code>* failures) {
  async::Scope scope(ctx);
  for (int s = 1; s <= 9; ++s) {
    scope.spawn(append_one(ctx, journal, s, s == 5 ? 60'000 : 100, failures));
  }
  co_await scope.join();
  co_return 0;
}

TEST(FullDisk, OneThatDoesNotFitHurtsNobodyInItsGroup) {
  FaultWorld w;
  TempFolder folder;
  auto store = w.open(folder.path(), 300);
  std::map<int, Code> failures;
  drive(w.loop, append_group(w.ctx, &store->journal(), &failures));
  EXPECT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[5], Code::kResourceExhausted);
  for (int s = 1; s <= 9; ++s) EXPECT_EQ(w.count(*store, s), s == 5 ? 0u : 1u) << s;
}

struct Ack {
  int session;
  uint64_t sequence;
};

async::Task<void> append_forever(async::Context ctx, Journal* journal, int session, int pipe) {
  const SessionId id = test_session(session);
  auto row = co_await journal->find(ctx, id);
  uint64_t last = row ? row->last_sequence : 0;
  for (;;) {
    std::vector<contract::Event> events = test_events(id, last + 1, last + 1 + last % 3);
    const uint64_t next = last + events.size();
    auto done = co_await journal->append(ctx, test_row(id), last, std::move(events));
    if (!done) ::_exit(3);
    last = next;
    const Ack ack{session, last};
    if (::write(pipe, &ack, sizeof(ack)) != sizeof(ack)) ::_exit(4);
  }
}

async::Task<int> append_all_forever(async::Context ctx, Journal* journal, int pipe) {
  async::Scope scope(ctx);
  for (int s = 1; s <= 8; ++s) scope.spawn(append_forever(ctx, journal, s, pipe));
  co_await scope.join();
  co_return 0;
}

[[noreturn]] void child(const std::string& folder, bool log, int pipe) {
  ::alarm(60);
  FaultWorld w;
  auto store = w.open_either(folder, log);
  if (store == nullptr) ::_exit(2);
  drive(w.loop, append_all_forever(w.ctx, &store->journal(), pipe));
  ::_exit(5);
}

/// Runs a child until it is killed after some number of acknowledgements; the last one by session.
std::map<int, uint64_t> run_and_kill(const std::string& folder, bool log,
                                     uint64_t acks_before_kill) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    child(folder, log, ends[1]);
  }
  ::close(ends[1]);
  std::map<int, uint64_t> acked;
  Ack ack{};
  uint64_t seen = 0;
  bool killed = false;
  while (::read(ends[0], &ack, sizeof(ack)) == sizeof(ack)) {
    acked[ack.session] = ack.sequence;
    if (++seen >= acks_before_kill && !killed) {
      ::kill(pid, SIGKILL);
      killed = true;  // what is still in the pipe was acknowledged too
    }
  }
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(killed && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  return acked;
}

class Crash : public testing::TestWithParam<bool> {};

INSTANTIATE_TEST_SUITE_P(Stores, Crash, testing::Bool(),
                         [](const auto& info) { return info.param ? "log" : "sqlite"; });

TEST_P(Crash, EveryAcknowledgedEventIsThereAfterAKill) {
  TempFolder folder;
  SeededRandom random(42);
  for (int round = 0; round < 6; ++round) {
    const auto acked = run_and_kill(folder.path(), GetParam(), 1 + random.below(300));
    ASSERT_FALSE(acked.empty());
    FaultWorld w;
    auto store = w.open_either(folder.path(), GetParam());
    for (const auto& [session, sequence] : acked) {
      const SessionId id = test_session(session);
      auto events = drive(w.loop, store->journal().read(w.ctx, id, 1, 1'000'000));
      ASSERT_TRUE(events) << events.error().to_string();
      EXPECT_GE(events->size(), sequence) << "round " << round;
      for (size_t i = 0; i < events->size(); ++i) {
        ASSERT_EQ(difference((*events)[i], test_event(id, i + 1)), "") << i;
      }
      auto row = drive(w.loop, store->journal().find(w.ctx, id));
      ASSERT_TRUE(row);
      EXPECT_EQ(row->last_sequence, events->size());
      EXPECT_EQ(row->last_hash, events->back().hash);
    }
    store.reset();
    auto checked = verify_backup(folder.path());
    EXPECT_TRUE(checked) << checked.error().to_string();
  }
}

}  // namespace
}  // namespace drover::store
