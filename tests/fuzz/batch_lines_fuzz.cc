// Any bytes as an output file of a batch: each line is read or counted, and none depends on the
// others. Any JSON as a batch.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "dialect/openai_batch.h"

using namespace drover::dialect;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const BatchLines read = read_batch_lines(text, openai());
  size_t lines = 0, alone = 0;
  for (std::string_view left = text; !left.empty();) {
    const size_t end = std::min(left.find('\n'), left.size());
    const std::string_view line = drover::trim(left.substr(0, end));
    left.remove_prefix(std::min(left.size(), end + 1));
    if (line.empty()) continue;
    ++lines;
    auto one = read_batch_line(line, azure());
    if (!one) continue;
    if (alone >= read.lines.size() || read.lines[alone].custom_id != one->custom_id) {
      __builtin_trap();
    }
    ++alone;
  }
  if (alone != read.lines.size() || lines != alone + read.unreadable) __builtin_trap();
  auto json = drover::Json::parse(text);
  if (!json) return 0;
  auto batch = read_batch(*json);
  if (batch && (batch->id.empty() || batch->word.empty())) __builtin_trap();
  return 0;
}
