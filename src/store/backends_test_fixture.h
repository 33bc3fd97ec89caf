#pragma once
// What every backend must do is written once and run against each of them: here are the backends,
// and the test of a store that runs on each.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/log/log_store.h"
#include "store/log/sim_log_store.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store_test_util.h"

namespace drover::store {

inline SpanLimits small_spans() {
  SpanLimits limits;
  limits.count_max = 100;
  limits.age_max = 1h;
  return limits;
}

/// One store and what it needs, in the order of their lives.
struct StoreFixture {
  TempFolder folder;
  SystemClock clock;
  SeededRandom random{7};
  async::InlineExecutor inline_executor;
  SimDisk disk{random};
  MemoryStore rest{random, small_spans()};
  async::SimLoop* loop = nullptr;
  std::unique_ptr<Store> store;
};

/// Its name is that of the tests run against it.
struct Backend {
  const char* name;
  void (*open)(StoreFixture& fixture);
};

inline void open_memory(StoreFixture& f) {
  f.store = std::make_unique<MemoryStore>(f.random, small_spans());
}

inline void open_sqlite_with(StoreFixture& f, async::Executor* executor) {
  SqliteOptions options;
  options.folder = f.folder.path();
  options.writer = options.reader = options.upkeep = options.blobs = executor;
  options.spans = small_spans();
  auto store = open_sqlite(options, f.clock, f.random);
  ASSERT_TRUE(store) << store.error().to_string();
  f.store = std::move(*store);
}

inline void open_sqlite_inline(StoreFixture& f) { open_sqlite_with(f, &f.inline_executor); }
inline void open_sqlite_threads(StoreFixture& f) { open_sqlite_with(f, nullptr); }

inline void open_log_with(StoreFixture& f, async::Executor* executor) {
  LogStoreOptions options;
  options.rest.folder = f.folder.path();
  options.rest.writer = options.rest.reader = options.rest.upkeep = options.rest.blobs = executor;
  options.rest.spans = small_spans();
  options.writer = options.reader = options.upkeep = executor;
  auto store = open_log_store(options, f.clock, f.random);
  ASSERT_TRUE(store) << store.error().to_string();
  f.store = std::move(*store);
}

inline void open_log_inline(StoreFixture& f) { open_log_with(f, &f.inline_executor); }
inline void open_log_threads(StoreFixture& f) { open_log_with(f, nullptr); }
inline void open_log_sim(StoreFixture& f) {
  f.disk.latency = 1ms;
  auto store = open_sim_log(f.disk, *f.loop, f.random, f.rest);
  ASSERT_TRUE(store) << store.error().to_string();
  f.store = std::move(*store);
}

inline std::string name_of(const testing::TestParamInfo<Backend>& backend) {
  return backend.param.name;
}

/// A test of a store, run against the backends that its suite is instantiated with.
class BackendTest : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    fixture_.loop = &loop_;
    GetParam().open(fixture_);
  }
  template <typename T>
  T run(async::Task<T> task) {
    return drive(loop_, std::move(task));
  }
  Journal& journal() { return fixture_.store->journal(); }
  Records& records() { return fixture_.store->records(); }
  Documents& documents() { return fixture_.store->documents(); }
  Spans& spans() { return fixture_.store->spans(); }
  Blobs& blobs() { return fixture_.store->blobs(); }

  async::SimLoop loop_;
  async::Context ctx_{loop_};
  StoreFixture fixture_;
};

}  // namespace drover::store
