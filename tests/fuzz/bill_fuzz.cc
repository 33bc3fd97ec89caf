// Any bytes as a provider's bill: what was read is written as JSON Lines and read again as the same
// rows.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "trace/bill.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto rows = drover::trace::read_bill(text);
  if (!rows || rows->empty()) return 0;
  const std::string written = drover::trace::write_bill(*rows);
  auto again = drover::trace::read_bill(written);
  // Texts that are not UTF-8 have no JSON.
  if (!again) return 0;
  if (again->size() != rows->size()) __builtin_trap();
  for (size_t i = 0; i < rows->size(); ++i) {
    if ((*again)[i].usage != (*rows)[i].usage || (*again)[i].cost != (*rows)[i].cost ||
        (*again)[i].tier != drover::trim((*rows)[i].tier) ||
        (*again)[i].provider != drover::trim((*rows)[i].provider)) {
      __builtin_trap();
    }
  }
  return 0;
}
