#pragma once
// Copies a text that is mostly short, for what is put together out of many such: a call of memcpy
// costs more than the copy. Any thread.

#include <cstdint>
#include <cstring>
#include <string_view>

namespace drover {

/// Copies `text` to `to`, which has room for it and does not overlap it; gives the byte behind it.
inline char* copy_text(char* to, std::string_view text) {
  const char* from = text.data();
  const size_t n = text.size();
  // The last of it is copied together with some before it that were copied already.
  const auto ends = [&](auto word) {
    constexpr size_t kSize = sizeof word;
    std::memcpy(&word, from, kSize);
    std::memcpy(to, &word, kSize);
    std::memcpy(&word, from + n - kSize, kSize);
    std::memcpy(to + n - kSize, &word, kSize);
  };
  if (n > 32) {
    std::memcpy(to, from, n);
  } else if (n >= 16) {
    ends(__int128());
  } else if (n >= 8) {
    ends(uint64_t());
  } else if (n >= 4) {
    ends(uint32_t());
  } else if (n != 0) {
    to[0] = from[0];
    to[n / 2] = from[n / 2];
    to[n - 1] = from[n - 1];
  }
  return to + n;
}

}  // namespace drover
