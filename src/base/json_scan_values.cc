// JsonScanner: what reads values as those of a type, by what passes over them.
#include <charconv>
#include <utility>

#include "base/json_escape.h"
#include "base/json_quick.h"
#include "base/json_scan.h"

namespace drover {

using detail::is_digit;

std::string JsonText::text() const {
  if (!escaped) return std::string(inside);
  Result<std::string> text = unescape_json(inside);
  return text ? std::move(*text) : std::string();  // the scanner has looked at its escapes
}

void JsonText::copy_to(std::string& out) const {
  if (escaped) {
    out = text();
  } else {
    out.assign(inside);
  }
}

bool JsonScanner::read_string(std::string& out) {
  std::string_view text;
  if (!read_string(text)) return false;
  out.assign(text);
  return true;
}

bool JsonScanner::read_int(std::optional<int64_t>& out) {
  if ((out = read_short_count())) return true;
  const char c = peek();
  if (c == 'n') return skip_value();
  if (c != '-' && !is_digit(c)) return fault("an integer was expected");
  const char* from = p_;
  if (!skip_value()) return false;
  int64_t value = 0;
  auto [end, ec] = std::from_chars(from, p_, value);
  if (ec != std::errc() || end != p_) return fault("an integer was expected");
  out = value;
  return true;
}

std::optional<int64_t> JsonScanner::read_short_count() {
  constexpr size_t kDigits = 9;
  const size_t room = static_cast<size_t>(end_ - p_);
  size_t digits = 0;
  uint64_t value = 0;  // of no use where there are more digits
  for (;; ++digits) {
    if (digits == room) return std::nullopt;  // there may be more of it
    const uint64_t digit = static_cast<uint64_t>(p_[digits]) - '0';
    if (digit > 9) break;
    value = 10 * value + digit;
  }
  if (digits == 0 || digits > kDigits || (digits > 1 && *p_ == '0')) return std::nullopt;
  if (p_[digits] == '.' || (p_[digits] | 0x20) == 'e') return std::nullopt;
  p_ += digits;
  return static_cast<int64_t>(value);
}

bool JsonScanner::read_optional_string(std::optional<std::string>& out) {
  out.reset();
  if (peek() == 'n') return skip_value();
  return read_string(out.emplace());
}

}  // namespace drover
