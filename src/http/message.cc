#include "http/message.h"

#include <array>
#include <charconv>

#include "base/bytes.h"
#include "base/text_find.h"

namespace drover::http {
namespace {

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}
constexpr std::array<bool, 256> kToken = make_token_table();

}  // namespace

bool is_token(std::string_view text) {
  for (unsigned char c : text) {
    if (!kToken[c]) return false;
  }
  return !text.empty();
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
  // One growth, then copies: heads are made of some fifty pieces otherwise.
  size_t at = out.size();
  out.resize(at + name.size() + value.size() + 4);
  char* p = out.data() + at;
  p += name.copy(p, name.size());
  *p++ = ':';
  *p++ = ' ';
  p += value.copy(p, value.size());
  *p++ = '\r';
  *p++ = '\n';
}

void Headers::add(std::string_view name, std::string_view value) {
  if (places_.capacity() == 0) {
    // Room for a usual head at once.
    text_.reserve(256);
    places_.reserve(12);
  }
  const Span first{static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(name.size())};
  places_.push_back(Place{first, Span{first.at + first.size, static_cast<uint32_t>(value.size())}});
  text_ += name;
  text_ += value;
}

void Headers::assign(std::string_view text, const std::vector<Place>& places) {
  clear();
  if (places.empty()) return;
  const uint32_t begin = places.front().name.at;
  const Span& last = places.back().value;
  text_.assign(text.substr(begin, last.at + last.size - begin));
  places_ = places;
  for (Place& place : places_) {
    place.name.at -= begin;
    place.value.at -= begin;
  }
}

bool Headers::named(const Place& place, std::string_view name) const {
  return place.name.size == name.size() &&
         iequals(std::string_view(text_.data() + place.name.at, place.name.size), name);
}

void Headers::set(std::string_view name, std::string_view value) {
  Headers out;
  bool done = false;
  for (size_t i = 0; i < places_.size(); ++i) {
    const View field = at(i);
    if (!named(places_[i], name)) {
      out.add(field.first, field.second);
    } else if (!std::exchange(done, true)) {
      out.add(field.first, value);
    }
  }
  if (!done) out.add(name, value);
  *this = std::move(out);
}

void Headers::remove(std::string_view name) {
  Headers out;
  for (size_t i = 0; i < places_.size(); ++i) {
    if (named(places_[i], name)) continue;
    const View field = at(i);
    out.add(field.first, field.second);
  }
  *this = std::move(out);
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (size_t i = 0; i < places_.size(); ++i) {
    if (named(places_[i], name)) return at(i).second;
  }
  return std::nullopt;
}

std::string Headers::get_joined(std::string_view name) const {
  std::string out;
  bool first = true;
  for (size_t i = 0; i < places_.size(); ++i) {
    if (!named(places_[i], name)) continue;
    if (!first) out += ", ";
    out += at(i).second;
    first = false;
  }
  return out;
}

Result<void> Headers::check() const {
  for (const auto& [name, value] : fields()) {
    if (!is_token(name)) return fail(Code::kInvalidArgument, "a header name is not a token");
    if (!is_field_value(value)) {
      return fail(Code::kInvalidArgument,
                  "the value of header " + std::string(name) + " holds a control character");
    }
  }
  return {};
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
