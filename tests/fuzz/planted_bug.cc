// Not a test of Drover but of its fuzzing: behind the real JSON parser stands a bug, a read past
// the end of a buffer, that only documents of one shape reach. `make test` fails unless it is found
// from the seeds of the JSON target within a bound. If this goes unfound, so would a real one.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace {

/// Copies at most two items, or so its author thought.
size_t sum_of_lengths(const drover::Json::Array& items) {
  std::vector<size_t> lengths(2);
  for (size_t i = 0; i < items.size() && i <= lengths.size(); ++i) {
    const std::string* text = items[i].string();
    lengths[i] = text == nullptr ? 0 : text->size();  // i == 2 is one past the end
  }
  size_t sum = 0;
  for (size_t length : lengths) sum += length;
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto parsed = drover::Json::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!parsed || parsed->array_items() == nullptr) return 0;
  const drover::Json::Array& items = *parsed->array_items();
  // Three or more items, the first of them a string: no seed has that shape.
  if (items.empty() || !items[0].is_string()) return 0;
  volatile size_t sum = sum_of_lengths(items);
  (void)sum;
  return 0;
}
