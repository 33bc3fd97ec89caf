#include "base/crc32.h"

#include <zlib.h>

namespace drover {

uint32_t crc32(std::string_view bytes, uint32_t before) {
  // crc32_z takes a size_t; a null buffer would reset the sum, so an empty view is answered here.
  if (bytes.empty()) return before;
  return static_cast<uint32_t>(
      ::crc32_z(before, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

}  // namespace drover
