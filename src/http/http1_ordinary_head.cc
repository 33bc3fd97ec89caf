#include "http/http1_ordinary_head.h"

#include <llhttp.h>

#include <cstddef>
#include <cstring>

#include "base/limits/http.h"
#include "base/text_find.h"

namespace drover::http {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
/// Of what is no control character but TAB.
bool is_blank(char c) { return static_cast<unsigned char>(c) <= ' '; }

class OrdinaryReader {
 public:
  OrdinaryReader(std::string_view text, OrdinaryHead& head, std::vector<Headers::Place>& fields)
      : begin_(text.data()),
        at_(text.data()),
        end_(text.data() + text.size()),
        head_(head),
        fields_(fields) {}

  bool request(size_t same) {
    pass_lines(same);
    return (!fields_.empty() || (method() && target() && take("HTTP/1.1\r\n"))) && fields();
  }
  bool response(size_t same) {
    pass_lines(same);
    return (!fields_.empty() || (take("HTTP/1.1 ") && status())) && fields();
  }

 private:
  template <size_t N>
  bool take(const char (&text)[N]) {
    if (end_ - at_ < static_cast<ptrdiff_t>(N - 1) || std::memcmp(at_, text, N - 1) != 0) {
      return false;
    }
    at_ += N - 1;
    return true;
  }
  template <size_t N>
  bool take_method(const char (&text)[N], llhttp_method_t method) {
    head_.method = static_cast<uint8_t>(method);
    return take(text);
  }
  Headers::Span span(const char* from, const char* to) const {
    return Headers::Span{static_cast<uint32_t>(from - begin_), static_cast<uint32_t>(to - from)};
  }

  std::string_view text(Headers::Span span) const {
    return std::string_view(begin_ + span.at, span.size);
  }

  /// Goes behind those of the lines of `fields` that end within so many bytes, and forgets the
  /// others; where there are none it stays at the first line.
  void pass_lines(size_t same) {
    for (; !fields_.empty(); fields_.pop_back()) {
      const size_t end = size_t{fields_.back().value.at} + fields_.back().value.size;
      if (end > same) continue;
      at_ = begin_ + end;
      if (take("\r\n")) return;
    }
    at_ = begin_;
  }

  bool method() {
    return take_method("POST ", HTTP_POST) || take_method("GET ", HTTP_GET) ||
           take_method("PUT ", HTTP_PUT) || take_method("DELETE ", HTTP_DELETE) ||
           take_method("HEAD ", HTTP_HEAD) || take_method("PATCH ", HTTP_PATCH) ||
           take_method("OPTIONS ", HTTP_OPTIONS);
  }

  /// Up to and with the space behind it.
  bool target() {
    const char* from = at_;
    at_ = find_not_visible(from, end_);
    if (at_ == end_ || *at_ != ' ' || *from != '/') return false;
    head_.target = span(from, at_);
    if (std::memchr(from, '#', static_cast<size_t>(at_ - from)) != nullptr) return false;
    ++at_;
    return true;
  }

  /// With the reason and the line's end.
  bool status() {
    if (end_ - at_ < 4 || at_[0] < '1' || at_[0] > '5' || !is_digit(at_[1]) || !is_digit(at_[2]) ||
        at_[3] != ' ') {
      return false;
    }
    head_.status =
        static_cast<uint16_t>((at_[0] - '0') * 100 + (at_[1] - '0') * 10 + (at_[2] - '0'));
    at_ = find_control(at_ + 4, end_);
    return take("\r\n");
  }

  /// Those that are known, and the others.
  bool fields() {
    for (const Headers::Place& known : fields_) {
      if (!understood(text(known.name), text(known.value))) return false;
    }
    while (!take("\r\n")) {
      if (!field()) return false;
    }
    head_.bytes = static_cast<size_t>(at_ - begin_);
    return true;
  }

  bool field() {
    const char* name = at_;
    const char* colon = find_not_word(name, end_);
    if (colon == name || colon == end_ || *colon != ':') return false;
    const char* value = colon + 1;
    if (value != end_ && *value == ' ') ++value;
    at_ = find_control(value, end_);
    const char* stop = at_;
    if (!take("\r\n") || stop == value || is_blank(*value) || is_blank(stop[-1])) return false;
    if (fields_.size() == limits::kHttpHeaderCountMax) return false;
    fields_.emplace_back(span(name, colon), span(value, stop));
    return understood(std::string_view(name, static_cast<size_t>(colon - name)),
                      std::string_view(value, static_cast<size_t>(stop - value)));
  }

  /// Takes note of what says how the message or the connection goes on; false if that is more than
  /// the certain cases.
  bool understood(std::string_view name, std::string_view value) {
    switch (name.size()) {
      case 2:
        return !iequals_lower(name, "te");
      case 7:
        return !iequals_lower(name, "upgrade") && !iequals_lower(name, "trailer");
      case 10:
        return !iequals_lower(name, "connection") || connection(value);
      case 14:
        return !iequals_lower(name, "content-length") || content_length(value);
      case 16:
        return !iequals_lower(name, "proxy-connection");
      case 17:
        return !iequals_lower(name, "transfer-encoding") || transfer_encoding(value);
      default:
        return true;
    }
  }

  bool connection(std::string_view value) {
    if ((head_.flags & (F_CONNECTION_KEEP_ALIVE | F_CONNECTION_CLOSE)) != 0) return false;
    const bool close = iequals_lower(value, "close");
    if (!close && !iequals_lower(value, "keep-alive")) return false;
    head_.flags |= close ? F_CONNECTION_CLOSE : F_CONNECTION_KEEP_ALIVE;
    return true;
  }

  bool content_length(std::string_view value) {
    // Nineteen digits fit into 64 bits, whatever they are.
    if ((head_.flags & (F_CONTENT_LENGTH | F_CHUNKED)) != 0 || value.size() > 19) return false;
    for (char c : value) {
      if (!is_digit(c)) return false;
      head_.content_length = head_.content_length * 10 + static_cast<uint64_t>(c - '0');
    }
    head_.flags |= F_CONTENT_LENGTH;
    return true;
  }

  bool transfer_encoding(std::string_view value) {
    if ((head_.flags & (F_CONTENT_LENGTH | F_CHUNKED)) != 0) return false;
    if (!iequals_lower(value, "chunked")) return false;
    head_.flags |= F_TRANSFER_ENCODING | F_CHUNKED;
    return true;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  OrdinaryHead& head_;
  std::vector<Headers::Place>& fields_;
};

}  // namespace

bool read_ordinary_request(std::string_view text, OrdinaryHead& head,
                           std::vector<Headers::Place>& fields, size_t same) {
  return OrdinaryReader(text, head, fields).request(same);
}

bool read_ordinary_response(std::string_view text, OrdinaryHead& head,
                            std::vector<Headers::Place>& fields, size_t same) {
  return OrdinaryReader(text, head, fields).response(same);
}

}  // namespace drover::http
