#pragma once
// MostlyOne<T>: a list that mostly has one member, which lies in it; two and more lie together on
// the heap. For what is made, moved and gone with each call. Values; a list that was moved from is
// empty, and references live until the list grows. T has a default and moves without failing.

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace drover {

template <typename T>
class MostlyOne {
 public:
  MostlyOne() = default;
  MostlyOne(const MostlyOne& o)
      : size_(o.size_),
        one_(o.one_),
        all_(o.all_ ? std::make_unique<std::vector<T>>(*o.all_) : nullptr) {}
  MostlyOne(MostlyOne&& o) noexcept
      : size_(std::exchange(o.size_, 0)), one_(std::move(o.one_)), all_(std::move(o.all_)) {}
  MostlyOne& operator=(MostlyOne o) noexcept {
    size_ = o.size_;
    one_ = std::move(o.one_);
    all_ = std::move(o.all_);
    return *this;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* begin() { return all_ ? all_->data() : &one_; }
  T* end() { return begin() + size_; }
  const T* begin() const { return all_ ? all_->data() : &one_; }
  const T* end() const { return begin() + size_; }
  const T& operator[](size_t i) const { return begin()[i]; }
  T& back() { return end()[-1]; }
  const T& back() const { return end()[-1]; }

  void push_back(T value) { add() = std::move(value); }
  /// One more, as T's default makes it.
  T& add() {
    if (size_++ == 0) return one_ = T();
    if (!all_) {
      all_ = std::make_unique<std::vector<T>>();
      all_->push_back(std::move(one_));
    }
    return all_->emplace_back();
  }

 private:
  size_t size_ = 0;
  T one_{};
  std::unique_ptr<std::vector<T>> all_;  // where there are more
};

}  // namespace drover
