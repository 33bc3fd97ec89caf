#pragma once
// A text that lies in its owner as long as it is short: names and ids that are too long for a
// std::string to hold in place, kept for the length of a call. What is longer is allocated.

#include <concepts>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include "base/text_copy.h"

namespace drover {

template <size_t kInPlace>
class ShortText {
 public:
  ShortText() = default;
  template <typename T>
    requires std::convertible_to<const T&, std::string_view>
  ShortText(const T& text) {
    assign(text);
  }
  /// `other` is empty then.
  ShortText(ShortText&& other) noexcept { *this = std::move(other); }
  ShortText& operator=(ShortText&& other) noexcept {
    if (this == &other) return *this;
    if (other.long_ == nullptr) copy_text(short_, other.view());
    long_ = std::move(other.long_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  /// The parts one after the other; none of them a part of this one.
  void assign(std::string_view first, std::string_view second = {}, std::string_view third = {}) {
    size_ = first.size() + second.size() + third.size();
    if (size_ > kInPlace) {
      long_.reset(new char[size_]);
    } else if (long_ != nullptr) {
      long_.reset();
    }
    char* at = long_ != nullptr ? long_.get() : short_;
    copy_text(copy_text(copy_text(at, first), second), third);
  }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {long_ != nullptr ? long_.get() : short_, size_}; }

 private:
  size_t size_ = 0;
  std::unique_ptr<char[]> long_;
  char short_[kInPlace];
};

}  // namespace drover
