#pragma once
// The ledger's log: reservations before a call is sent, settlements after it, one file after the
// other (ledger_record.h has the bytes). It is what makes money durable without a sync a call:
//
// - A process that is killed loses nothing. The file that is written is mapped into memory; what is
//   stored there belongs to the kernel at once, whatever becomes of the process. An append writes
//   about 150 bytes there and their checksum: no system call, no allocation, no copy. Under load,
//   pages are made ready ahead, many at a time.
// - A power cut may take the last second (sync() is called that often, on a worker). So budgets by
//   the day, the month and in total promise a share of themselves to the store, durably, before
//   they use it (road/accounts.h): after a power cut the promise counts as used.
// - Which of the two it was, the boot tells: each file names the one that wrote it.
//
// Owned by the runtime; loop thread only, but Unsynced::sync(), which runs on an executor. A write
// that fails (the disk is full) is an error to reserve(), so that nothing is begun that could not
// be booked; each file keeps limits::kLedgerSlackBytes for the settlements of what is under way.
// Files beyond limits::kLedgerFilesMax or older than limits::kLedgerRowsAge are removed by trim().

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/limits/money.h"
#include "base/raw_bytes.h"
#include "store/disk.h"
#include "trace/ledger_record.h"

namespace drover::trace {

/// Where a line stands in the file that is written; kept by who writes it.
struct LineMark {
  uint32_t file = 0;
  uint32_t number = 0;
};

class LedgerLog {
 public:
  /// Opens (and makes) the folder. Nothing is written before the first append(). `disk` outlives
  /// it.
  static Result<std::unique_ptr<LedgerLog>> open(store::Disk& disk, std::string folder,
                                                 uint64_t boot,
                                                 size_t file_bytes = limits::kLedgerFileBytes);

  using Visit = std::function<void(const LedgerRecord& record, const LedgerLine& line)>;
  /// Every record from that file on, in order; a damaged end of a file ends that file. Blocking.
  Result<void> replay(uint32_t from, const Visit& visit);
  /// After a replay: the last process did not end in order, and the machine has gone down since.
  bool power_lost() const { return power_lost_; }

  /// Another one over the same files, to read what stands in them now, on any thread. Not to write.
  Result<std::unique_ptr<LedgerLog>> reader() const {
    return open(disk_, folder_, boot_, file_bytes_);
  }

  /// Writes the record; its line before it, where this file has not got it.
  Result<void> append(const LedgerEntry& record, LineMark& mark, const LedgerLine& line);
  /// The next file has at least that number: what was written down names it as not yet read.
  void begin_at(uint32_t number) {
    if (current_ == nullptr && number_ < number) number_ = number;
  }
  /// The number of the file that is written, or will be.
  uint32_t file() const { return number_; }
  /// The same, as far as a power cut leaves its name: a replay that begins there tells what was
  /// lost, though all before it was written down elsewhere.
  uint32_t named_file() const { return current_ == nullptr ? number_ : named_; }
  uint64_t bytes() const { return bytes_; }

  /// What a sync now would make durable: taken on the loop, synced on an executor, told back.
  struct Unsynced {
    store::Disk* disk = nullptr;
    std::string folder;  // empty: the names in it are durable
    std::vector<std::shared_ptr<store::Disk::File>> files;
    uint32_t file = 0;
    uint64_t bytes = 0;
    Result<void> sync() const;  // blocking
  };
  Unsynced unsynced() const;
  void synced(const Unsynced& done);
  bool behind() const { return bytes_ != synced_bytes_; }
  /// Removes files below `needed` that are too old or too many. Blocking.
  void trim(uint32_t needed, WallTime now);
  /// The end, in order. Blocking.
  Result<void> close();

 private:
  LedgerLog(store::Disk& disk, std::string folder, uint64_t boot, size_t file_bytes)
      : disk_(disk), folder_(std::move(folder)), boot_(boot), file_bytes_(file_bytes) {}
  std::string path(uint32_t number) const;
  Result<void> prepare(store::Disk::File& file, std::string_view head);
  [[gnu::noinline]] Result<void> rotate();
  void make_ready(size_t bytes);
  char* place_for(size_t bytes);
  Result<void> written(const char* begin, const char* end);
  Result<std::string> read(uint32_t number);

  store::Disk& disk_;
  const std::string folder_;
  const uint64_t boot_;
  const size_t file_bytes_;
  std::vector<uint32_t> files_;  // that were there, oldest first
  uint32_t number_ = 1;
  uint32_t named_ = 0;  // the names of the files up to this one are durable
  std::shared_ptr<store::Disk::File> current_;
  char* mapped_ = nullptr;
  uint64_t at_ = 0;
  uint64_t ready_ = 0;  // up to here the mapped file was touched, or made ready
  uint32_t lines_ = 0;
  uint64_t bytes_ = 0;
  uint64_t synced_bytes_ = 0;
  std::vector<std::shared_ptr<store::Disk::File>> unsynced_;  // full ones, and the current
  bool power_lost_ = false;
  WallTime oldest_time_{};
  uint32_t oldest_known_ = 0;
  RawBytes buffer_;  // where the file is not mapped
};

}  // namespace drover::trace
