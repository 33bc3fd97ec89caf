#pragma once
// The names of header fields: what they are made of, and how one comes into a Headers (message.h).
//
// Values, any thread. Source: RFC 9110 section 5.6.2.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
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

}  // namespace drover::http
