// Any bytes as a Converse request: what was read is written and read again as the same request.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dialect/dialect.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace drover::dialect;
  auto request = converse().decode_request({reinterpret_cast<const char*>(data), size});
  if (!request) return 0;
  auto first = converse().encode_request(*request);
  if (!first) return 0;  // it holds what the neutral form has no place for, and says so
  auto again = converse().decode_request(first->body);
  if (!again) __builtin_trap();
  auto second = converse().encode_request(*again);
  if (!second || second->body != first->body) __builtin_trap();
  (void)openai().encode_request(*request);
  return 0;
}
