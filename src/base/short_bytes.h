#pragma once
// Bytes that grow at their end and are written by who asked for the room, as RawBytes are, and that
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
      end_ = begin_;
      append(other.view());
    }
    return *this;
  }
  ShortBytes& operator=(ShortBytes&& other) noexcept {
    if (this != &other) take(other);
    return *this;
  }

  /// Where so many bytes more have room; they are there once end_at() says where they end. Valid
  /// until the next call.
  char* room(size_t bytes) {
    if (bytes > static_cast<size_t>(limit_ - end_)) grow(bytes);
    return end_;
  }
  void end_at(char* end) { end_ = end; }
  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
    end_ += bytes.size();
  }
  size_t size() const { return static_cast<size_t>(end_ - begin_); }
  std::string_view view() const { return {begin_, size()}; }

 private:
  void take(ShortBytes& other) {
    const size_t size = other.size();
    long_ = std::move(other.long_);
    if (long_ != nullptr) {
      begin_ = long_.get();
      limit_ = other.limit_;
    } else {
      begin_ = short_;
      limit_ = short_ + kInPlace;
      if (size != 0) std::memcpy(short_, other.short_, size);
    }
    end_ = begin_ + size;
    other.begin_ = other.end_ = other.short_;
    other.limit_ = other.short_ + kInPlace;
  }
  /// Apart: it is seldom needed, and stands in many places otherwise.
  [[gnu::noinline]] void grow(size_t bytes) {
    const size_t before = size();
    const size_t room = std::max(before + bytes, 2 * static_cast<size_t>(limit_ - begin_));
    std::unique_ptr<char[]> larger(new char[room]);
    if (before != 0) std::memcpy(larger.get(), begin_, before);
    long_ = std::move(larger);
    begin_ = long_.get();
    end_ = begin_ + before;
    limit_ = begin_ + room;
  }

  char* begin_ = short_;
  char* end_ = short_;
  char* limit_ = short_ + kInPlace;
  std::unique_ptr<char[]> long_;
  char short_[kInPlace];
};

}  // namespace drover
