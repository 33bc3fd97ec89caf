#pragma once
// The folder that holds all that Drover keeps: the journal in log/ (log/FORMAT.md) with its index
// in index.db, everything else in drover.db (with its log beside it) and blobs/, and `lock`.
// Opening makes it (mode 0700) and locks it, so that one process owns it; the lock goes with the
// process, also when it is killed. Format versions stand in the database (sqlite/schema.h) and in
// each segment.
//
// Blocking; at start-up, on any thread. Failure: kFailedPrecondition names the process that holds
// the folder; otherwise what the file system says, with the path.

#include <memory>
#include <string>

#include "base/result.h"

namespace drover::store {

class DataFolder {
 public:
  static Result<std::unique_ptr<DataFolder>> open(const std::string& path);
  ~DataFolder();
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  DataFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::string path_;
  int lock_;
};

}  // namespace drover::store
