#include "http/event_stream.h"

#include <limits>
#include <utility>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/limits/http.h"

namespace drover::http {
namespace {

constexpr size_t kPreludeBytes = 8;
constexpr size_t kCrcBytes = 4;
constexpr size_t kHeadersAt = kPreludeBytes + kCrcBytes;
constexpr size_t kFrameBytes = kHeadersAt + kCrcBytes;  // a message without headers and payload
constexpr size_t kNameBytesMax = 255;
constexpr size_t kValueBytesMax = 65'535;
constexpr size_t kUuidBytes = 16;

/// Bytes of a big-endian integer type, or 0 for the other types.
size_t integer_size(EventHeaderType type) {
  switch (type) {
    case EventHeaderType::kByte:
      return 1;
    case EventHeaderType::kInt16:
      return 2;
    case EventHeaderType::kInt32:
      return 4;
    case EventHeaderType::kInt64:
    case EventHeaderType::kTimestamp:
      return 8;
    default:
      return 0;
  }
}

void put(std::string& out, uint64_t value, size_t size) {
  for (size_t i = size; i-- > 0;) out += static_cast<char>(value >> (8 * i));
}

uint64_t get(std::string_view bytes) {
  uint64_t value = 0;
  for (char c : bytes) value = (value << 8) | static_cast<uint8_t>(c);
  return value;
}

uint32_t get32(std::string_view bytes, size_t at) {
  return static_cast<uint32_t>(get(bytes.substr(at, 4)));
}

int64_t get_signed(std::string_view bytes) {
  const int unused_bits = 64 - 8 * static_cast<int>(bytes.size());
  return static_cast<int64_t>(get(bytes) << unused_bits) >> unused_bits;
}

bool fits(int64_t value, size_t size) {
  const int unused_bits = 64 - 8 * static_cast<int>(size);
  return static_cast<int64_t>(static_cast<uint64_t>(value) << unused_bits) >> unused_bits == value;
}

Result<void> append_header(std::string& out, const EventHeader& header) {
  if (header.name.empty() || header.name.size() > kNameBytesMax) {
    return fail(Code::kInvalidArgument, "event stream: a header name has 1 to 255 bytes");
  }
  // Readers refuse a whole stream for one such header, ours among them.
  if (!is_utf8(header.name) ||
      (header.type == EventHeaderType::kString && !is_utf8(header.bytes))) {
    return fail(Code::kInvalidArgument, "event stream: a header is not UTF-8");
  }
  put(out, header.name.size(), 1);
  out += header.name;
  put(out, static_cast<uint8_t>(header.type), 1);
  switch (header.type) {
    case EventHeaderType::kTrue:
    case EventHeaderType::kFalse:
      return {};
    case EventHeaderType::kBytes:
    case EventHeaderType::kString:
      if (header.bytes.size() > kValueBytesMax) {
        return fail(Code::kInvalidArgument, "event stream: a header value has at most 65535 bytes");
      }
      put(out, header.bytes.size(), 2);
      out += header.bytes;
      return {};
    case EventHeaderType::kUuid:
      if (header.bytes.size() != kUuidBytes) {
        return fail(Code::kInvalidArgument, "event stream: a UUID has 16 bytes");
      }
      out += header.bytes;
      return {};
    default:
      break;
  }
  const size_t size = integer_size(header.type);
  if (size == 0) return fail(Code::kInvalidArgument, "event stream: unknown header type");
  if (!fits(header.number, size)) {
    return fail(Code::kInvalidArgument, "event stream: a header's number does not fit its type");
  }
  put(out, static_cast<uint64_t>(header.number), size);
  return {};
}

}  // namespace

const EventHeader* EventMessage::find(std::string_view name) const {
  for (const EventHeader& header : headers) {
    if (header.name == name) return &header;
  }
  return nullptr;
}

std::string_view EventMessage::text(std::string_view name) const {
  const EventHeader* header = find(name);
  return header && header->type == EventHeaderType::kString ? header->bytes : std::string_view();
}

Result<void> append_event_message(std::string& out, std::span<const EventHeader> headers,
                                  std::string_view payload) {
  std::string block;
  for (const EventHeader& header : headers) TRY_VOID(append_header(block, header));
  const size_t total = kFrameBytes + block.size() + payload.size();
  if (block.size() > limits::kEventStreamHeaderBytesMax || total > limits::kEventStreamBytesMax) {
    return fail(Code::kResourceExhausted, "event stream: the message is larger than allowed");
  }
  const size_t begin = out.size();
  out.reserve(begin + total);
  put(out, total, 4);
  put(out, block.size(), 4);
  put(out, crc32(std::string_view(out).substr(begin)), 4);
  out += block;
  out += payload;
  put(out, crc32(std::string_view(out).substr(begin)), 4);
  return {};
}

void EventStreamDecoder::feed(std::string_view chunk) {
  if (broken_) return;
  // What was given is dropped only here, so that the views of the last message stay good.
  if (start_ == buffer_.size()) {
    buffer_.clear();
    start_ = 0;
  } else if (start_ > buffer_.size() / 2) {
    buffer_.erase(0, start_);
    start_ = 0;
  }
  buffer_ += chunk;
}

Result<const EventMessage*> EventStreamDecoder::next() {
  if (broken_) return fail(*broken_);
  const std::string_view rest = std::string_view(buffer_).substr(start_);
  if (message_size_ == 0) {
    if (rest.size() < kHeadersAt) return nullptr;
    // The CRC first: a damaged length is then told as damage, and never believed.
    if (crc32(rest.substr(0, kPreludeBytes)) != get32(rest, kPreludeBytes)) {
      return break_off(Error(Code::kDataLoss, "event stream: prelude checksum mismatch"));
    }
    const size_t total = get32(rest, 0);
    const size_t headers = get32(rest, 4);
    if (total > message_bytes_max_ || headers > limits::kEventStreamHeaderBytesMax) {
      return break_off(
          Error(Code::kResourceExhausted, "event stream: the message is larger than allowed"));
    }
    if (total < kFrameBytes || headers > total - kFrameBytes) {
      return break_off(
          Error(Code::kInvalidArgument, "event stream: the lengths of a message contradict"));
    }
    message_size_ = total;
  }
  if (rest.size() < message_size_) return nullptr;
  const std::string_view message = rest.substr(0, message_size_);
  const size_t crc_at = message_size_ - kCrcBytes;
  if (crc32(message.substr(0, crc_at)) != get32(message, crc_at)) {
    return break_off(Error(Code::kDataLoss, "event stream: message checksum mismatch"));
  }
  const size_t headers_size = get32(message, 4);
  auto read = read_headers(message.substr(kHeadersAt, headers_size));
  if (!read) return break_off(std::move(read).error());
  const size_t payload_at = kHeadersAt + headers_size;
  message_.payload = message.substr(payload_at, crc_at - payload_at);
  start_ += message_size_;
  message_size_ = 0;
  return &message_;
}

Result<void> EventStreamDecoder::read_headers(std::string_view bytes) {
  const auto cut = [] {
    return fail(Code::kInvalidArgument, "event stream: a header runs beyond the header block");
  };
  message_.headers.clear();
  while (!bytes.empty()) {
    EventHeader header;
    const size_t name_size = static_cast<uint8_t>(bytes[0]);
    if (name_size == 0) {
      return fail(Code::kInvalidArgument, "event stream: a header without a name");
    }
    if (bytes.size() < 1 + name_size + 1) return cut();
    header.name = bytes.substr(1, name_size);
    const uint8_t type = static_cast<uint8_t>(bytes[1 + name_size]);
    if (type > static_cast<uint8_t>(EventHeaderType::kUuid)) {
      return fail(Code::kInvalidArgument, "event stream: unknown header type");
    }
    header.type = static_cast<EventHeaderType>(type);
    bytes.remove_prefix(1 + name_size + 1);

    size_t size = integer_size(header.type);
    if (header.type == EventHeaderType::kUuid) size = kUuidBytes;
    if (header.type == EventHeaderType::kBytes || header.type == EventHeaderType::kString) {
      if (bytes.size() < 2) return cut();
      size = static_cast<size_t>(get(bytes.substr(0, 2)));
      bytes.remove_prefix(2);
    }
    if (bytes.size() < size) return cut();
    const std::string_view value = bytes.substr(0, size);
    bytes.remove_prefix(size);
    if (integer_size(header.type) > 0) {
      header.number = get_signed(value);
    } else {
      header.bytes = value;
    }
    if (!is_utf8(header.name) || (header.type == EventHeaderType::kString && !is_utf8(value))) {
      return fail(Code::kInvalidArgument, "event stream: a header is not UTF-8");
    }
    message_.headers.push_back(header);
  }
  return {};
}

Result<void> EventStreamDecoder::finish() const {
  if (broken_) return fail(*broken_);
  if (start_ == buffer_.size()) return {};
  return fail(Code::kDataLoss, "event stream: the stream ended inside a message",
              Retry::kSameTarget);
}

Failure EventStreamDecoder::break_off(Error error) {
  error.retry = Retry::kSameTarget;
  broken_ = error;
  buffer_.clear();
  start_ = 0;
  return fail(std::move(error));
}

}  // namespace drover::http
