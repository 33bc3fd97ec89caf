#include "http/http1_head.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/limits/http.h"

namespace drover::http {
namespace {

/// How many bytes both begin with.
size_t same_bytes(std::string_view a, std::string_view b) {
  const size_t size = std::min(a.size(), b.size());
  size_t at = 0;
  while (at + 32 <= size && std::memcmp(a.data() + at, b.data() + at, 32) == 0) at += 32;
  while (at + 8 <= size && std::memcmp(a.data() + at, b.data() + at, 8) == 0) at += 8;
  while (at < size && a[at] == b[at]) ++at;
  return at;
}

}  // namespace

HeadParser::HeadParser(Kind kind, size_t header_bytes_max) : bytes_max_(header_bytes_max) {
  llhttp_init(&parser_, kind == Kind::kRequest ? HTTP_REQUEST : HTTP_RESPONSE, settings());
  parser_.data = this;
}

/// Grows a span by the next piece of it; false if it is not its direct continuation (a folded
/// line).
bool HeadParser::extend(Headers::Span& span, const char* at, size_t length) {
  uint32_t offset = static_cast<uint32_t>(at - base_);
  if (span.size == 0) {
    span.at = offset;
  } else if (span.at + span.size != offset) {
    return false;
  }
  span.size += static_cast<uint32_t>(length);
  return true;
}

const llhttp_settings_t* HeadParser::settings() {
  static const llhttp_settings_t kSettings = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_url = [](llhttp_t* p, const char* at, size_t n) {
      return self(p).extend(self(p).url_, at, n) ? 0 : -1;
    };
    s.on_header_field = [](llhttp_t* p, const char* at, size_t n) {
      HeadParser& me = self(p);
      if (me.in_value_) {
        if (me.fields_.size() >= limits::kHttpHeaderCountMax) {
          me.too_many_ = true;
          return -1;
        }
        me.fields_.emplace_back();
        me.in_value_ = false;
      }
      return me.extend(me.fields_.back().name, at, n) ? 0 : -1;
    };
    s.on_header_value = [](llhttp_t* p, const char* at, size_t n) {
      HeadParser& me = self(p);
      if (n == 0) return 0;
      return me.extend(me.fields_.back().value, at, n) ? 0 : -1;
    };
    s.on_header_value_complete = [](llhttp_t* p) {
      self(p).in_value_ = true;
      return 0;
    };
    s.on_headers_complete = [](llhttp_t* p) {
      self(p).complete_ = true;
      return static_cast<int>(HPE_PAUSED);
    };
    return s;
  }();
  return &kSettings;
}

void HeadParser::reset() {
  seen_ = 0;
  head_bytes_ = 0;
  same_ = 0;
  complete_ = false;
  too_many_ = false;
  in_value_ = true;
  ordinary_ = false;
  url_ = Headers::Span();
  fields_.clear();
}

/// The whole head in one pass, if it is here and ordinary. `same`: so much of it is as in the one
/// before, which was ordinary.
bool HeadParser::read_ordinary(std::string_view head, size_t same) {
  OrdinaryHead said;
  said.method = parser_.method;
  said.status = parser_.status_code;
  said.target = url_;
  const bool request = parser_.type == HTTP_REQUEST;
  head = head.substr(0, bytes_max_);
  if (request ? !read_ordinary_request(head, said, fields_, same)
              : !read_ordinary_response(head, said, fields_, same)) {
    fields_.clear();
    return false;
  }
  parser_.http_major = 1;
  parser_.http_minor = 1;
  parser_.method = said.method;
  parser_.status_code = said.status;
  parser_.flags = said.flags;
  parser_.content_length = said.content_length;
  url_ = said.target;
  head_bytes_ = said.bytes;
  same_ = same;
  return true;
}

/// Takes the blanks off the values that llhttp found; false for what no field may hold. llhttp lets
/// none of that pass, but much rests on it.
bool HeadParser::settle_fields(std::string_view head) {
  for (Field& field : fields_) {
    if (field.value.size == 0) field.value.at = field.name.at + field.name.size;
    const std::string_view value = trim(view(head, field.value));
    if (!is_token(view(head, field.name)) || !is_field_value(value)) return false;
    field.value.at = static_cast<uint32_t>(value.data() - head.data());
    field.value.size = static_cast<uint32_t>(value.size());
  }
  return true;
}

HeadParser::Status HeadParser::feed(std::string_view head) {
  if (seen_ == 0) {
    if (read_ordinary(head, 0)) {
      ordinary_ = true;
      return Status::kDone;
    }
    llhttp_reset(&parser_);
  }
  base_ = head.data();
  // One byte more than allowed is enough to know that it is too large.
  std::string_view fresh = head.substr(0, bytes_max_ + 1).substr(seen_);
  llhttp_errno_t error = llhttp_execute(&parser_, fresh.data(), fresh.size());
  if (complete_ && error == HPE_PAUSED) {
    head_bytes_ = static_cast<size_t>(llhttp_get_error_pos(&parser_) - base_);
    if (head_bytes_ > bytes_max_) return Status::kTooLarge;
    if (settle_fields(head)) return Status::kDone;
    error = HPE_INVALID_HEADER_TOKEN;
  }
  if (too_many_) return Status::kTooLarge;
  if (error != HPE_OK) {
    fault_ = llhttp_errno_name(error);
    return Status::kMalformed;
  }
  seen_ += fresh.size();
  return seen_ > bytes_max_ ? Status::kTooLarge : Status::kNeedMore;
}

HeadParser::Status HeadParser::feed_next(std::string_view head, std::string_view before) {
  DROVER_DASSERT(!ordinary_ || fields_.empty() || before.empty() ||
                 before.size() == size_t{fields_.back().value.at} + fields_.back().value.size);
  if (ordinary_ && read_ordinary(head, same_bytes(head, before))) return Status::kDone;
  reset();
  return feed(head);
}

std::string_view HeadParser::method(std::string_view head) const {
  if (ordinary_) return head.substr(0, url_.at - 1);
  return llhttp_method_name(static_cast<llhttp_method_t>(parser_.method));
}

bool HeadParser::keep_alive() const {
  if ((parser_.flags & F_CONNECTION_CLOSE) != 0) return false;
  return parser_.http_minor > 0 || (parser_.flags & F_CONNECTION_KEEP_ALIVE) != 0;
}

}  // namespace drover::http
