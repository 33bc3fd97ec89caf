#pragma once
// Numbers as decimal text on hot paths: no allocation, no locale.

#include <array>
#include <charconv>
#include <cstdint>
#include <string>

namespace drover {

inline void append_decimal(std::string& out, int64_t n) {
  std::array<char, 24> digits;
  auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n);
  out.append(digits.data(), end.ptr);
}

}  // namespace drover
