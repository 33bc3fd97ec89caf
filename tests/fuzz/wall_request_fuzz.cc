// Any bytes as a request to an upstream of the wall: it is not whole, or its parts are of the
// bytes.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sim/wall/upstreams.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto request = drover::sim::wall::read_request(bytes);
  if (!request) return 0;
  if (request->body.size() > size || request->path.size() > size) __builtin_trap();
  if (bytes.find(request->path) == std::string_view::npos) __builtin_trap();
  if (bytes.find(request->key) == std::string_view::npos) __builtin_trap();
  return 0;
}
