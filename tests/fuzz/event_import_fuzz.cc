// Any bytes as an export: each line is an event or an error, and an event that was read is written
// and read again as the same bytes.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "contract/validate.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace drover::contract;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)check_export(text);
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    auto event = decode_event(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!event) continue;
    (void)validate_event(*event);
    std::string line = encode_event(*event);
    auto again = decode_event(line);
    if (!again || encode_event(*again) != line) __builtin_trap();
    if (envelope_bytes(*again) != envelope_bytes(*event)) __builtin_trap();
  }
  return 0;
}
