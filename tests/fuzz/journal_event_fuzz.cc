// Any bytes as a line of an exported session: refused, or an event whose export is, from then on,
// the same bytes, with whatever fields it had that this version does not know.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "contract/event.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view line(reinterpret_cast<const char*>(data), size);
  auto event = drover::contract::decode_event(line);
  if (!event) return 0;
  const std::string written = drover::contract::encode_event(*event);
  auto again = drover::contract::decode_event(written);
  if (!again || drover::contract::encode_event(*again) != written) __builtin_trap();
  if (again->payload != event->payload || again->extra != event->extra) __builtin_trap();
  if (drover::contract::envelope_bytes(*again) != drover::contract::envelope_bytes(*event)) {
    __builtin_trap();
  }
  return 0;
}
