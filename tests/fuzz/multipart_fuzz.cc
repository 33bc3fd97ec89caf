// Any bytes as an uploaded form: what was read is written and read again as the same parts.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/multipart.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = text.find('\n');
  if (line == std::string_view::npos) return 0;
  auto parts = drover::http::parse_form(text.substr(0, line), text.substr(line + 1));
  if (!parts) return 0;
  const std::string boundary = "b0undary";
  for (const auto& part : *parts) {
    // What is written must be writable: see encode_form().
    for (const std::string* name : {&part.name, &part.filename}) {
      if (name->find_first_of("\"\\\r\n:;") != std::string::npos || *name != name->c_str())
        return 0;
    }
    if (part.body.find(boundary) != std::string::npos) return 0;
    if (part.name.size() + part.filename.size() > 1000) return 0;
  }
  const auto form = drover::http::encode_form(*parts, boundary);
  auto again = drover::http::parse_form(form.content_type, form.body);
  if (!again || *again != *parts) __builtin_trap();
  return 0;
}
