// Any bytes as JSON: parsing ends with a document or an error, and what was parsed is written and
// read again as the same document.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto parsed = drover::Json::parse(text);
  if (!parsed) return 0;
  std::string written = parsed->dump();
  auto again = drover::Json::parse(written);
  if (!again || !(*again == *parsed) || again->dump() != written) __builtin_trap();
  auto indented = drover::Json::parse(parsed->pretty());
  if (!indented || !(*indented == *parsed)) __builtin_trap();
  return 0;
}
