#pragma once
// Internal to src/store: the parts that the bytes of stored spans are made of. Numbers are
// little-endian. A text is its length and that many bytes; a length up to 127 is one byte, a
// greater one the byte 250 and 32 bits. (The bytes between tell apart the values of attributes,
// store/span_attributes.cc.)

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "base/text_copy.h"

namespace drover::store {

inline constexpr size_t kShortTextMax = 127;
inline constexpr uint8_t kLongText = 250;

/// The most that a text takes beside its bytes.
inline constexpr size_t kTextHeadMax = 1 + sizeof(uint32_t);

/// What a text of so many bytes takes.
constexpr size_t packed_text_size(size_t bytes) {
  return bytes + (bytes <= kShortTextMax ? 1 : kTextHeadMax);
}

/// Writes parts into room that is known to be large enough. All of it in place: one call would have
/// the compiler keep the place in memory, and read it again behind each byte.
class SpanPutter {
 public:
  explicit SpanPutter(char* at) : at_(at) {}
  [[gnu::always_inline]] void bytes(const void* from, size_t n) {
    if (n != 0) std::memcpy(at_, from, n);
    at_ += n;
  }
  template <typename T>
  [[gnu::always_inline]] void number(T value) {
    if constexpr (std::endian::native == std::endian::little) {
      std::memcpy(at_, &value, sizeof value);
    } else {
      for (size_t i = 0; i < sizeof(T); ++i) {
        at_[i] = static_cast<char>(static_cast<std::make_unsigned_t<T>>(value) >> (8 * i));
      }
    }
    at_ += sizeof(T);
  }
  [[gnu::always_inline]] void text(std::string_view text) {
    if (text.size() <= kShortTextMax) {
      number(static_cast<uint8_t>(text.size()));
    } else {
      number(kLongText);
      number(static_cast<uint32_t>(text.size()));
    }
    at_ = copy_text(at_, text);
  }
  /// Behind what was written.
  char* at() const { return at_; }

 private:
  char* at_;
};

/// Takes parts off the front of bytes; once something is missing, all that follows is empty.
class SpanTaker {
 public:
  explicit SpanTaker(std::string_view bytes) : rest_(bytes) {}
  std::string_view bytes(size_t n) {
    if (n > rest_.size()) {
      fail();
      return {};
    }
    std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }
  template <typename T>
  T number() {
    const std::string_view in = bytes(sizeof(T));
    std::make_unsigned_t<T> value = 0;
    if (in.empty()) return 0;
    if constexpr (std::endian::native == std::endian::little) {
      std::memcpy(&value, in.data(), sizeof value);
    } else {
      for (size_t i = 0; i < sizeof value; ++i) {
        const auto byte = static_cast<std::make_unsigned_t<T>>(static_cast<unsigned char>(in[i]));
        value |= byte << (8 * i);
      }
    }
    return static_cast<T>(value);
  }
  /// A text whose first byte was taken.
  std::string_view text_after(uint8_t first) {
    if (first <= kShortTextMax) return bytes(first);
    if (first == kLongText) return bytes(number<uint32_t>());
    fail();
    return {};
  }
  std::string_view text() { return text_after(number<uint8_t>()); }
  void fail() {
    failed_ = true;
    rest_ = {};
  }
  bool empty() const { return rest_.empty(); }
  bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace drover::store
