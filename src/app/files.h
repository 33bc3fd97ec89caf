#pragma once
// Small files, read whole. Errors name the path and what to do.

#include <string>

#include "base/result.h"

namespace drover::app {

Result<std::string> read_small_file(const std::string& path);
/// What a command was given to read: a file of any size, or standard input ("-").
Result<std::string> read_input(const std::string& path);
/// Makes the folder (mode 0700) and its parents.
Result<void> make_folder(const std::string& path);
/// A new folder of this user alone below the system's temporary one; nothing removes it.
Result<std::string> make_temporary_folder(const std::string& prefix);
bool file_exists(const std::string& path);

}  // namespace drover::app
