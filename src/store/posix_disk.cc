#include "store/posix_disk.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "store/files.h"

namespace drover::store {
namespace {

/// Zeros to write. Never written to: all of it is one page of the kernel's.
char zeros[128 << 10];

class PosixFile final : public Disk::File {
 public:
  PosixFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile() override {
    if (mapped_ != nullptr) ::munmap(mapped_, mapped_bytes_);
    ::close(fd_);
  }

  Result<void> write_at(uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail(file_error("writing", path_));
      bytes.remove_prefix(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    return {};
  }

  Result<std::string> read_at(uint64_t offset, size_t size) override {
    std::string out(size, '\0');
    size_t have = 0;
    while (have < size) {
      const ssize_t n =
          ::pread(fd_, out.data() + have, size - have, static_cast<off_t>(offset + have));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail(file_error("reading", path_));
      if (n == 0) break;
      have += static_cast<size_t>(n);
    }
    out.resize(have);
    return out;
  }

  Result<uint64_t> size() override {
    struct stat info{};
    if (::fstat(fd_, &info) != 0) return fail(file_error("looking at", path_));
    return static_cast<uint64_t>(info.st_size);
  }

  Result<void> sync() override {
    if (sync_failed_) {
      return fail(Code::kUnavailable, "syncing " + path_ + " failed before; it is not trusted");
    }
    if (::fdatasync(fd_) == 0) return {};
    sync_failed_ = true;
    return fail(file_error("syncing", path_));
  }

  void begin_sync(uint64_t offset, uint64_t size) override {
    ::sync_file_range(fd_, static_cast<off_t>(offset), static_cast<off_t>(size),
                      SYNC_FILE_RANGE_WRITE);
  }

  Result<void> truncate(uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) == 0) return {};
    return fail(file_error("cutting", path_));
  }

  Result<void> allocate(uint64_t offset, uint64_t size) override {
    if (offset >= size) return {};
    const int error =
        ::posix_fallocate(fd_, static_cast<off_t>(offset), static_cast<off_t>(size - offset));
    if (error == 0) return {};
    errno = error;
    return fail(file_error("reserving space for", path_));
  }

  Result<char*> map(uint64_t size) override {
    if (mapped_ != nullptr) return fail(Code::kFailedPrecondition, path_ + " is mapped already");
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (at == MAP_FAILED) return fail(file_error("mapping", path_));
    mapped_ = static_cast<char*>(at);
    mapped_bytes_ = size;
    return mapped_;
  }

  /// By writing the zeros that are there: so the kernel makes few large pieces of its memory, which
  /// are present and writable at the first touch. A page fault for each page takes five times as
  /// long (2.8 us on ext4), for its part of the file system's journal, and so does populating the
  /// mapping (madvise), which does the same page by page. What cannot be written now faults later.
  void expect(uint64_t offset, uint64_t size) override {
    while (size > 0) {
      const uint64_t some = std::min<uint64_t>(size, sizeof zeros);
      const ssize_t n = ::pwrite(fd_, zeros, some, static_cast<off_t>(offset));
      if (n <= 0) return;
      offset += static_cast<uint64_t>(n);
      size -= static_cast<uint64_t>(n);
    }
  }

 private:
  std::string path_;
  int fd_;
  char* mapped_ = nullptr;
  uint64_t mapped_bytes_ = 0;
  bool sync_failed_ = false;
};

}  // namespace

Result<std::unique_ptr<Disk::File>> PosixDisk::open(const std::string& path, Mode mode) {
  int flags = O_CLOEXEC;
  flags |= mode == Mode::kRead ? O_RDONLY : O_RDWR;
  if (mode == Mode::kCreate) flags |= O_CREAT | O_EXCL;
  const int fd = ::open(path.c_str(), flags, 0600);
  if (fd < 0) return fail(file_error(mode == Mode::kCreate ? "creating" : "opening", path));
  std::unique_ptr<File> file = std::make_unique<PosixFile>(path, fd);
  return file;
}

Result<void> PosixDisk::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return fail(file_error("renaming to", to));
}

Result<void> PosixDisk::remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return {};
  return fail(file_error("removing", path));
}

Result<std::vector<std::string>> PosixDisk::list(const std::string& folder) {
  return list_folder(folder);
}

Result<void> PosixDisk::make_folder(const std::string& path) { return store::make_folder(path); }

Result<void> PosixDisk::sync_folder(const std::string& path) { return store::sync_folder(path); }

}  // namespace drover::store
