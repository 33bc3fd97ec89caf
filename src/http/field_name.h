#pragma once
// The names of header fields: what they are made of, how one comes into a Headers (message.h), and
// how what was received is compared to one that is known.
//
// Values, any thread. Source: RFC 9110 section 5.6.2.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace drover::http {

/// What a token is made of.
constexpr bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
/// True for a token of RFC 9110 section 5.6.2, which a field name must be.
bool is_token(std::string_view text);

/// A field's name on its way into a Headers, with whether it is a token: of a literal, as most
/// names are, the compiler knows. Good for the call it is made for.
class FieldName {
 public:
  template <size_t N>
  consteval FieldName(const char (&text)[N])
      : FieldName(std::string_view(text), is_token_literal(text)) {}
  template <typename T>
    requires(std::convertible_to<const T&, std::string_view> && !std::is_array_v<T>)
  FieldName(const T& text) : FieldName(std::string_view(text), http::is_token(text)) {}

  std::string_view view() const { return std::string_view(text_, size_); }
  bool is_token() const { return token_; }

 private:
  constexpr FieldName(std::string_view text, bool token)
      : text_(text.data()), size_(static_cast<uint32_t>(text.size())), token_(token) {}
  static consteval bool is_token_literal(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
  }

  const char* text_;
  uint32_t size_;
  bool token_;
};

/// A known name or word without capital letters, to which others are compared without case.
class LowerText {
 public:
  consteval LowerText(const char* text) : LowerText(std::string_view(text)) {}
  consteval LowerText(std::string_view text) : text_(text) {
    if (!std::all_of(text.begin(), text.end(), is_lower)) throw "only a-z, 0-9, '-' and ' '";
  }
  constexpr std::string_view view() const { return text_; }

 private:
  static consteval bool is_lower(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == ' ';
  }

  std::string_view text_;
};

namespace detail {
/// For as many bytes as a Word has. Of what may be in a LowerText only letters have the bit 0x40;
/// where they stand, the bit that tells small from capital ones does not count.
template <typename Word>
bool same_word(const char* text, const char* lower) {
  Word x;
  Word y;
  std::memcpy(&x, text, sizeof x);
  std::memcpy(&y, lower, sizeof y);
  const Word letters = y & static_cast<Word>(0x4040404040404040);
  return (x | letters >> 1) == y;
}
}  // namespace detail

/// iequals() for this case: of the comparison with a literal a few words are left.
inline bool iequals_lower(std::string_view text, LowerText known) {
  const std::string_view lower = known.view();
  if (text.size() != lower.size()) return false;
  if (lower.size() >= 8) {
    const size_t last = lower.size() - 8;
    for (size_t i = 0; i < last; i += 8) {
      if (!detail::same_word<uint64_t>(text.data() + i, lower.data() + i)) return false;
    }
    return detail::same_word<uint64_t>(text.data() + last, lower.data() + last);
  }
  if (lower.size() >= 4) {
    const size_t last = lower.size() - 4;
    return detail::same_word<uint32_t>(text.data(), lower.data()) &&
           detail::same_word<uint32_t>(text.data() + last, lower.data() + last);
  }
  for (size_t i = 0; i < lower.size(); ++i) {
    if (!detail::same_word<uint8_t>(text.data() + i, lower.data() + i)) return false;
  }
  return true;
}

}  // namespace drover::http
