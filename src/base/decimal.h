#pragma once
// Numbers as decimal text on hot paths: no allocation, no locale.

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace drover {

/// The text of a whole number, for who puts it together with other text.
class Decimal {
 public:
  explicit Decimal(std::integral auto n) {
    const char* end = std::to_chars(text_.data(), text_.data() + text_.size(), n).ptr;
    size_ = static_cast<size_t>(end - text_.data());
  }
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 20> text_;  // those of 64 bits have no more, with a sign
  size_t size_;
};

inline void append_decimal(std::string& out, std::integral auto n) { out += Decimal(n).view(); }

}  // namespace drover
