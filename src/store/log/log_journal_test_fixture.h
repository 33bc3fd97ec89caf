#pragma once
// A journal in a log on a simulated disk, what its sessions say in it, and what is known of them:
// for tests of faults and of readings.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/scope.h"
#include "base/log.h"
#include "store/log/sim_log_store.h"
#include "store/store_test_util.h"

namespace drover::store {

constexpr int kSessions = 6;

/// The payload of an event, so that one that is not its own shows.
inline std::string payload_of(int session, uint64_t sequence) {
  return "\"" + std::to_string(session) + ":" + std::to_string(sequence) +
         std::string((sequence * 37 + static_cast<uint64_t>(session)) % 400, 'p') + "\"";
}

inline std::vector<contract::Event> events_of(int session, uint64_t first, uint64_t last) {
  std::vector<contract::Event> out;
  for (uint64_t n = first; n <= last; ++n) {
    out.push_back(test_event(test_session(session), n, payload_of(session, n)));
  }
  return out;
}

/// What is known to have been tried and acknowledged.
struct JournalModel {
  std::map<int, uint64_t> acked;
  std::map<int, uint64_t> tried;
  uint64_t commits = 0;
};

inline async::Task<void> append_until_it_fails(async::Context ctx, Journal* journal, int session,
                                               Random* random, JournalModel* model) {
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

inline async::Task<int> append_all(async::Context ctx, Journal* journal, Random* random,
                                   JournalModel* model) {
  async::Scope scope(ctx);
  for (int s = 1; s <= kSessions; ++s) {
    scope.spawn(append_until_it_fails(ctx, journal, s, random, model));
  }
  co_await scope.join();
  co_return 0;
}

struct JournalWorld {
  explicit JournalWorld(uint64_t seed, size_t segment_bytes = 16u << 10,
                        size_t reserve_bytes = 2u << 10)
      : random(seed), disk(random), rest(random) {
    options.segment_bytes = segment_bytes;
    options.reserve_bytes = reserve_bytes;
    configure_log(LogLevel::kOff, LogFormat::kText);  // each cut tail is a line
  }
  std::unique_ptr<SimLogStore> open() {
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
  log::LogOptions options = sim_log_options();
};

}  // namespace drover::store
