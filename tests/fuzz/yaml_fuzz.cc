// Any bytes as drover.yaml: reading ends with a configuration or with faults that name a line.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "app/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto none = [](const std::string& path) -> drover::Result<std::string> {
    return drover::fail(drover::Code::kNotFound, path + ": no files here");
  };
  drover::app::ConfigOutcome outcome = drover::app::parse_config("drover.yaml", text, none);
  for (const drover::app::ConfigFault& fault : outcome.faults) {
    if (fault.line < 1 || fault.message.empty()) __builtin_trap();
  }
  return 0;
}
