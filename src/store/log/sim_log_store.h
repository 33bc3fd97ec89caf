#pragma once
// The same journal on a simulated disk, for the world simulation and for tests: pretended time (the
// disk's latency), an index in memory, everything on the loop's thread, so that a seed repeats.
//
//   SimDisk disk(random);          // these two outlive the pretended process
//   MemoryStore rest(random);
//   TRY(auto store, open_sim_log(disk, loop, random, rest));
//   …                              // the process dies: first its tasks, then
//   loop.clear(); store.reset(); disk.power_cut();      // and open again
//
// Records, documents, spans and blobs are those of `rest`, which loses nothing. Opening is done at
// once, without pretended time. Going away without close() is a crash.

#include <memory>

#include "store/log/log_journal.h"
#include "store/log/memory_index.h"
#include "store/memory/memory_store.h"
#include "store/memory/sim_disk.h"
#include "store/memory/sim_executor.h"

namespace drover::store {

class SimLogStore final : public Store {
 public:
  SimLogStore(SimDisk& disk, async::Loop& loop, MemoryStore& rest)
      : writer_(loop, disk), reader_(loop, disk), upkeep_(loop, disk), rest_(rest) {}

  Result<void> open(SimDisk& disk, async::Loop& loop, Random& random, log::LogOptions options) {
    log::LogParts parts;
    parts.disk = &disk;
    parts.log = std::move(options);
    parts.index = &index_;
    parts.blobs = &rest_.blobs();
    parts.writer = &writer_;
    parts.reader = &reader_;
    parts.upkeep = &upkeep_;
    parts.clock = &loop;
    parts.random = &random;
    parts.direct_sync_max = Duration::zero();  // it would take no pretended time
    TRY(journal_, log::LogJournal::open(std::move(parts)));
    return {};
  }

  Journal& journal() override { return *journal_; }
  Records& records() override { return rest_.records(); }
  Documents& documents() override { return rest_.documents(); }
  Spans& spans() override { return rest_.spans(); }
  Blobs& blobs() override { return rest_.blobs(); }
  log::LogJournal& log_journal() { return *journal_; }
  /// Ends as a process does that is asked to. Nothing may be under way.
  Result<void> close() { return journal_->close(); }

 private:
  SimExecutor writer_;
  SimExecutor reader_;
  SimExecutor upkeep_;
  MemoryStore& rest_;
  log::MemoryIndex index_;
  std::unique_ptr<log::LogJournal> journal_;
};

/// Small segments, so that a short run has several.
inline log::LogOptions sim_log_options() {
  log::LogOptions options;
  options.folder = "/data/log";
  options.segment_bytes = 64u << 10;
  options.reserve_bytes = 8u << 10;
  options.zero_bytes = 2u << 10;
  return options;
}

inline Result<std::unique_ptr<SimLogStore>> open_sim_log(
    SimDisk& disk, async::Loop& loop, Random& random, MemoryStore& rest,
    log::LogOptions options = sim_log_options()) {
  auto store = std::make_unique<SimLogStore>(disk, loop, rest);
  TRY_VOID(store->open(disk, loop, random, std::move(options)));
  return store;
}

}  // namespace drover::store
