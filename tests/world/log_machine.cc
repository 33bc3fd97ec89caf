#include "store/log/log_journal.h"
#include "store/log/memory_index.h"
#include "store/memory/memory_store.h"
#include "store/memory/sim_disk.h"
#include "store/memory/sim_executor.h"
#include "world/machine.h"

namespace drover::world {
namespace {

using store::Disk;

/// The disk as one process has it: when that has ended, nothing it holds works any more.
class ProcessDisk final : public Disk {
 public:
  explicit ProcessDisk(Disk& below) : below_(below) {}
  void end() { *alive_ = false; }

  Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) override {
    TRY_VOID(check());
    TRY(auto file, below_.open(path, mode));
    return std::unique_ptr<File>(std::make_unique<ProcessFile>(std::move(file), alive_));
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    TRY_VOID(check());
    return below_.rename(from, to);
  }
  Result<void> remove(const std::string& path) override {
    TRY_VOID(check());
    return below_.remove(path);
  }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    TRY_VOID(check());
    return below_.list(folder);
  }
  Result<void> make_folder(const std::string& path) override {
    TRY_VOID(check());
    return below_.make_folder(path);
  }
  Result<void> sync_folder(const std::string& path) override {
    TRY_VOID(check());
    return below_.sync_folder(path);
  }

 private:
  using Alive = std::shared_ptr<bool>;
  static Result<void> check(const Alive& alive) {
    if (*alive) return {};
    return fail(Code::kUnavailable, "the process is dead");
  }
  Result<void> check() const { return check(alive_); }

  class ProcessFile final : public File {
   public:
    ProcessFile(std::unique_ptr<File> below, Alive alive)
        : below_(std::move(below)), alive_(std::move(alive)) {}
    Result<void> write_at(uint64_t offset, std::string_view bytes) override {
      TRY_VOID(check(alive_));
      return below_->write_at(offset, bytes);
    }
    Result<std::string> read_at(uint64_t offset, size_t size) override {
      TRY_VOID(check(alive_));
      return below_->read_at(offset, size);
    }
    Result<uint64_t> size() override {
      TRY_VOID(check(alive_));
      return below_->size();
    }
    Result<void> sync() override {
      TRY_VOID(check(alive_));
      return below_->sync();
    }
    Result<void> truncate(uint64_t size) override {
      TRY_VOID(check(alive_));
      return below_->truncate(size);
    }
    Result<void> allocate(uint64_t offset, uint64_t size) override {
      TRY_VOID(check(alive_));
      return below_->allocate(offset, size);
    }

   private:
    std::unique_ptr<File> below_;
    Alive alive_;
  };

  Disk& below_;
  Alive alive_ = std::make_shared<bool>(true);
};

class LogMachine final : public Machine {
 public:
  LogMachine(Random& random, Plant plant)
      : Machine(plant), random_(random), disk_(random), rest_(random) {
    disk_.lose_syncs = plant == Plant::kLostSync;
  }

  store::Journal& journal() override { return *journal_; }
  void close() override {
    journal_.reset();
    writer_.reset();
    reader_.reset();
    upkeep_.reset();
    process_.reset();
  }

  void set_sync_time(Duration d) override { disk_.latency = d; }
  Duration sync_time() const override { return disk_.latency; }
  void set_full(bool full) override {
    // A last write may still go in, in part.
    disk_.set_capacity(full ? disk_.used() + random_.below(2'000) : uint64_t{1} << 40);
  }
  bool full() const override { return false; }
  void lose_next_answer() override { disk_.fail_syncs(1); }
  void strike(uint64_t operations) override {
    struck_ = true;
    disk_.fail_after(operations);
  }

 private:
  Result<void> open_store(async::Loop& loop) override {
    process_ = std::make_unique<ProcessDisk>(disk_);
    writer_ = std::make_unique<store::SimExecutor>(loop, disk_);
    reader_ = std::make_unique<store::SimExecutor>(loop, disk_);
    upkeep_ = std::make_unique<store::SimExecutor>(loop, disk_);
    // The index may be lost, or be as it was: it is derived.
    if (index_ == nullptr || random_.chance(0.5)) {
      index_ = std::make_unique<store::log::MemoryIndex>();
    }
    store::log::LogParts parts;
    parts.disk = process_.get();
    parts.log.folder = "log";
    parts.log.segment_bytes = 256u << 10;
    parts.log.reserve_bytes = 32u << 10;
    parts.index = index_.get();
    parts.blobs = &rest_.blobs();
    parts.writer = writer_.get();
    parts.reader = reader_.get();
    parts.upkeep = upkeep_.get();
    parts.clock = &loop;
    parts.random = &random_;
    parts.inline_payload_bytes_max = 2'000;
    parts.direct_sync_max = Duration::zero();
    TRY(journal_, store::log::LogJournal::open(parts));
    return {};
  }
  void process_ended() override {
    if (process_ != nullptr) process_->end();
    // A disk that has stopped in the middle needs its power cut.
    if (struck_) power_gone();
  }
  void power_gone() override {
    if (process_ != nullptr) process_->end();
    disk_.power_cut();
    struck_ = false;
  }

  Random& random_;
  store::SimDisk disk_;
  store::MemoryStore rest_;  // its blobs
  bool struck_ = false;
  std::unique_ptr<ProcessDisk> process_;
  std::unique_ptr<store::SimExecutor> writer_;
  std::unique_ptr<store::SimExecutor> reader_;
  std::unique_ptr<store::SimExecutor> upkeep_;
  std::unique_ptr<store::log::SessionIndex> index_;
  std::unique_ptr<store::log::LogJournal> journal_;
};

}  // namespace

std::unique_ptr<Machine> make_log_machine(Random& random, Plant plant) {
  return std::make_unique<LogMachine>(random, plant);
}

}  // namespace drover::world
