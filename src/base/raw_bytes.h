#pragma once
// Bytes that grow at their end and are written by who asked for the room: a string would fill it
// with zeros first, which costs as much as the writing where many pieces are put together.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace drover {

class RawBytes {
 public:
  RawBytes() = default;
  /// With room for what there is.
  RawBytes(const RawBytes& other) {
    if (other.size_ != 0) std::memcpy(extend(other.size_), other.bytes_.get(), other.size_);
  }
  /// `other` is empty then.
  RawBytes(RawBytes&& other) noexcept { swap(other); }
  RawBytes& operator=(RawBytes other) noexcept {
    swap(other);
    return *this;
  }
  void swap(RawBytes& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    std::swap(room_, other.room_);
  }
  /// Room for so many bytes in all.
  void reserve(size_t bytes) {
    if (bytes <= room_) return;
    std::unique_ptr<char[]> larger(new char[bytes]);
    if (size_ != 0) std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
    room_ = bytes;
  }
  /// So many bytes more, which the caller writes; valid until the next call.
  char* extend(size_t bytes) {
    if (bytes > room_ - size_) grow(bytes);
    char* out = bytes_.get() + size_;
    size_ += bytes;
    return out;
  }
  /// Gives back what was asked for and not written: the first `size` bytes stay.
  void cut(size_t size) { size_ = std::min(size_, size); }
  size_t size() const { return size_; }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  /// Apart: it is seldom needed, and stands in many places otherwise.
  [[gnu::noinline]] void grow(size_t bytes) { reserve(std::max(size_ + bytes, 2 * room_)); }

  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  size_t room_ = 0;
};

}  // namespace drover
