// Any bytes as an AWS event stream. Two CRCs stand in front of everything, so the input also serves
// as a description of messages: these are framed, read back whole and in pieces, and one damaged
// byte must never give a different message.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/event_stream.h"

namespace {

using drover::http::EventHeader;
using drover::http::EventHeaderType;
using drover::http::EventMessage;
using drover::http::EventStreamDecoder;

/// What the stream held up to its end or its first fault, as one string.
std::string read_in_pieces(std::string_view bytes, size_t piece, bool* failed) {
  EventStreamDecoder decoder(4096);
  std::string seen;
  *failed = false;
  for (size_t at = 0; at < bytes.size() && !*failed; at += piece) {
    decoder.feed(bytes.substr(at, piece));
    while (true) {
      auto message = decoder.next();
      if (!message) *failed = true;
      if (!message || *message == nullptr) break;
      for (const EventHeader& header : (*message)->headers) {
        seen.append(header.name).append(1, '=').append(header.bytes);
        seen += std::to_string(static_cast<int>(header.type)) + ":" + std::to_string(header.number);
      }
      seen.append(1, '|').append((*message)->payload).append(1, '\n');
    }
  }
  if (!*failed && !decoder.finish()) *failed = true;
  return seen;
}

void check_pieces(std::string_view bytes) {
  bool whole_failed = false;
  bool failed = false;
  const std::string whole = read_in_pieces(bytes, bytes.size() + 1, &whole_failed);
  if (read_in_pieces(bytes, 1, &failed) != whole || failed != whole_failed) __builtin_trap();
  if (read_in_pieces(bytes, 13, &failed) != whole || failed != whole_failed) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  check_pieces(text);
  if (size < 4) return 0;

  const auto type = static_cast<EventHeaderType>(data[0] % 12);  // two of them do not exist
  const size_t name_size = data[1];
  const size_t value_size = data[2];
  const size_t damage = data[3];
  text.remove_prefix(4);
  EventHeader header;
  header.name = text.substr(0, name_size);
  text.remove_prefix(header.name.size());
  header.type = type;
  header.bytes = text.substr(0, value_size);
  text.remove_prefix(header.bytes.size());
  header.number = static_cast<int64_t>(value_size) - 100;
  std::string framed;
  const std::vector<EventHeader> headers = {header, EventHeader::text(":event-type", "x")};
  if (!drover::http::append_event_message(framed, headers, text.substr(0, 3000))) {
    if (!framed.empty()) __builtin_trap();
    return 0;
  }
  bool failed = false;
  const std::string seen = read_in_pieces(framed, framed.size(), &failed);
  if (failed || seen.empty()) __builtin_trap();
  check_pieces(framed);
  framed[damage % framed.size()] ^= 1;
  const std::string damaged = read_in_pieces(framed, framed.size(), &failed);
  if (!failed || !damaged.empty()) __builtin_trap();
  return 0;
}
