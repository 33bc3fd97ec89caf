#pragma once
// CRC-32 as zlib, gzip and AWS event streams use it (polynomial 0xEDB88320, reflected). It finds
// damage, not malice: for anything an adversary may touch use crypto/sha256.h or crypto/hmac.h.

#include <cstdint>
#include <string_view>

namespace drover {

/// The checksum of `bytes`; pass the checksum of what came before to go on with it.
uint32_t crc32(std::string_view bytes, uint32_t before = 0);

}  // namespace drover
