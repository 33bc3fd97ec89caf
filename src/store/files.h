#pragma once
// The few file operations that the store needs beside SQLite's own, each durable on return.
// Blocking: call them on the store's executor or at start-up. Errors name the path and what to do:
// disk full → kResourceExhausted, missing → kNotFound, else kUnavailable or kPermissionDenied.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::store {

/// The error for the calling thread's errno.
Error file_error(std::string_view while_doing, const std::string& path);
/// Makes the folder and its parents below an existing one, mode 0700. Fine if it is there.
Result<void> make_folder(const std::string& path);
/// Writes a file so that either all of it is there after a crash or nothing: a temporary file,
/// synced, renamed, and the folder synced. Mode 0600.
Result<void> write_file(const std::string& path, std::string_view bytes);
/// Reads a whole file of at most `bytes_max`.
Result<std::string> read_file(const std::string& path, size_t bytes_max);
bool path_exists(const std::string& path);
/// Names in a folder, sorted, without . and ..
Result<std::vector<std::string>> list_folder(const std::string& path);
/// Removes a folder and all in it; fine if there is none.
Result<void> remove_tree(const std::string& path);
Result<void> sync_folder(const std::string& path);

}  // namespace drover::store
