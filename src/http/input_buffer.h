#pragma once
// The bytes read from a connection and not yet used, contiguous, so that heads and bodies are
// parsed in place. Views into it die with make_room(). One owner, no threads. The capacity grows on
// demand to what the caller asks for and falls back when a connection idles.

#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "base/assert.h"

namespace drover::http {

class InputBuffer {
 public:
  static constexpr size_t kSmall = 8u << 10;
  static constexpr size_t kLarge = 64u << 10;

  std::string_view pending() const { return std::string_view(data_.get() + pos_, end_ - pos_); }
  bool empty() const { return pos_ == end_; }
  size_t size() const { return end_ - pos_; }
  void consume(size_t n) {
    DROVER_DASSERT(n <= size());
    pos_ += n;
  }
  /// Space behind the pending bytes; moves nothing.
  std::span<char> tail() { return std::span<char>(data_.get() + end_, capacity_ - end_); }
  void commit(size_t n) { end_ += n; }

  /// At least `room` bytes of tail, moving or growing as needed.
  std::span<char> make_room(size_t room) {
    if (empty()) pos_ = end_ = 0;
    if (capacity_ - end_ >= room) return tail();
    if (capacity_ - size() >= room) {
      std::memmove(data_.get(), data_.get() + pos_, size());
    } else {
      size_t wanted = size() + room;
      size_t capacity = capacity_ == 0 ? kSmall : capacity_;
      while (capacity < wanted) capacity *= 2;
      std::unique_ptr<char[]> bigger(new char[capacity]);
      if (!empty()) std::memcpy(bigger.get(), data_.get() + pos_, size());
      data_ = std::move(bigger);
      capacity_ = capacity;
    }
    end_ -= pos_;
    pos_ = 0;
    return tail();
  }
  /// Gives a grown buffer back when nothing is pending.
  void shrink() {
    if (!empty() || capacity_ <= kSmall) return;
    data_.reset();
    capacity_ = pos_ = end_ = 0;
  }

 private:
  std::unique_ptr<char[]> data_;
  size_t capacity_ = 0;
  size_t pos_ = 0;
  size_t end_ = 0;
};

}  // namespace drover::http
