#include "store/memory/memory_store.h"
#include "world/machine.h"

namespace drover::world {
namespace {

class MemoryMachine final : public Machine {
 public:
  MemoryMachine(Random& random, Plant plant) : Machine(plant), store_(random) {}

  store::Journal& journal() override { return store_.journal(); }
  void close() override {}
  void strike(uint64_t operations) override {}
  void set_sync_time(Duration d) override { store_.disk().sync_time = d; }
  Duration sync_time() const override { return const_cast<MemoryMachine*>(this)->disk_time(); }
  void set_full(bool full) override { full_ = full; }
  bool full() const override { return full_; }
  void lose_next_answer() override {
    store_.disk().lose_next_answer(
        Error(Code::kUnavailable, "the disk did not answer", Retry::kSameTarget));
  }

 private:
  Result<void> open_store(async::Loop& loop) override { return {}; }
  void process_ended() override {}
  void power_gone() override { store_.disk().crash(); }
  Duration disk_time() { return store_.disk().sync_time; }
  store::MemoryStore store_;
  bool full_ = false;
};

}  // namespace

std::unique_ptr<Machine> make_memory_machine(Random& random, Plant plant) {
  return std::make_unique<MemoryMachine>(random, plant);
}

}  // namespace drover::world
