#include "app/scratch_stores.h"

#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"

namespace drover::app {
namespace {

Error of_store(const std::string& name, Error error) {
  error.message = "store '" + name + "': " + error.message;
  return error;
}

}  // namespace

Result<void> ScratchStores::open(const std::map<std::string, std::string>& folders, bool in_memory,
                                 Clock& clock, Random& random) {
  for (const auto& [name, path] : folders) {
    One& one = stores_[name];
    if (in_memory) {
      one.store = std::make_unique<store::MemoryStore>(random);
      continue;
    }
    auto folder = store::DataFolder::open(path);
    if (!folder) return fail(of_store(name, std::move(folder).error()));
    one.folder = std::move(*folder);
    one.thread = std::make_unique<async::WorkerPool>("scratch", 1);
    store::SqliteOptions options;
    options.folder = path;
    options.writer = options.reader = options.upkeep = options.blobs = one.thread.get();
    auto opened = store::open_sqlite(options, clock, random);
    if (!opened) return fail(of_store(name, std::move(opened).error()));
    one.store = std::move(*opened);
  }
  return {};
}

void ScratchStores::add_to(memory::Memory& memory) {
  for (auto& [name, one] : stores_) memory.add_store(name, one.store->records());
}

}  // namespace drover::app
