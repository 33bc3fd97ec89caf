// Any lines as the data of a chat completions stream: it ends with an answer or an error, a glance
// sees what the decoder sees, and the answer survives our own encoder.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dialect/openai_chunks.h"
#include "dialect/openai_scan.h"
#include "stream_check.h"

namespace {

using namespace drover::dialect;

void check_glance(const WireEvent& event) {
  std::vector<drover::contract::StreamDelta> deltas;
  auto decoder = openai().make_stream_decoder();
  if (!decoder->feed(event, deltas) || decoder->ended() || event.data.empty()) return;
  auto glance = glance_openai(event.data);
  bool visible = false;
  for (const auto& d : deltas) visible = visible || drover::contract::is_visible(d);
  if (!glance || (visible && !glance->visible)) __builtin_trap();
}

/// What is known by its likeness to the chunk before is what a glance sees.
void check_likeness(OpenAiChunks& chunks, std::string_view data) {
  auto glance = glance_openai(data);
  if (auto said = chunks.only_text(data)) {
    bool same = glance && glance->visible_bytes == *said && glance->visible == (*said > 0) &&
                !glance->is_error && !glance->usage && !glance->finish_reason;
    if (!same) __builtin_trap();
  }
  (void)chunks.look(data);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<WireEvent> events;
  OpenAiChunks chunks;
  while (!text.empty() && events.size() < 64) {
    size_t end = std::min(text.find('\n'), text.size());
    events.push_back(WireEvent{"", std::string(text.substr(0, end)), false});
    text.remove_prefix(std::min(end + 1, text.size()));
    check_glance(events.back());
    check_likeness(chunks, events.back().data);
  }
  drover::fuzz::check_stream(openai(), events);
  drover::fuzz::check_stream(azure(), events);
  if (!events.empty()) {
    (void)openai().decode_response(events[0].data);
    (void)openai().classify_error(500, HeaderLookup(), events[0].data);
  }
  return 0;
}
