#include "http/message.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/bytes.h"
#include "base/text_copy.h"
#include "base/text_find.h"

namespace drover::http {
namespace {

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (size_t c = 0; c < table.size(); ++c) table[c] = is_token_char(static_cast<char>(c));
  return table;
}
constexpr std::array<bool, 256> kToken = make_token_table();

constexpr std::string_view kColon = ": ";
constexpr std::string_view kLineEnd = "\r\n";
static_assert(kColon.size() + kLineEnd.size() == kFieldExtra);

/// What so much text and so many fields take, in whole places.
constexpr size_t room_for(size_t text, size_t count) {
  constexpr size_t kPlace = sizeof(Headers::Place);
  return ((text + kPlace - 1) / kPlace + count) * kPlace;
}

/// What a head that we make mostly takes.
constexpr size_t kUsualRoom = 512;

}  // namespace

char* put_field(char* to, std::string_view name, std::string_view value) {
  to = copy_text(copy_text(to, name), kColon);
  return copy_text(copy_text(to, value), kLineEnd);
}

bool is_token(std::string_view text) {
  const char* end = text.data() + text.size();
  const char* p = find_not_word(text.data(), end);
  while (p < end && kToken[static_cast<unsigned char>(*p)]) ++p;
  return p == end && !text.empty();
}

bool is_field_value(std::string_view text) {
  const char* end = text.data() + text.size();
  return find_control(text.data(), end) == end;
}

Result<std::optional<uint64_t>> content_length(const Headers& headers) {
  std::optional<uint64_t> out;
  for (const Headers::View& field : headers.fields()) {
    if (field.first.size() != 14 || !iequals(field.first, "content-length")) continue;
    uint64_t length = 0;
    const char* end = field.second.data() + field.second.size();
    auto read = std::from_chars(field.second.data(), end, length);
    if (read.ec != std::errc() || read.ptr != end) {
      return fail(Code::kInvalidArgument, "Content-Length is not a number");
    }
    if (out && *out != length) return fail(Code::kInvalidArgument, "Content-Lengths disagree");
    out = length;
  }
  return out;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  const size_t at = out.size();
  out.resize(at + name.size() + value.size() + kFieldExtra);
  put_field(out.data() + at, name, value);
}

void append_fields(std::string& out, const Headers& headers, bool (*left_out)(std::string_view)) {
  const size_t at = out.size();
  out.resize(at + headers.lines_size());
  const char* end = headers.put_lines(out.data() + at, left_out);
  out.resize(static_cast<size_t>(end - out.data()));
}

Headers::Headers(const Headers& o)
    : used_(o.used_), count_(o.count_), unsound_(o.unsound_), marks_(o.marks_), lines_(o.lines_) {
  if (count_ == 0) return;
  capacity_ = static_cast<uint32_t>(room_for(used_, count_));
  memory_.reset(new char[capacity_]);
  std::memcpy(memory_.get(), o.memory_.get(), used_);
  std::copy_n(o.places_end() - count_, count_, places_end() - count_);
}

void Headers::swap(Headers& o) noexcept {
  std::swap(memory_, o.memory_);
  std::swap(capacity_, o.capacity_);
  std::swap(used_, o.used_);
  std::swap(count_, o.count_);
  std::swap(unsound_, o.unsound_);
  std::swap(marks_, o.marks_);
  std::swap(lines_, o.lines_);
}

void Headers::grow(size_t capacity) {
  Headers bigger;
  bigger.capacity_ = static_cast<uint32_t>(capacity);
  bigger.memory_.reset(new char[capacity]);
  if (count_ != 0) {
    std::memcpy(bigger.memory_.get(), memory_.get(), used_);
    std::copy_n(places_end() - count_, count_, bigger.places_end() - count_);
  }
  std::swap(memory_, bigger.memory_);
  std::swap(capacity_, bigger.capacity_);
}

void Headers::put(FieldName name, std::string_view value, bool sound) {
  const size_t at = used_;
  const size_t value_at = at + name.view().size() + kColon.size();
  const size_t end = value_at + value.size() + kLineEnd.size();
  if (const size_t room = room_for(end, count_ + 1); room > capacity_) {
    grow(std::max({room, size_t{capacity_} * 2, kUsualRoom}));
  }
  put_field(memory_.get() + at, name.view(), value);
  if (!(name.is_token() && sound) && unsound_ == kAllSound) unsound_ = count_;
  marks_ |= mark_of(name.view());
  Place& place = *(places_end() - 1 - count_);
  place.name = Span{static_cast<uint32_t>(at), static_cast<uint32_t>(name.view().size())};
  place.value = Span{static_cast<uint32_t>(value_at), static_cast<uint32_t>(value.size())};
  used_ = static_cast<uint32_t>(end);
  ++count_;
}

