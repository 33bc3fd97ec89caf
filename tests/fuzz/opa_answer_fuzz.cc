// Any text as an external authoriser's answer: it allows, and speaks of, nothing but what it was
// asked about, and reading it again gives the same.

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/limits/policy.h"
#include "road/opa.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::set<std::string> kAsked = {"a", "b", "endpoint/c"};
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto answer = drover::road::read_opa_answer(text, kAsked);
  if (!answer) return 0;
  for (const std::string& id : answer->allowed) {
    if (kAsked.count(id) == 0) __builtin_trap();
  }
  for (const auto& [id, why] : answer->why) {
    if (kAsked.count(id) == 0 || why.size() > drover::limits::kOpaReasonBytesMax) __builtin_trap();
  }
  auto again = drover::road::read_opa_answer(text, kAsked);
  if (!again || again->allowed != answer->allowed) __builtin_trap();
  return 0;
}
