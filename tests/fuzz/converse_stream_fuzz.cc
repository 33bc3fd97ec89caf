// Any lines "type data" (or "!type data" for exceptions) as a ConverseStream: it ends with an
// answer or an error, and the answer survives our own encoder.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "stream_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace drover::dialect;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<WireEvent> events;
  while (!text.empty() && events.size() < 64) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    WireEvent event;
    event.exception = line.starts_with('!');
    if (event.exception) line.remove_prefix(1);
    size_t space = std::min(line.find(' '), line.size());
    event.type = std::string(line.substr(0, space));
    event.data = std::string(line.substr(std::min(space + 1, line.size())));
    events.push_back(std::move(event));
  }
  drover::fuzz::check_stream(converse(), events);
  if (!events.empty()) {
    (void)converse().decode_response(events[0].data);
    (void)converse().classify_error(400, HeaderLookup(), events[0].data);
  }
  return 0;
}
