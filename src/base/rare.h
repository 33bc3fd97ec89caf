#pragma once
// Rare<T>: a T that mostly is as its default constructor makes it, and takes a pointer's room then.
// For what few of many values have, such as the error of an attempt: without it a structure is
// large for all of them, and each one's bytes are written, moved and read again for nothing.
//
// Read like a pointer that is never null. To write, make() it, or assign a T. Values; a copy is a
// copy of the T. What is read where it is not there is one T for the whole program: T's default
// must not change.

#include <memory>
#include <utility>

namespace drover {

template <typename T>
class Rare {
 public:
  Rare() = default;
  Rare(T value) : value_(std::make_unique<T>(std::move(value))) {}
  Rare(const Rare& o) : value_(o.value_ ? std::make_unique<T>(*o.value_) : nullptr) {}
  Rare(Rare&& o) noexcept = default;
  Rare& operator=(const Rare& o) {
    if (this != &o) value_ = o.value_ ? std::make_unique<T>(*o.value_) : nullptr;
    return *this;
  }
  Rare& operator=(Rare&& o) noexcept = default;
  Rare& operator=(T value) {
    make() = std::move(value);
    return *this;
  }

  /// It was assigned or made; it may be like the default all the same.
  explicit operator bool() const { return value_ != nullptr; }
  const T& operator*() const { return value_ ? *value_ : none(); }
  const T* operator->() const { return &**this; }
  /// To be written to; the default if it was not there.
  T& make() {
    if (!value_) value_ = std::make_unique<T>();
    return *value_;
  }
  /// The value, which is the default from then on.
  T take() {
    T out;
    if (value_) out = std::move(*value_);
    value_.reset();
    return out;
  }
  void reset() { value_.reset(); }

 private:
  static const T& none() {
    static const T kNone{};
    return kNone;
  }
  std::unique_ptr<T> value_;
};

}  // namespace drover
