#include "store/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace drover::store {
namespace {

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool ok() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(file_error("writing", path));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<void> write_and_sync(const std::string& path, std::string_view bytes) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.ok()) return fail(file_error("creating", path));
  TRY_VOID(write_all(file.get(), bytes, path));
  if (::fsync(file.get()) != 0) return fail(file_error("syncing", path));
  return {};
}

}  // namespace

Error file_error(std::string_view while_doing, const std::string& path) {
  const int number = errno;
  const std::string what =
      std::string(while_doing) + " " + path + ": " + std::string(std::strerror(number));
  switch (number) {
    case ENOENT:
      return Error(Code::kNotFound, what);
    case EEXIST:
      return Error(Code::kAlreadyExists, what);
    case EACCES:
    case EPERM:
    case EROFS:
      return Error(Code::kPermissionDenied, what + "; check the owner and mode of the folder");
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Error(Code::kResourceExhausted, what + "; free some space", Retry::kAfter)
          .with_reason("disk_full");
    default:
      return Error(Code::kUnavailable, what, Retry::kAfter);
  }
}

Result<void> sync_folder(const std::string& path) {
  Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.ok()) return fail(file_error("opening", path));
  if (::fsync(folder.get()) != 0) return fail(file_error("syncing", path));
  return {};
}

Result<void> make_folder(const std::string& path) {
  if (path.empty() || path_exists(path)) return {};
  const std::string parent = folder_of(path);
  TRY_VOID(make_folder(parent));
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(file_error("creating", path));
  }
  return sync_folder(parent);
}

Result<void> write_file(const std::string& path, std::string_view bytes) {
  static std::atomic<uint64_t> count{0};
  const std::string temporary =
      path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(count.fetch_add(1));
  Result<void> written = write_and_sync(temporary, bytes);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = fail(file_error("renaming to", path));
  }
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return sync_folder(folder_of(path));
}

Result<std::string> read_file(const std::string& path, size_t bytes_max) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return fail(file_error("opening", path));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return fail(file_error("reading", path));
  if (static_cast<size_t>(info.st_size) > bytes_max) {
    return fail(Code::kInvalidArgument,
                path + " has more than " + std::to_string(bytes_max) + " bytes");
  }
  std::string out(static_cast<size_t>(info.st_size), '\0');
  size_t have = 0;
  while (have < out.size()) {
    const ssize_t n = ::read(file.get(), out.data() + have, out.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(file_error("reading", path));
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  out.resize(have);
  return out;
}

bool path_exists(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0;
}

Result<std::vector<std::string>> list_folder(const std::string& path) {
  DIR* dir = ::opendir(path.c_str());
  if (dir == nullptr) return fail(file_error("opening", path));
  std::vector<std::string> out;
  while (const dirent* entry = ::readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") out.emplace_back(name);
  }
  ::closedir(dir);
  std::sort(out.begin(), out.end());
  return out;
}

Result<void> remove_tree(const std::string& path) {
  if (!path_exists(path)) return {};
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) {
    errno = error.value();
    return fail(file_error("removing", path));
  }
  return sync_folder(folder_of(path));
}

}  // namespace drover::store
