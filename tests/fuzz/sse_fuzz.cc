// Any bytes as a stream of server-sent events: the events do not depend on how the stream is cut,
// and what was read is written and read again as the same events.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/sse.h"

namespace {

struct Read {
  std::vector<std::string> events;  // type, data and id of each, behind one another
  bool failed = false;
  bool operator==(const Read&) const = default;
};

constexpr size_t kEventBytesMax = 512;  // small, so that the limit is reached too

Read read_in_pieces(std::string_view text, size_t piece, size_t event_bytes_max = kEventBytesMax) {
  drover::http::SseParser parser(event_bytes_max);
  Read read;
  for (size_t at = 0; at < text.size() && !read.failed; at += piece) {
    parser.feed(text.substr(at, piece));
    while (true) {
      auto event = parser.next();
      if (!event) read.failed = true;
      if (!event || *event == nullptr) break;
      read.events.emplace_back((*event)->event);
      read.events.emplace_back((*event)->data);
      read.events.emplace_back((*event)->last_id);
    }
  }
  if (!read.failed) (void)parser.finish();
  (void)parser.unfinished_data();
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const Read whole = read_in_pieces(text, size + 1);
  if (!(read_in_pieces(text, 1) == whole)) __builtin_trap();
  if (!(read_in_pieces(text, 7) == whole)) __builtin_trap();
  // A type with a NUL in it can be read, but is written with a space there.
  Read expected = whole;
  for (size_t i = 0; i < expected.events.size(); i += 3) {
    std::replace(expected.events[i].begin(), expected.events[i].end(), '\0', ' ');
  }
  std::string written;
  for (size_t i = 0; i + 2 < whole.events.size(); i += 3) {
    drover::http::append_sse_event(written, whole.events[i + 1], whole.events[i],
                                   whole.events[i + 2]);
  }
  // Every event is written with its id and with full field names: longer than it was read.
  Read again = read_in_pieces(written, written.size() + 1, 4 * kEventBytesMax);
  if (again.failed || again.events.size() != expected.events.size()) __builtin_trap();
  for (size_t i = 2; i < expected.events.size(); i += 3) {
    // Writing no id means "as before", while a read stream may have set it back to none.
    if (expected.events[i].empty()) again.events[i].clear();
  }
  if (again.events != expected.events) __builtin_trap();
  return 0;
}
