#pragma once
// Copies short texts (names, values, numbers) in place: for those a call costs more than the copy.

#include <cstddef>
#include <cstring>
#include <string_view>

namespace drover {

namespace detail {
/// From N to 2 N bytes: the first N and the last N, which may overlap.
template <size_t N>
inline void copy_ends(char* to, const char* from, size_t size) {
  char first[N];
  char last[N];
  std::memcpy(first, from, N);
  std::memcpy(last, from + size - N, N);
  std::memcpy(to, first, N);
  std::memcpy(to + size - N, last, N);
}
}  // namespace detail

/// Copies the text to where there is room for it; gives the place behind it.
inline char* copy_text(char* to, std::string_view text) {
  const size_t size = text.size();
  if (size > 32) {
    std::memcpy(to, text.data(), size);
  } else if (size >= 16) {
    detail::copy_ends<16>(to, text.data(), size);
  } else if (size >= 8) {
    detail::copy_ends<8>(to, text.data(), size);
  } else if (size >= 4) {
    detail::copy_ends<4>(to, text.data(), size);
  } else if (size != 0) {
    to[0] = text[0];
    to[size / 2] = text[size / 2];
    to[size - 1] = text[size - 1];
  }
  return to + size;
}

}  // namespace drover
