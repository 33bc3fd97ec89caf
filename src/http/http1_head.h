#pragma once
// Reads the head of an HTTP/1.1 message (start line and fields) in place: fields are offsets into
// the caller's buffer, which must hold the head contiguously but may move between calls. The body's
// framing is http1_body.h's business.
//
// llhttp in strict mode decides what is a head and what it means. A head that is all there when the
// parser first looks, and as simple as nearly all are, is read in one pass instead
// (http1_ordinary_head.h); what that yields is what llhttp would have yielded, or the bytes go to
// llhttp from the first one on. Either way the fields are sound afterwards: names are tokens, and
// values have no blanks around them and no control characters but TAB.
//
// Refused, because two parsers could read it in two ways (request smuggling): Content-Length beside
// Transfer-Encoding, repeated or malformed Content-Length, a transfer coding other than a lone
// "chunked", folded lines, bare CR or LF, space before a colon. Source: RFC 9112.

#include <llhttp.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "http/http1_ordinary_head.h"
#include "http/message.h"

namespace drover::http {

class HeadParser {
 public:
  enum class Kind { kRequest, kResponse };
  enum class Status { kNeedMore, kDone, kMalformed, kTooLarge };

  HeadParser(Kind kind, size_t header_bytes_max);
  HeadParser(const HeadParser&) = delete;
  HeadParser& operator=(const HeadParser&) = delete;

  /// Ready for the next message.
  void reset();
  /// Looks at the bytes after those already seen; `head` begins where the message begins.
  Status feed(std::string_view head);
  /// reset() and feed() for a message behind another one; `before` is the head that was fed before,
  /// up to its last value (Headers::received), or empty. Lines with which both begin are not read
  /// again: a peer says most of them with each message.
  Status feed_next(std::string_view head, std::string_view before);
  /// After kMalformed: llhttp's name for the fault.
  const char* fault() const { return fault_; }

  // After kDone:
  size_t head_bytes() const { return head_bytes_; }
  int version_minor() const { return parser_.http_minor; }
  int version_major() const { return parser_.http_major; }
  int status() const { return parser_.status_code; }
  /// Of a request.
  std::string_view method(std::string_view head) const;
  bool is_method(llhttp_method_t method) const { return parser_.method == method; }
  std::string_view target(std::string_view head) const { return view(head, url_); }
  bool chunked() const { return (parser_.flags & F_CHUNKED) != 0; }
  bool has_transfer_encoding() const { return (parser_.flags & F_TRANSFER_ENCODING) != 0; }
  bool has_content_length() const { return (parser_.flags & F_CONTENT_LENGTH) != 0; }
  uint64_t content_length() const { return parser_.content_length; }
  /// By the version and the Connection header.
  bool keep_alive() const;
  /// Whether llhttp was not needed: then the target begins with '/', holds only visible ASCII
  /// without '#' and has a single space on either side.
  bool is_ordinary() const { return ordinary_; }

  /// How many of its first bytes are known to be those of the head before: what stands in them has
  /// been taken from there.
  size_t same() const { return same_; }

  using Field = Headers::Place;
  const std::vector<Field>& fields() const { return fields_; }
  /// A text that was found in that head.
  static std::string_view view(std::string_view head, Headers::Span span) {
    return std::string_view(head.data() + span.at, span.size);
  }

 private:
  static const llhttp_settings_t* settings();
  static HeadParser& self(llhttp_t* p) { return *static_cast<HeadParser*>(p->data); }
  bool read_ordinary(std::string_view head, size_t same);
  bool settle_fields(std::string_view head);
  bool extend(Headers::Span& span, const char* at, size_t length);

  llhttp_t parser_;
  size_t bytes_max_;
  const char* base_ = nullptr;
  size_t seen_ = 0;
  size_t head_bytes_ = 0;
  size_t same_ = 0;
  const char* fault_ = "";
  bool complete_ = false;
  bool too_many_ = false;
  bool in_value_ = true;
  bool ordinary_ = false;
  Headers::Span url_;
  std::vector<Field> fields_;
};

}  // namespace drover::http
