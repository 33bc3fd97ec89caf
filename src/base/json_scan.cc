#include "base/json_scan.h"

#include <simdjson.h>

#include <charconv>

#include "base/json_escape.h"
#include "base/limits/json.h"
#include "base/text_find.h"

namespace drover {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
/// 1e400: the grammar allows it, but nobody who reads numbers can.
bool beyond_double(std::string_view number) {
  double value = 0;
  const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
  // Both ends of the range say the same; one that is too small is read as zero.
  return read.ec == std::errc::result_out_of_range && number.find("e-") == number.npos &&
         number.find("E-") == number.npos;
}
bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

}  // namespace

bool is_utf8_fast(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

bool JsonScanner::fault(const char* what) {
  if (fault_ == nullptr) fault_ = what;
  return false;
}

Error JsonScanner::error() const {
  return Error(Code::kInvalidArgument, "not valid JSON near byte " + std::to_string(offset()) +
                                           ": " + (fault_ == nullptr ? "unexpected" : fault_));
}

inline void JsonScanner::space() {
  // Mostly there is none: one comparison says so.
  while (p_ < end_ && static_cast<unsigned char>(*p_) <= ' ' && is_space(*p_)) ++p_;
}

char JsonScanner::peek() {
  space();
  return p_ < end_ && fault_ == nullptr ? *p_ : '\0';
}

bool JsonScanner::open(bool object) {
  if (peek() != (object ? '{' : '[')) {
    return fault(object ? "an object was expected" : "an array was expected");
  }
  if (entered_ == static_cast<int>(sizeof levels_ / sizeof levels_[0])) {
    return fault("too deep");
  }
  ++p_;
  levels_[entered_++] = Level{object, true};
  return true;
}
bool JsonScanner::enter_object() { return open(true); }
bool JsonScanner::enter_array() { return open(false); }

bool JsonScanner::next_item() {
  char c = peek();
  if (fault_ != nullptr) return false;
  Level& level = levels_[entered_ - 1];
  if (c == ']') {
    ++p_;
    --entered_;
    return false;
  }
  if (!level.first) {
    if (c != ',') return fault("a comma or ] was expected");
    ++p_;
  }
  level.first = false;
  return true;
}

bool JsonScanner::next_key(std::string_view& key) {
  if (fault_ != nullptr) return false;
  char c = peek();
  Level& level = levels_[entered_ - 1];
  if (c == '}') {
    ++p_;
    --entered_;
    return false;
  }
  if (!level.first) {
    if (c != ',') return fault("a comma or } was expected");
    ++p_;
    c = peek();
  }
  level.first = false;
  if (c != '"') return fault("a key was expected");
  bool escaped = false;
  if (!pass_string(key, escaped)) return false;
  if (escaped) {
    Result<std::string> text = unescape_json(key);
    if (!text) return fault("bad escape");
    key_ = std::move(*text);
    key = key_;
  }
  if ((p_ >= end_ || *p_ != ':') && peek() != ':') return fault("a colon was expected");
  ++p_;
  return true;
}

// p_ is at the opening quote.
bool JsonScanner::pass_string(std::string_view& raw, bool& escaped) {
  const char* from = p_ + 1;
  const char* p = find_json_special(from, end_);
  if (p < end_ && *p == '"') {
    raw = std::string_view(from, static_cast<size_t>(p - from));
    p_ = p + 1;
    return true;
  }
  return pass_escaped_string(from, p, raw, escaped);
}

// The rest of it: `p` is at the first byte that is not plain text.
bool JsonScanner::pass_escaped_string(const char* from, const char* p, std::string_view& raw,
                                      bool& escaped) {
  p_ = p;
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

bool JsonScanner::pass_number() {
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

bool JsonScanner::literal(std::string_view word) {
  if (static_cast<size_t>(end_ - p_) < word.size() || std::string_view(p_, word.size()) != word) {
    return fault("a value was expected");
  }
  p_ += word.size();
  return true;
}

bool JsonScanner::pass_scalar() {
  switch (*p_) {
    case '"': {
      std::string_view raw;
      bool escaped = false;
      return pass_string(raw, escaped);
    }
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
  char c = peek();
  if (c == '\0') return fault("the text ends too early");
  if (c == '{' || c == '[') return pass_container();
  return pass_scalar();
}

// p_ is at the opening bracket. No recursion: one bit a level says which bracket closes it.
bool JsonScanner::pass_container() {
  bool object_at[limits::kJsonDepthMax];
  int depth = 0;
  bool expect_value = true;  // a value may start here (else a comma or a closing bracket)
  bool may_close = false;    // just after an opening bracket
  while (true) {
    char c = peek();
    if (c == '\0') return fault("the text ends too early");
    bool inside_object = depth > 0 && object_at[depth - 1];
    if (depth > 0 && (may_close || !expect_value) && c == (inside_object ? '}' : ']')) {
      ++p_;
      if (--depth == 0) return true;
      expect_value = false;
      may_close = false;
      continue;
    }
    if (depth > 0 && !expect_value) {
      if (c != ',') return fault("a comma or a closing bracket was expected");
      ++p_;
      expect_value = true;
      may_close = false;
      continue;
    }
    if (inside_object) {
      std::string_view key;
      bool escaped = false;
      if (c != '"') return fault("a key was expected");
      if (!pass_string(key, escaped)) return false;
      if (peek() != ':') return fault("a colon was expected");
      ++p_;
      c = peek();
      if (c == '\0') return fault("the text ends too early");
    }
    if (c == '{' || c == '[') {
      if (depth + entered_ >= limits::kJsonDepthMax) return fault("too deep");
      object_at[depth++] = c == '{';
      ++p_;
      expect_value = true;
      may_close = true;
      continue;
    }
    if (!pass_scalar()) return false;
    expect_value = false;
    may_close = false;
  }
}

bool JsonScanner::read_string(std::string& out) {
  if (peek() != '"') return fault("a string was expected");
  std::string_view raw;
  bool escaped = false;
  if (!pass_string(raw, escaped)) return false;
  if (!escaped) {
    out.assign(raw);
    return true;
  }
  Result<std::string> text = unescape_json(raw);
  if (!text) return fault("bad escape");
  out = std::move(*text);
  return true;
}

bool JsonScanner::skip_string(bool& empty) {
  if (peek() != '"') return fault("a string was expected");
  std::string_view raw;
  bool escaped = false;
  if (!pass_string(raw, escaped)) return false;
  empty = raw.empty();
  return true;
}

bool JsonScanner::read_bool(std::optional<bool>& out) {
  out.reset();
  switch (peek()) {
    case 'n':
      return literal("null");
    case 't':
      out = true;
      return literal("true");
    case 'f':
      out = false;
      return literal("false");
    default:
      return fault("a boolean was expected");
  }
}

bool JsonScanner::read_int(std::optional<int64_t>& out) {
  out.reset();
  char c = peek();
  if (c == 'n') return literal("null");
  if (c != '-' && !is_digit(c)) return fault("an integer was expected");
  const char* from = p_;
  if (!pass_number()) return false;
  int64_t value = 0;
  auto [end, ec] = std::from_chars(from, p_, value);
  if (ec != std::errc() || end != p_) return fault("an integer was expected");
  out = value;
  return true;
}

bool JsonScanner::read_optional_string(std::optional<std::string>& out) {
  out.reset();
  if (peek() == 'n') return literal("null");
  return read_string(out.emplace());
}

Result<void> JsonScanner::finish() {
  if (fault_ == nullptr && peek() != '\0') fault("text after the document");
  if (fault_ == nullptr && p_ < end_) fault("text after the document");  // a NUL byte
  if (fault_ != nullptr) return fail(error());
  return {};
}

}  // namespace drover
