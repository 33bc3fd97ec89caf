#include "base/json_scan.h"

#include <simdjson.h>

#include <charconv>
#include <cstring>

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

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Four hex digits at p, or -1.
int hex4(const char* p, const char* end) {
  if (end - p < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    int digit = hex_digit(p[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

void append_utf8(std::string& out, uint32_t cp) {
  if (cp < 0x80) {
    out += static_cast<char>(cp);
  } else if (cp < 0x800) {
    out += static_cast<char>(0xC0 | (cp >> 6));
    out += static_cast<char>(0x80 | (cp & 0x3F));
  } else if (cp < 0x10000) {
    out += static_cast<char>(0xE0 | (cp >> 12));
    out += static_cast<char>(0x80 | ((cp >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (cp & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (cp >> 18));
    out += static_cast<char>(0x80 | ((cp >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((cp >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (cp & 0x3F));
  }
}

// Length of the escape at p (which is a backslash), or 0 if it is none; a surrogate must come with
// its other half, as in Json::parse.
size_t escape_length(const char* p, const char* end) {
  if (end - p < 2) return 0;
  if (p[1] != 'u') return std::strchr("\"\\/bfnrt", p[1]) != nullptr && p[1] != 0 ? 2 : 0;
  int unit = hex4(p + 2, end);
  if (unit < 0 || (unit >= 0xDC00 && unit < 0xE000)) return 0;
  if (unit < 0xD800 || unit >= 0xE000) return 6;
  if (end - p < 12 || p[6] != '\\' || p[7] != 'u') return 0;
  int low = hex4(p + 8, end);
  return low >= 0xDC00 && low < 0xE000 ? 12 : 0;
}

}  // namespace

Result<std::string> unescape_json(std::string_view inside) {
  std::string out;
  out.reserve(inside.size());
  const char* p = inside.data();
  const char* end = p + inside.size();
  while (p < end) {
    if (*p != '\\') {
      const char* next =
          static_cast<const char*>(std::memchr(p, '\\', static_cast<size_t>(end - p)));
      if (next == nullptr) next = end;
      out.append(p, next);
      p = next;
      continue;
    }
    size_t length = escape_length(p, end);
    switch (length) {
      case 2: {
        constexpr std::string_view kNames = "bfnrt";
        constexpr std::string_view kBytes = "\b\f\n\r\t";
        size_t i = kNames.find(p[1]);
        out += i == std::string_view::npos ? p[1] : kBytes[i];
        break;
      }
      case 6:
        append_utf8(out, static_cast<uint32_t>(hex4(p + 2, end)));
        break;
      case 12: {
        uint32_t high = static_cast<uint32_t>(hex4(p + 2, end)) - 0xD800;
        uint32_t low = static_cast<uint32_t>(hex4(p + 8, end)) - 0xDC00;
        append_utf8(out, 0x10000 + (high << 10) + low);
        break;
      }
      default:
        return fail(Code::kInvalidArgument, "bad escape in a JSON string");
    }
    p += length;
  }
  return out;
}

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
    size_t length = *p_ == '\\' ? escape_length(p_, end_) : 0;
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
