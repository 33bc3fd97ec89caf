#pragma once
// CRC-32C (Castagnoli, polynomial 0x82F63B78, reflected), as iSCSI, ext4 and most logs use it: the
// processor has an instruction for it. It finds damage, not malice (base/crc32.h says more).

#include <cstdint>
#include <string_view>

namespace drover {

/// The checksum of `bytes`; pass the checksum of what came before to go on with it.
uint32_t crc32c(std::string_view bytes, uint32_t before = 0);

}  // namespace drover
