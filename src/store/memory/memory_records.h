#pragma once
// Records in memory: the reference form. Search walks the namespace; for tests and --dev.
// Loop thread only.

#include <map>

#include "store/memory/memory_disk.h"
#include "store/records.h"

namespace drover::store {

class MemoryRecords final : public Records {
 public:
  explicit MemoryRecords(MemoryDisk& disk) : disk_(disk) {}
  Task<Result<uint64_t>> put(Context ctx, TenantId tenant, Record record,
                             std::optional<uint64_t> expected_version) override;
  Task<Result<Record>> get(Context ctx, TenantId tenant, std::string name_space,
                           std::string key) override;
  Task<Result<std::vector<Record>>> list(Context ctx, TenantId tenant, std::string name_space,
                                         std::string prefix, std::string after,
                                         size_t limit) override;
  Task<Result<bool>> remove(Context ctx, TenantId tenant, std::string name_space,
                            std::string key) override;
  Task<Result<void>> take_over(Context ctx, TenantId tenant, std::vector<Record> records) override;
  Task<Result<uint64_t>> clear(Context ctx, TenantId tenant, std::string name_space) override;
  Task<Result<size_t>> remove_of(Context ctx, TenantId tenant, SessionId session) override;
  Task<Result<std::vector<Removed>>> remove_expired(Context ctx, WallTime until,
                                                    size_t limit) override;
  Task<Result<std::vector<Found>>> search(Context ctx, TenantId tenant, std::string name_space,
                                          std::string query, size_t limit) override;

 private:
  using Space = std::pair<TenantId, std::string>;
  struct Stored {
    Record record;
    int64_t number = 0;  // order of first puts
  };
  using Keys = std::map<std::string, Stored>;
  using Doomed = std::vector<std::pair<Space, std::string>>;
  Task<Result<void>> remove_all(Context ctx, Doomed doomed);
  static std::vector<Found> newest(const Keys& keys, size_t limit, WallTime now);
  static std::vector<Found> ranked(const Keys& keys, const std::vector<std::string>& words,
                                   size_t limit, WallTime now);
  void restore(const Space& space, const std::string& key, const Stored& before);

  MemoryDisk& disk_;
  std::map<Space, Keys> spaces_;
  int64_t next_number_ = 1;
};

}  // namespace drover::store
