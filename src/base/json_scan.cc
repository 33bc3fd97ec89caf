#include "base/json_scan.h"

#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/json_escape.h"
#include "base/json_quick.h"
#include "base/limits/json.h"
#include "base/text_find.h"

namespace drover {
namespace {

using detail::is_digit;

/// 1e400: the grammar allows it, but nobody who reads numbers can.
bool beyond_double(std::string_view number) {
  double value = 0;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
  // Both ends of the range say the same; one that is too small is read as zero.
  return read.ec == std::errc::result_out_of_range &&
         std::isinf(std::strtod(std::string(number).c_str(), nullptr));
}
/// Containers that are entered, not passed over, within one another.
constexpr int kEnteredMax = 8;
bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

}  // namespace

bool is_utf8_fast(std::string_view text) {
  const char* end = text.data() + text.size();
  const char* rest = skip_ascii(text.data(), end);
  return rest == end || simdjson::validate_utf8(rest, static_cast<size_t>(end - rest));
}

JsonScanner::JsonScanner(std::string_view text)
    : begin_(text.data()), p_(text.data()), end_(text.data() + text.size()), quick_end_(begin_) {
  constexpr ptrdiff_t kRoom = 1 + detail::kQuickBytes;  // with a comma before the name
  if (end_ - begin_ >= kRoom) quick_end_ = end_ - kRoom + 1;
}

bool JsonScanner::fault(const char* what) {
  if (fault_ == nullptr) {
    fault_ = what;
    fault_at_ = p_;
    p_ = end_;
  }
  return false;
}

Error JsonScanner::error() const {
  const size_t at = fault_ == nullptr ? offset() : static_cast<size_t>(fault_at_ - begin_);
  return Error(Code::kInvalidArgument, "not valid JSON near byte " + std::to_string(at) + ": " +
                                           (fault_ == nullptr ? "unexpected" : fault_));
}

char JsonScanner::peek_beyond_space() {
  if (p_ < end_ && *p_ == '\n') p_ = detail::after_indent(p_, end_);
  while (p_ < end_ && is_space(*p_)) ++p_;
  return p_ < end_ ? *p_ : '\0';
}

// p_ is at the opening bracket.
inline bool JsonScanner::open() {
  if (entered_ == kEnteredMax) return fault("too deep");
  ++entered_;
  opened_ = p_;
  return true;
}
bool JsonScanner::enter_object() { return at('{') ? open() : fault("an object was expected"); }
bool JsonScanner::enter_array() { return at('[') ? open() : fault("an array was expected"); }
bool JsonScanner::enter_if_object() { return at('{') ? open() : skip_value() && false; }
bool JsonScanner::enter_if_array() { return at('[') ? open() : skip_value() && false; }

bool JsonScanner::next_item() {
  if (fault_ != nullptr) return false;
  const bool first = p_ == opened_;
  if (first) ++p_;
  const char c = peek();
  if (c == ']') {
    ++p_;
    --entered_;
    return false;
  }
  if (first) return true;
  if (c != ',') return fault("a comma or ] was expected");
  ++p_;
  return true;
}

// p_ is at an opening quote: the one that ends a string of plain text; null of any other string.
inline const char* JsonScanner::plain_end() const {
  const char* p = p_ + 1;
#ifdef __SSE2__
  if (p_ < quick_end_) {  // most strings end within these
    if (const unsigned bits = detail::json_special_bits(p)) {
      p += __builtin_ctz(bits);
      return *p == '"' ? p : nullptr;
    }
    p = detail::find_json_special_far(p + 16, end_);
    return p < end_ && *p == '"' ? p : nullptr;
  }
#endif
  p = find_json_special(p, end_);
  return p < end_ && *p == '"' ? p : nullptr;
}

// p_ is at the opening quote.
inline bool JsonScanner::pass_string(std::string_view& raw, bool& escaped) {
  const char* end = plain_end();
  if (end == nullptr) return pass_escaped_string(raw, escaped);
  raw = std::string_view(p_ + 1, static_cast<size_t>(end - p_ - 1));
  p_ = end + 1;
  return true;
}

// The same where only its end is asked for.
inline bool JsonScanner::pass_text() {
  const char* end = plain_end();
  if (end == nullptr) return pass_escaped_text();
  p_ = end + 1;
  return true;
}

[[gnu::noinline]] bool JsonScanner::pass_escaped_text() {
  std::string_view raw;
  bool escaped = false;
  return pass_escaped_string(raw, escaped);
}

// The same of any string.
bool JsonScanner::pass_escaped_string(std::string_view& raw, bool& escaped) {
  const char* from = p_ + 1;
  p_ = find_json_special(from, end_);
  while (true) {
    if (p_ >= end_) return fault("a string does not end");
    if (*p_ == '"') break;
    size_t length = *p_ == '\\' ? json_escape_length(p_, end_) : 0;
    if (length == 0) return fault(*p_ == '\\' ? "bad escape" : "a control character in a string");
    escaped = true;
    p_ = find_json_special(p_ + length, end_);
  }
  raw = std::string_view(from, static_cast<size_t>(p_ - from));
  ++p_;
  return true;
}

bool JsonScanner::next_key(std::string_view& key) {
  if (p_ < quick_end_ && (*p_ == ',' || p_ == opened_)) {
    const std::string_view name = detail::quick_name(p_ + 1, end_);
    if (const char* value = detail::value_of(name)) {
      p_ = value;
      key = name;
      return true;
    }
  } else if (p_ < end_ && *p_ == '}') {
    ++p_;
    --entered_;
    return false;
  }
  std::string_view close;  // the caller's need not be in memory then
  const bool more = next_key_closely(close);
  key = close;
  return more;
}

// A member's name and its colon, however much white space there is.
inline bool JsonScanner::pass_key(std::string_view& raw, bool& escaped) {
  if (peek() != '"') return fault("a key was expected");
  if (!pass_string(raw, escaped)) return false;
  if (!at(':')) return fault("a colon was expected");
  ++p_;
  return true;
}

[[gnu::noinline]] bool JsonScanner::next_key_closely(std::string_view& key) {
  if (fault_ != nullptr) return false;
  const bool first = p_ == opened_;
  if (first) ++p_;
  const char c = peek();
  if (c == '}') {
    ++p_;
    --entered_;
    return false;
  }
  if (!first) {
    if (c != ',') return fault("a comma or } was expected");
    ++p_;
  }
  bool escaped = false;
  return pass_key(key, escaped) && (!escaped || resolve(key));
}

// Of a string's inside, its text; the view holds until the next call.
bool JsonScanner::resolve(std::string_view& inside) {
  Result<std::string> text = unescape_json(inside);
  if (!text) return fault("bad escape");
  text_ = std::move(*text);
  inside = text_;
  return true;
}

inline bool JsonScanner::pass_number() {
  if (p_ < quick_end_) {
    if (const char* after = detail::quick_number(p_)) {
      p_ = after;
      return true;
    }
  }
  return pass_any_number();
}

[[gnu::noinline]] bool JsonScanner::pass_any_number() {
  const char* from = p_;
  bool exponent = false;
  if (p_ < end_ && *p_ == '-') ++p_;
  if (p_ >= end_ || !is_digit(*p_)) return fault("a value was expected");
  if (*p_ == '0') {
    ++p_;
  } else {
    while (p_ < end_ && is_digit(*p_)) ++p_;
  }
  if (p_ < end_ && *p_ == '.') {
    ++p_;
    if (p_ >= end_ || !is_digit(*p_)) return fault("bad number");
    while (p_ < end_ && is_digit(*p_)) ++p_;
  }
  if (p_ < end_ && (*p_ == 'e' || *p_ == 'E')) {
    ++p_;
    if (p_ < end_ && (*p_ == '+' || *p_ == '-')) ++p_;
    if (p_ >= end_ || !is_digit(*p_)) return fault("bad number");
    while (p_ < end_ && is_digit(*p_)) ++p_;
    exponent = true;
  }
  const std::string_view number(from, static_cast<size_t>(p_ - from));
  constexpr size_t kDigitsSafe = 300;
  if ((exponent || number.size() > kDigitsSafe) && beyond_double(number)) {
    return fault("number too large");
  }
  return true;
}

// Of a size that is known here: one comparison.
template <size_t kSize>
inline bool JsonScanner::literal(const char (&word)[kSize]) {
  constexpr size_t kLetters = kSize - 1;
  if (static_cast<size_t>(end_ - p_) < kLetters || std::memcmp(p_, word, kLetters) != 0) {
    return fault("a value was expected");
  }
  p_ += kLetters;
  return true;
}

inline bool JsonScanner::pass_scalar() {
  switch (*p_) {
    case '"':
      return pass_text();
    case 't':
      return literal("true");
    case 'f':
      return literal("false");
    case 'n':
      return literal("null");
    default:
      return pass_number();
  }
}

bool JsonScanner::skip_value() {
  if (p_ < quick_end_) {
    if (const char* after = detail::quick_scalar(p_)) {
      p_ = after;
      return true;
    }
    if ((*p_ | 0x20) == '{' && p_[1] == *p_ + 2) {  // "[]" and "{}"
      p_ += 2;
      return true;
    }
  }
  return skip_value_closely();
}

bool JsonScanner::skip_object() {
  return at('{') ? pass_container() : fault("an object was expected");
}

[[gnu::noinline]] bool JsonScanner::skip_value_closely() {
  const char c = peek();
  if (c == '{' || c == '[') return pass_container();
  if (c == '\0') return fault("the text ends too early");
  return pass_scalar();
}

// The name of a member that is not looked at, and its colon, if it is of the usual kind.
inline bool JsonScanner::pass_quick_name() {
  if (p_ >= quick_end_) return false;
  const char* value = detail::value_of(detail::quick_name(p_, end_));
  if (value == nullptr) return false;
  p_ = value;
  return true;
}

[[gnu::noinline]] bool JsonScanner::pass_name_closely() {
  if (peek() == '\0') return fault("the text ends too early");
  std::string_view name;
  bool escaped = false;
  return pass_key(name, escaped);
}

// p_ is at the opening bracket. No recursion: what closes each level is kept.
[[gnu::noinline]] bool JsonScanner::pass_container() {
  char closes_at[limits::kJsonDepthMax];
  int depth = 0;
  char closes = '\0';  // what is innermost
  while (true) {
    // Here stands a value.
    char c = peek();
    if (c == '"') {
      if (!pass_text()) return false;
    } else if (c == '{' || c == '[') {
      if (depth + entered_ >= limits::kJsonDepthMax) return fault("too deep");
      closes = c == '{' ? '}' : ']';
      closes_at[depth++] = closes;
      ++p_;
      if (closes == '}' && pass_quick_name()) continue;
      if (peek() != closes) {
        if (closes == '}' && !pass_name_closely()) return false;
        continue;
      }
    } else if (c == '\0') {
      return fault("the text ends too early");
    } else if (!pass_scalar()) {
      return false;
    }
    // After it: what closes, until a comma.
    while ((c = peek()) != ',') {
      if (c != closes) {
        return fault(c == '\0' ? "the text ends too early"
                               : "a comma or a closing bracket was expected");
      }
      ++p_;
      if (--depth == 0) return true;
      closes = closes_at[depth - 1];
    }
    ++p_;
    if (closes == '}' && !pass_quick_name() && !pass_name_closely()) return false;
  }
}

bool JsonScanner::read_string(std::string_view& out) {
  if (!at('"')) return fault("a string was expected");
  bool escaped = false;
  return pass_string(out, escaped) && (!escaped || resolve(out));
}

bool JsonScanner::read_if_text(JsonText& out) {
  if (!at('"')) return skip_value() && false;
  const char* end = plain_end();
  if (end == nullptr) return read_escaped(out);
  out.inside = std::string_view(p_ + 1, static_cast<size_t>(end - p_ - 1));
  out.escaped = false;
  p_ = end + 1;
  return true;
}

[[gnu::noinline]] bool JsonScanner::read_escaped(JsonText& out) {
  std::string_view inside;
  bool escaped = false;
  if (!pass_escaped_string(inside, escaped)) return false;
  out.inside = inside;
  out.escaped = escaped;
  return true;
}

Result<void> JsonScanner::finish() {
  if (fault_ == nullptr && peek() != '\0') fault("text after the document");
  if (fault_ == nullptr && p_ < end_) fault("text after the document");  // a NUL byte
  if (fault_ != nullptr) return fail(error());
  return {};
}

}  // namespace drover
