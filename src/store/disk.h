#pragma once
// The disk as the store's own files see it: the seam under the segmented log and whatever else
// keeps files of its own. posix_disk.h is the real one, memory/sim_disk.h the simulated one, which
// forgets on a crash what was not synced.
//
//   TRY(auto file, disk.open("/data/log/00000001.seg", Disk::Mode::kCreate));
//   TRY_VOID(file->write_at(0, bytes));
//   TRY_VOID(file->sync());               // the bytes are durable
//   TRY_VOID(disk.sync_folder("/data/log"));  // and so is the file's name
//
// Blocking: call it on an executor or at start-up. Any thread, but a File by one at a time, except
// read_at, which may run beside anything. Failure: kNotFound, kAlreadyExists, kResourceExhausted
// (the disk is full: a part may have been written), kPermissionDenied, kUnavailable (the disk
// failed). After a failed sync nothing is known of what was written since the last good one.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::store {

class Disk {
 public:
  class File {
   public:
    virtual ~File() = default;
    /// Writes all bytes there; the file grows as needed.
    virtual Result<void> write_at(uint64_t offset, std::string_view bytes) = 0;
    /// At most `size` bytes from there; fewer at the end of the file.
    virtual Result<std::string> read_at(uint64_t offset, size_t size) = 0;
    virtual Result<uint64_t> size() = 0;
    /// Returns once everything written to the file is durable.
    virtual Result<void> sync() = 0;
    /// Has the disk begin with these bytes, written just now, and does not wait for it: the sync()
    /// that must follow has the less to wait for. A hint; what fails is said by sync().
    virtual void begin_sync(uint64_t offset, uint64_t size) {}
    virtual Result<void> truncate(uint64_t size) = 0;
    /// Grows the file to `size` by zeros from `offset` on, so that writing there later needs no new
    /// space, and its sync nothing but the bytes.
    virtual Result<void> allocate(uint64_t offset, uint64_t size) = 0;
    /// The first `size` bytes, which must be allocated, as memory: what is stored there is in the
    /// file at once, for other processes and whatever becomes of this one; durable after sync().
    /// Valid as long as this object. kUnimplemented: use write_at().
    virtual Result<char*> map(uint64_t size) {
      return fail(Code::kUnimplemented, "this disk maps no files");
    }
    /// Has these bytes of a mapped file at hand, at once for all of them, where each page would be
    /// fetched when it is first stored to. A hint. May run beside sync(). REQUIRES that nothing was
    /// stored there yet.
    virtual void expect(uint64_t offset, uint64_t size) {}
    /// Writes at the end.
    Result<void> append(std::string_view bytes) {
      TRY(uint64_t end, size());
      return write_at(end, bytes);
    }
  };

  enum class Mode {
    kRead,    // must exist
    kWrite,   // must exist
    kCreate,  // must not exist; its name is durable after sync_folder()
  };

  virtual ~Disk() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) = 0;
  /// Replaces `to`; durable after sync_folder().
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  /// Durable after sync_folder().
  virtual Result<void> remove(const std::string& path) = 0;
  /// Names of the files in a folder, sorted.
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;
  /// Makes a folder and those above it, durably. Fine if it is there.
  virtual Result<void> make_folder(const std::string& path) = 0;
  virtual Result<void> sync_folder(const std::string& path) = 0;
};

}  // namespace drover::store
