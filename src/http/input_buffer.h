#pragma once
// The bytes read from a connection and not yet used, contiguous, so that heads and bodies are
// parsed in place. Views into it die with make_room(). One owner, one thread. The capacity grows on
// demand to what the caller asks for; a connection that waits gives it back, so that ten thousand
// idle ones hold none. Buffers of the usual size are kept for the next one that is asked for.

#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace drover::http {

class InputBuffer {
 public:
  static constexpr size_t kSmall = 8u << 10;
  static constexpr size_t kLarge = 64u << 10;

  std::string_view pending() const { return std::string_view(data_.get() + pos_, end_ - pos_); }
  /// The same to be changed in place.
  std::span<char> bytes() { return std::span<char>(data_.get() + pos_, end_ - pos_); }
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
      Memory bigger = take(capacity);
      if (!empty()) std::memcpy(bigger.get(), data_.get() + pos_, size());
      data_ = std::move(bigger);
      capacity_ = capacity;
    }
    end_ -= pos_;
    pos_ = 0;
    return tail();
  }
  /// Gives the memory back, unless something is pending in it.
  void release() {
    if (!empty()) return;
    if (capacity_ == kSmall) {
      std::vector<Memory>& kept = spare();
      if (kept.size() < kSpareMax) kept.push_back(std::move(data_));
    }
    data_.reset();
    capacity_ = pos_ = end_ = 0;
  }

 private:
  using Memory = std::unique_ptr<char[]>;
  static constexpr size_t kSpareMax = 32;
  static std::vector<Memory>& spare() {
    thread_local std::vector<Memory> spare;
    return spare;
  }
  static Memory take(size_t capacity) {
    if (capacity != kSmall) return Memory(new char[capacity]);
    std::vector<Memory>& kept = spare();
    if (kept.empty()) return Memory(new char[capacity]);
    Memory out = std::move(kept.back());
    kept.pop_back();
    return out;
  }

  Memory data_;
  size_t capacity_ = 0;
  size_t pos_ = 0;
  size_t end_ = 0;
};

}  // namespace drover::http
