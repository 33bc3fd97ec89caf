#pragma once
// Server-sent events, both directions (WHATWG HTML, section 9.2 "Server-sent events"): what OpenAI,
// Anthropic, MCP and our own live streams speak. Pure: bytes in, events out.
//
//   SseParser parser;
//   parser.feed(chunk);                          // chunks may be cut anywhere
//   while (true) { TRY(const SseEvent* event, parser.next()); if (!event) break; ... }
//   TRY_VOID(parser.finish());                   // at the end of the stream: was it cut?
//
// Lines end with LF, CR or CRLF; a leading BOM is dropped; comments and unknown fields are skipped;
// data lines are joined with LF. Text is passed on as it came: who needs UTF-8 checks it (the JSON
// parser does).
// Ownership: an event is views into the parser, valid until the next feed() or next(); an event of
// one data line is not copied. Threads: one parser, one thread.
// Failure: resource_exhausted when one event (or its unfinished line) exceeds the limit; repeated
// from then on. Limits: limits::kSseEventBytesMax an event; comments do not add up.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits/http.h"
#include "base/result.h"

namespace drover::http {

struct SseEvent {
  /// The type; empty when the stream named none (which means "message").
  std::string_view event;
  std::string_view data;
  /// The last id seen in the stream so far, also of earlier events.
  std::string_view last_id;
};

class SseParser {
 public:
  explicit SseParser(size_t event_bytes_max = limits::kSseEventBytesMax)
      : event_bytes_max_(event_bytes_max) {}

  void feed(std::string_view chunk);
  /// The next whole event, or null when more bytes are needed.
  Result<const SseEvent*> next();

  /// At the end of the stream: fails (data_loss) if it ended inside an event, which a reader by the
  /// letter of the standard would drop without a word. Comments and blank lines may be unfinished.
  Result<void> finish() const;
  /// The data of the unfinished event, its unfinished line included: some servers end a stream
  /// with "data: [DONE]" and no blank line. Views as for events.
  std::string_view unfinished_data();

  /// The last "retry:" of the stream, in milliseconds.
  std::optional<int64_t> retry_ms() const { return retry_ms_; }
  std::string_view last_id() const { return last_id_; }

 private:
  struct Range {
    size_t begin = 0;
    size_t size = 0;
  };

  bool skip_bom();
  /// The end of the line that begins at line_, or npos when it is not there yet.
  size_t find_line_end();
  void take_line(size_t begin, size_t end);
  void take_field(std::string_view name, size_t value_begin, size_t end);
  void add_data(Range value);
  std::string_view view(Range range) const {
    return std::string_view(buffer_).substr(range.begin, range.size);
  }
  std::string_view data() const {
    return data_lines_ > 1 ? std::string_view(joined_) : view(data_);
  }
  void begin_event();
  Failure too_large();

  const size_t event_bytes_max_;
  std::string buffer_;
  size_t event_begin_ = 0;  // first byte that the event being read still needs
  size_t line_ = 0;         // first byte of the line being read
  size_t scanned_ = 0;      // no line end in [line_, scanned_)
  bool bom_done_ = false;
  bool skip_lf_ = false;  // the line before ended with CR: a LF now belongs to it

  // The event being read, as ranges of buffer_.
  Range type_;
  Range data_;  // the first data line
  size_t data_lines_ = 0;
  std::string joined_;  // all data lines, from the second one on
  bool fields_seen_ = false;

  std::string last_id_;
  std::optional<int64_t> retry_ms_;
  SseEvent event_;
  std::optional<Error> broken_;
};

/// Appends one event: "event:" and "id:" if not empty, one "data:" for each line of data, a blank
/// line. A CR or CRLF in data becomes a line end (the format cannot carry it); line ends in event
/// and id become spaces, so that no value can forge a field.
void append_sse_event(std::string& out, std::string_view data, std::string_view event = {},
                      std::string_view id = {});
/// Appends ": text" and a blank line: ignored by readers, keeps the connection alive.
void append_sse_comment(std::string& out, std::string_view text);
/// Appends "retry: ms" and a blank line: how long a client waits before it connects again.
void append_sse_retry(std::string& out, int64_t ms);

}  // namespace drover::http
