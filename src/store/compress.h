#pragma once
// Compression of what is stored (zstd). Pure; any thread.

#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::store {

/// Quick rather than small (level 1).
std::string compress(std::string_view bytes);
/// kDataLoss when it is not what compress() gave; kResourceExhausted above `bytes_max`.
Result<std::string> decompress(std::string_view packed, size_t bytes_max);

}  // namespace drover::store
