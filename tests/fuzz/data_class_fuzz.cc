// Any text as a data class: what is read is written and read again as the same, joining it with
// anything never loses what it demands, and two texts in one are their join.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/limits/data_class.h"
#include "contract/data_class.h"

using drover::contract::DataClass;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  size_t cut = text.find('\n');
  std::string_view left = text.substr(0, cut);
  std::string_view right = cut == std::string_view::npos ? "" : text.substr(cut + 1);
  auto a = DataClass::parse(left);
  auto b = DataClass::parse(right);
  if (a) {
    auto again = DataClass::parse(a->text());
    if (!again || !(*again == *a)) __builtin_trap();
  }
  if (!a || !b) return 0;
  DataClass both = drover::contract::join(*a, *b);
  if (!(both == drover::contract::join(*b, *a))) __builtin_trap();
  if (!(drover::contract::join(both, *a) == both)) __builtin_trap();
  if (both.sensitivity < a->sensitivity || both.keep_s > b->keep_s) __builtin_trap();
  if (left.empty() || right.empty()) return 0;
  const std::string one = std::string(left) + ';' + std::string(right);
  if (one.size() > drover::limits::kDataClassBytesMax) return 0;
  auto together = DataClass::parse(one);
  if (!together || !(*together == both)) __builtin_trap();
  return 0;
}
