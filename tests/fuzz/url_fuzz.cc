// Any bytes as a URL: it is refused, or its parts hold nothing that another parser could read in
// another way, and put together again they are the same URL.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using drover::http::Url;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto url = Url::parse(text);
  if (url) {
    if (url->host.empty() || url->port == 0 || !url->target.starts_with('/')) __builtin_trap();
    if (url->scheme != "http" && url->scheme != "https") __builtin_trap();
    for (unsigned char c : url->host + url->target) {
      if (c <= 0x20 || c >= 0x7f || c == '#' || c == '\\') __builtin_trap();
    }
    if (url->host.find_first_of("@/?[]%") != std::string::npos) __builtin_trap();
    auto again = Url::parse(url->origin() + url->target);
    if (!again || again->host != url->host || again->port != url->port ||
        again->target != url->target || again->scheme != url->scheme) {
      __builtin_trap();
    }
  }
  drover::http::RequestHead head;
  head.target = text;
  (void)head.query_param("a");
  return 0;
}
