#include "store/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "store/files.h"

namespace drover::store {
namespace {

/// The process that wrote its number into the lock file, for the message; "" if unknown.
std::string holder(const std::string& path) {
  Result<std::string> text = read_file(path, 64);
  if (!text) return "";
  const size_t end = text->find_first_not_of("0123456789");
  return text->substr(0, end);
}

}  // namespace

Result<std::unique_ptr<DataFolder>> DataFolder::open(const std::string& path) {
  TRY_VOID(make_folder(path));
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return fail(file_error("looking at", path));
  if (!S_ISDIR(info.st_mode)) {
    return fail(Code::kFailedPrecondition, path + " is not a folder: name another data folder");
  }
  const std::string lock_path = path + "/lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return fail(file_error("opening", lock_path));
  std::unique_ptr<DataFolder> folder(new DataFolder(path, lock));
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(file_error("locking", lock_path));
    const std::string pid = holder(lock_path);
    return fail(Code::kFailedPrecondition, "the data folder " + path +
                                               " is in use by another drover" +
                                               (pid.empty() ? "" : " (process " + pid + ")") +
                                               ": stop it, or name another folder");
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock, 0) != 0 || ::pwrite(lock, pid.data(), pid.size(), 0) < 0) {
    return fail(file_error("writing", lock_path));
  }
  return folder;
}

DataFolder::~DataFolder() { ::close(lock_); }

}  // namespace drover::store