void Headers::assign(std::string_view text, const std::vector<Place>& places) {
  clear();
  if (places.empty()) return;
  const Span& last = places.back().value;
  text = text.substr(0, last.at + last.size);
  if (const size_t room = room_for(text.size(), places.size()); room > capacity_) grow(room);
  copy_text(memory_.get(), text);
  std::reverse_copy(places.begin(), places.end(), places_end() - places.size());
  used_ = static_cast<uint32_t>(text.size());
  count_ = static_cast<uint32_t>(places.size());
  marks_ = kAnyMark;
  lines_ = false;
}

size_t Headers::find(std::string_view name, size_t from) const {
  const Place* place = places_end() - from;
  for (size_t i = from; i < count_; ++i) {
    --place;
    if (place->name.size == name.size() && iequals(view(place->name), name)) return i;
  }
  return count_;
}

void Headers::set(std::string_view name, std::string_view value) {
  Headers out;
  bool done = false;
  for (const auto& [own, old] : fields()) {
    if (!iequals(own, name)) {
      out.add(own, old);
    } else if (!std::exchange(done, true)) {
      out.add(own, value);
    }
  }
  if (!done) out.add(name, value);
  swap(out);
}

void Headers::remove(std::string_view name) {
  Headers out;
  for (const auto& [own, value] : fields()) {
    if (!iequals(own, name)) out.add(own, value);
  }
  swap(out);
}

std::string Headers::get_joined(std::string_view name) const {
  std::string out;
  const size_t first = find(name);
  for (size_t i = first; i < count_; i = find(name, i + 1)) {
    if (i != first) out += ", ";
    out += at(i).second;
  }
  return out;
}

char* Headers::put_lines(char* to, bool (*left_out)(std::string_view), uint32_t marks) const {
  if (!lines_) {
    for (const auto& [name, value] : fields()) {
      if (!left_out(name)) to = put_field(to, name, value);
    }
    return to;
  }
  // What stands between two that are left out goes in one copy.
  const std::string_view lines(memory_.get(), used_);
  if ((marks_ & marks) == 0) return copy_text(to, lines);
  size_t from = 0;
  const Place* place = places_end();
  for (size_t i = 0; i < count_; ++i) {
    --place;
    if (!left_out(view(place->name))) continue;
    to = copy_text(to, lines.substr(from, place->name.at - from));
    from = size_t{place->value.at} + place->value.size + kLineEnd.size();
  }
  return copy_text(to, lines.substr(from));
}

Result<void> Headers::check() const {
  const size_t index = first_unsound();
  if (index == size()) return {};
  const View field = at(index);
  if (!is_token(field.first)) return fail(Code::kInvalidArgument, "a header name is not a token");
  return fail(Code::kInvalidArgument,
              "the value of header " + std::string(field.first) + " holds a control character");
}

std::vector<Headers::Field> Headers::copy() const {
  std::vector<Field> out;
  out.reserve(size());
  for (const auto& [name, value] : fields()) out.emplace_back(name, value);
  return out;
}

std::string_view RequestHead::path() const {
  std::string_view t = target;
  return t.substr(0, t.find('?'));
}

std::string_view RequestHead::query() const {
  std::string_view t = target;
  size_t mark = t.find('?');
  return mark == std::string_view::npos ? std::string_view() : t.substr(mark + 1);
}

std::optional<std::string> RequestHead::query_param(std::string_view name) const {
  std::string_view rest = query();
  while (!rest.empty()) {
    size_t end = rest.find('&');
    std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    size_t eq = pair.find('=');
    std::string_view raw = eq == std::string_view::npos ? std::string_view() : pair.substr(eq + 1);
    Result<std::string> key = percent_decode(pair.substr(0, eq), true);
    if (!key || *key != name) continue;
    Result<std::string> value = percent_decode(raw, true);
    if (!value) return std::nullopt;
    return std::move(*value);
  }
  return std::nullopt;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 423:
      return "Locked";
    case 424:
      return "Failed Dependency";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    case 529:
      return "Site Is Overloaded";
    default:
      return "Unknown";
  }
}

}  // namespace drover::http
