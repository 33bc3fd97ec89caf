#include "store/compress.h"

#include <zstd.h>

#include "base/assert.h"

namespace drover::store {

std::string compress(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 1);
  DROVER_ASSERT(ZSTD_isError(size) == 0);  // only too little room, or no memory
  out.resize(size);
  return out;
}

Result<std::string> decompress(std::string_view packed, size_t bytes_max) {
  const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return fail(Code::kDataLoss, "compressed bytes are damaged");
  }
  if (size > bytes_max) {
    return fail(Code::kResourceExhausted, "compressed bytes would have " + std::to_string(size) +
                                              ", more than the " + std::to_string(bytes_max) +
                                              " allowed");
  }
  std::string out(size, '\0');
  const size_t got = ZSTD_decompress(out.data(), out.size(), packed.data(), packed.size());
  if (ZSTD_isError(got) != 0 || got != size) {
    return fail(Code::kDataLoss, "compressed bytes are damaged");
  }
  return out;
}

}  // namespace drover::store
