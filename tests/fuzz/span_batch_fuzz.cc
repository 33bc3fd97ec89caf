// Any bytes as a batch of stored spans: refused, or spans that are the same when they are written
// and read again, and whose attributes are JSON.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "store/span_batch.h"

using namespace drover::store;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // As attributes alone, which chance seldom gives a batch around them.
  if (auto attributes = SpanAttributes::from_bytes(bytes)) {
    if (!attributes->json().is_object() || attributes->bytes() != bytes) __builtin_trap();
  }
  std::vector<SpanRow> rows;
  if (!read_spans(bytes, SpanQuery(), rows)) return 0;
  const auto batch = batch_of(rows);
  std::vector<SpanRow> again;
  if (!read_spans(batch->bytes(), SpanQuery(), again) || again.size() != rows.size()) {
    __builtin_trap();
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (again[i].attributes.json() != rows[i].attributes.json()) __builtin_trap();
    if (again[i].events != rows[i].events || again[i].span_kind != rows[i].span_kind) {
      __builtin_trap();
    }
  }
  if (batch_of(again)->bytes() != batch->bytes()) __builtin_trap();
  return 0;
}
