#pragma once
// store/disk.h over the machine's file system. Any thread. fsync failures are final for the file:
// the kernel may have dropped the pages, so each later sync of it fails as well.

#include "store/disk.h"

namespace drover::store {

class PosixDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<void> make_folder(const std::string& path) override;
  Result<void> sync_folder(const std::string& path) override;
};

}  // namespace drover::store
