#include "http/sse.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace drover::http {
namespace {

constexpr std::string_view kBom = "\xef\xbb\xbf";

/// The first LF or CR in text, or npos. Two memchr runs are several times faster than a loop over
/// the bytes; the second looks only at what precedes the LF.
size_t find_newline(std::string_view text) {
  const auto* lf = static_cast<const char*>(std::memchr(text.data(), '\n', text.size()));
  const size_t before = lf ? static_cast<size_t>(lf - text.data()) : text.size();
  const auto* cr = static_cast<const char*>(std::memchr(text.data(), '\r', before));
  if (cr) return static_cast<size_t>(cr - text.data());
  return lf ? before : std::string_view::npos;
}

void append_one_line(std::string& out, std::string_view text) {
  for (char c : text) out += (c == '\n' || c == '\r' || c == '\0') ? ' ' : c;
}

}  // namespace

void SseParser::feed(std::string_view chunk) {
  if (broken_) return;
  // Bytes of finished events are dropped only here, so that the views of the last event stay good.
  if (event_begin_ == buffer_.size() || event_begin_ > buffer_.size() / 2) {
    const size_t drop = event_begin_;
    buffer_.erase(0, drop);
    event_begin_ = 0;
    line_ -= drop;
    scanned_ -= drop;
    if (fields_seen_) {
      type_.begin -= std::min(type_.begin, drop);
      data_.begin -= std::min(data_.begin, drop);
    }
  }
  buffer_ += chunk;
}

Result<const SseEvent*> SseParser::next() {
  if (broken_) return fail(*broken_);
  if (!bom_done_ && !skip_bom()) return nullptr;
  while (true) {
    if (skip_lf_ && line_ < buffer_.size()) {
      skip_lf_ = false;
      if (buffer_[line_] == '\n') {
        ++line_;
        if (!fields_seen_) event_begin_ = line_;
      }
    }
    const size_t end = find_line_end();
    // An event is over the limit as soon as its bytes are, finished or not. A blank line adds none.
    const size_t reach = end == std::string::npos ? buffer_.size() : end;
    if (reach > line_ && reach - event_begin_ > event_bytes_max_) return too_large();
    if (end == std::string::npos) return nullptr;

    const size_t begin = line_;
    skip_lf_ = buffer_[end] == '\r';
    line_ = scanned_ = end + 1;
    if (end > begin) {
      take_line(begin, end);
      if (!fields_seen_) event_begin_ = line_;
      continue;
    }
    const bool whole = data_lines_ > 0;
    if (whole) {
      event_.event = view(type_);
      event_.data = data();
      event_.last_id = last_id_;
    }
    begin_event();
    if (whole) return &event_;
  }
}

bool SseParser::skip_bom() {
  const size_t size = std::min(buffer_.size(), kBom.size());
  if (std::string_view(buffer_).substr(0, size) != kBom.substr(0, size)) {
    bom_done_ = true;
  } else if (size == kBom.size()) {
    bom_done_ = true;
    event_begin_ = line_ = scanned_ = kBom.size();
  }
  return bom_done_;
}

size_t SseParser::find_line_end() {
  scanned_ = std::max(scanned_, line_);
  const size_t at = find_newline(std::string_view(buffer_).substr(scanned_));
  if (at == std::string_view::npos) {
    scanned_ = buffer_.size();
    return std::string::npos;
  }
  return scanned_ + at;
}

void SseParser::take_line(size_t begin, size_t end) {
  const std::string_view line = std::string_view(buffer_).substr(begin, end - begin);
  const size_t colon = line.find(':');
  if (colon == 0) return;  // a comment
  if (colon == std::string_view::npos) return take_field(line, end, end);
  size_t value = begin + colon + 1;
  if (value < end && buffer_[value] == ' ') ++value;
  take_field(line.substr(0, colon), value, end);
}

void SseParser::take_field(std::string_view name, size_t value_begin, size_t end) {
  const Range value{value_begin, end - value_begin};
  if (name == "data") {
    add_data(value);
  } else if (name == "event") {
    type_ = value;
    fields_seen_ = true;
  } else if (name == "id") {
    // An id with a NUL is ignored, as the standard says.
    if (view(value).find('\0') == std::string_view::npos) last_id_ = view(value);
  } else if (name == "retry") {
    const std::string_view text = view(value);
    int64_t ms = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
    const bool digits = text.find_first_not_of("0123456789") == std::string_view::npos;
    if (error == std::errc() && digits && stop == text.data() + text.size()) retry_ms_ = ms;
  }
}

void SseParser::add_data(Range value) {
  fields_seen_ = true;
  if (++data_lines_ == 1) {
    data_ = value;
    return;
  }
  if (data_lines_ == 2) joined_ = view(data_);
  joined_ += '\n';
  joined_ += view(value);
}

void SseParser::begin_event() {
  event_begin_ = line_;
  type_ = {};
  data_ = {};
  data_lines_ = 0;
  fields_seen_ = false;
}

Result<void> SseParser::finish() const {
  if (broken_) return fail(*broken_);
  // What the last line holds counts, unless it can only become a comment or a blank line.
  const bool half_line = line_ < buffer_.size() && buffer_[line_] != ':' &&
                         !(skip_lf_ && buffer_.size() == line_ + 1 && buffer_[line_] == '\n') &&
                         (bom_done_ || buffer_ != kBom.substr(0, buffer_.size()));
  if (!fields_seen_ && !half_line) return {};
  return fail(Code::kDataLoss, "server-sent events: the stream ended inside an event",
              Retry::kSameTarget);
}

std::string_view SseParser::unfinished_data() {
  if (broken_) return {};
  if (line_ < buffer_.size() && std::string_view(buffer_).substr(line_).starts_with("data:")) {
    take_line(line_, buffer_.size());
    line_ = scanned_ = buffer_.size();
  }
  return data_lines_ > 0 ? data() : std::string_view();
}

Failure SseParser::too_large() {
  broken_ = Error(Code::kResourceExhausted, "server-sent events: an event is larger than allowed");
  buffer_.clear();
  return fail(*broken_);
}

void append_sse_event(std::string& out, std::string_view data, std::string_view event,
                      std::string_view id) {
  out.reserve(out.size() + data.size() + event.size() + id.size() + 24);
  if (!event.empty()) {
    out += "event: ";
    append_one_line(out, event);
    out += '\n';
  }
  if (!id.empty()) {
    out += "id: ";
    append_one_line(out, id);
    out += '\n';
  }
  while (true) {
    const size_t end = find_newline(data);
    out += "data: ";
    out += data.substr(0, end);
    out += '\n';
    if (end == std::string_view::npos) break;
    const bool crlf = data[end] == '\r' && end + 1 < data.size() && data[end + 1] == '\n';
    data.remove_prefix(end + (crlf ? 2 : 1));
  }
  out += '\n';
}

void append_sse_comment(std::string& out, std::string_view text) {
  out += ": ";
  append_one_line(out, text);
  out += "\n\n";
}

void append_sse_retry(std::string& out, int64_t ms) {
  out += "retry: ";
  out += std::to_string(ms);
  out += "\n\n";
}

}  // namespace drover::http
