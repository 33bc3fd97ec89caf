#pragma once
// Bytes that grow at their end and are written by who asked for the room, like RawBytes, and that
// lie in their owner as long as they are few: what is put together once a call, handed on and gone.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace drover {

template <size_t kInPlace>
class ShortBytes {
 public:
  ShortBytes() = default;
  ShortBytes(const ShortBytes& other) { append(other.view()); }
  /// `other` is empty then.
  ShortBytes(ShortBytes&& other) noexcept { take(other); }
  ShortBytes& operator=(const ShortBytes& other) {
    if (this != &other) {
      size_ = 0;
      append(other.view());
    }
    return *this;
  }
  ShortBytes& operator=(ShortBytes&& other) noexcept {
    if (this != &other) take(other);
    return *this;
  }

  /// So many bytes more, which the caller writes; valid until the next call.
  char* extend(size_t bytes) {
    if (bytes > room_ - size_) grow(bytes);
    char* out = begin_ + size_;
    size_ += bytes;
    return out;
  }
  void append(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
  }
  size_t size() const { return size_; }
  std::string_view view() const { return {begin_, size_}; }

 private:
  void take(ShortBytes& other) {
    long_ = std::move(other.long_);
    begin_ = long_ != nullptr ? long_.get() : short_;
    if (long_ == nullptr && other.size_ != 0) std::memcpy(short_, other.short_, other.size_);
    size_ = std::exchange(other.size_, 0);
    room_ = std::exchange(other.room_, kInPlace);
    other.begin_ = other.short_;
  }
  /// Apart: it is seldom needed, and stands in many places otherwise.
  [[gnu::noinline]] void grow(size_t bytes) {
    const size_t room = std::max(size_ + bytes, 2 * room_);
    std::unique_ptr<char[]> larger(new char[room]);
    if (size_ != 0) std::memcpy(larger.get(), begin_, size_);
    long_ = std::move(larger);
    begin_ = long_.get();
    room_ = room;
  }

  char* begin_ = short_;
  size_t size_ = 0;
  size_t room_ = kInPlace;
  std::unique_ptr<char[]> long_;
  char short_[kInPlace];
};

}  // namespace drover
