#pragma once
// A disk in memory that does what real ones do when the power fails. What was synced stays. Of what
// was not, each write is by chance kept, lost, torn at some byte, or kept in some of its sectors
// only; a file may have grown without its bytes (zeros); names made, changed or removed since the
// last sync of their folder may be as before. The same seed gives the same outcome.
//
//   SimDisk disk(random);
//   disk.fail_after(17);     // the operation after 17 more, and all later ones, fail: a cut
//   between …                        // any two operations, until disk.power_cut();        // what
//   was not synced meets its fate; then the disk works again disk.set_capacity(1 << 20);  //
//   kResourceExhausted beyond, after a part was written disk.latency = 2ms;      // for executors
//   that pretend time (memory/sim_executor.h) disk.flip_bit(path, 1234, 5);
//
// Outlives who uses it, so that a pretended process can begin again on it; a File of before the cut
// fails from then on. One thread. Not for large data: everything is copied freely.

#include <map>
#include <memory>
#include <optional>

#include "base/random.h"
#include "base/time.h"
#include "store/disk.h"

namespace drover::store {

class SimDisk final : public Disk {
 public:
  /// `random` must outlive it.
  explicit SimDisk(Random& random) : random_(random) {}

  Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<void> make_folder(const std::string& path) override;
  Result<void> sync_folder(const std::string& path) override;

  // Faults.
  /// After `operations` more changing ones (write, sync, truncate, rename, …) nothing works any
  /// more, until power_cut(). The one at which it stops may be done in part.
  void fail_after(uint64_t operations) { fuse_ = operations; }
  bool dead() const { return dead_; }
  /// Decides what of the unsynced stays, and starts again.
  void power_cut();
  /// The bytes that all files together may have.
  void set_capacity(uint64_t bytes) { capacity_ = bytes; }
  uint64_t used() const;
  /// A sync that answers and does nothing: a disk that lies. For showing that tests find it.
  bool lose_syncs = false;
  /// The next `count` syncs fail.
  void fail_syncs(uint64_t count) { failing_syncs_ = count; }
  /// Damages a byte at rest.
  Result<void> flip_bit(const std::string& path, uint64_t offset, int bit);
  /// How long one job of pretended blocking work takes (memory/sim_executor.h).
  Duration latency{};
  uint64_t syncs() const { return syncs_; }
  uint64_t operations() const { return operations_; }

 private:
  class SimFile;
  struct Write {
    uint64_t offset = 0;
    std::string bytes;
    std::optional<uint64_t> cut;  // a truncation to this size instead
  };
  /// What a name leads to.
  struct Node {
    std::string durable;         // as of the last sync
    std::string now;             // as every reader sees it
    std::vector<Write> pending;  // what lies between
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;

  /// First thing of a changing operation: false when it must fail; *last when it may be done in
  /// part.
  Result<void> begin(bool* last = nullptr);
  Result<void> write(Node& node, uint64_t offset, std::string_view bytes);
  Result<void> sync(Node& node);
  void settle(Node& node);

  Random& random_;
  Names names_;    // as every reader sees them
  Names durable_;  // as of each folder's last sync
  uint64_t epoch_ = 0;
  std::optional<uint64_t> fuse_;
  bool dead_ = false;
  std::optional<uint64_t> capacity_;
  uint64_t failing_syncs_ = 0;
  uint64_t syncs_ = 0;
  uint64_t operations_ = 0;
};

}  // namespace drover::store
