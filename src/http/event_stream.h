#pragma once
// AWS event stream framing (application/vnd.amazon.eventstream), both directions: what Bedrock's
// ConverseStream and InvokeModelWithResponseStream answer with. Pure: bytes in, messages out.
//
//   total length u32 | headers length u32 | CRC-32 of those 8 | headers | payload | CRC-32 of all
//   header = name length u8 | name | type u8 | value          (all big-endian)
//
// Ownership: the decoder owns a buffer; a message it gives is views into that buffer, valid until
// the next call of feed() or next(). Threads: one decoder, one thread.
// Failure: data_loss (a CRC differs, the stream ends inside a message) or invalid_argument (a
// message that no encoder may write). After a failure the decoder repeats it: framing is lost.
// Limits: limits::kEventStreamBytesMax a message, limits::kEventStreamHeaderBytesMax of headers.
// The prelude is checked as soon as it is there, so a wrong length is not waited for. Source: the
// event stream encoding in AWS's Transcribe and SDK documentation; PROTOCOLS 5.3.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits/http.h"
#include "base/result.h"

namespace drover::http {

/// The ten header types; the numbers are the wire's.
enum class EventHeaderType : uint8_t {
  kTrue = 0,
  kFalse = 1,
  kByte = 2,
  kInt16 = 3,
  kInt32 = 4,
  kInt64 = 5,
  kBytes = 6,
  kString = 7,
  kTimestamp = 8,
  kUuid = 9,
};

struct EventHeader {
  std::string_view name;
  EventHeaderType type = EventHeaderType::kString;
  /// Byte, int16, int32, int64; a timestamp's milliseconds since 1970.
  int64_t number = 0;
  /// Bytes, string (UTF-8), or a UUID's 16 bytes.
  std::string_view bytes;

  static EventHeader text(std::string_view name, std::string_view value) {
    return {name, EventHeaderType::kString, 0, value};
  }
  static EventHeader boolean(std::string_view name, bool value) {
    return {name, value ? EventHeaderType::kTrue : EventHeaderType::kFalse, 0, {}};
  }
  bool operator==(const EventHeader&) const = default;
};

struct EventMessage {
  std::vector<EventHeader> headers;
  std::string_view payload;

  /// The first header of that name, or null.
  const EventHeader* find(std::string_view name) const;
  /// The value of a string header (":event-type"); empty if absent or of another type.
  std::string_view text(std::string_view name) const;
};

/// Appends one framed message. Refuses names of 0 or more than 255 bytes, values that do not fit
/// their type, and messages beyond the limits; `out` is then unchanged.
Result<void> append_event_message(std::string& out, std::span<const EventHeader> headers,
                                  std::string_view payload);

/// Decodes a stream that arrives in arbitrary chunks.
class EventStreamDecoder {
 public:
  explicit EventStreamDecoder(size_t message_bytes_max = limits::kEventStreamBytesMax)
      : message_bytes_max_(message_bytes_max) {}

  /// Takes the next bytes of the stream (copied).
  void feed(std::string_view chunk);
  /// The next whole message, or null when more bytes are needed. The pointer is to the decoder's
  /// own message and lives as long as its views: until the next feed() or next().
  Result<const EventMessage*> next();
  /// To be called at the end of the stream: fails if it ended inside a message.
  Result<void> finish() const;

 private:
  Failure break_off(Error error);
  Result<void> read_headers(std::string_view bytes);

  const size_t message_bytes_max_;
  std::string buffer_;
  size_t start_ = 0;         // of the first message not yet given
  size_t message_size_ = 0;  // known once its prelude was checked
  EventMessage message_;
  std::optional<Error> broken_;
};

}  // namespace drover::http
