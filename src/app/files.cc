#include "app/files.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "app/api_client.h"
#include "base/limits/config.h"

namespace drover::app {

bool file_exists(const std::string& path) {
  struct stat s{};
  return stat(path.c_str(), &s) == 0;
}

Result<void> make_folder(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    std::string part = path.substr(0, slash);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return fail(Code::kPermissionDenied,
                  "cannot make folder " + part + ": " + std::strerror(errno));
    }
    if (slash == std::string::npos) return {};
  }
}

Result<std::string> make_temporary_folder(const std::string& prefix) {
  std::string path = (std::filesystem::temp_directory_path() / (prefix + "-XXXXXX")).string();
  if (mkdtemp(path.data()) != nullptr) return path;
  return fail(Code::kPermissionDenied,
              "cannot make a temporary folder at " + path + ": " + std::strerror(errno));
}

Result<std::string> read_small_file(const std::string& path) {
  struct stat s{};
  if (stat(path.c_str(), &s) != 0) {
    Code code = errno == ENOENT ? Code::kNotFound : Code::kPermissionDenied;
    return fail(code, path + ": " + std::strerror(errno));
  }
  if (S_ISDIR(s.st_mode)) return fail(Code::kInvalidArgument, path + " is a folder, not a file");
  if (static_cast<size_t>(s.st_size) > limits::kConfigBytesMax) {
    return fail(Code::kInvalidArgument,
                path + " is larger than " + std::to_string(limits::kConfigBytesMax) + " bytes");
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return fail(Code::kPermissionDenied, path + ": cannot be read");
  return text.str();
}

Result<std::string> read_input(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
    return std::move(text).str();
  }
  std::ifstream in(path, std::ios::binary);
  if (in) text << in.rdbuf();
  if (!in) return usage_error("cannot read " + path + ": " + std::strerror(errno));
  return std::move(text).str();
}

}  // namespace drover::app
