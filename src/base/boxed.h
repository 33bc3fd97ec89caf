#pragma once
// Boxed<T, E>: a result whose two sides are large, each on the heap. Used like tl::expected, and
// two pointers wide: a coroutine that waits for one holds a place for it in its frame all the
// while, and so does each that it is handed up through.
//
// Moved from, or made by the default, it holds neither: only to be assigned to, or to go. Values.

#include <memory>
#include <tl/expected.hpp>
#include <utility>

namespace drover {

template <typename T, typename E>
class Boxed {
 public:
  Boxed() = default;
  Boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}
  Boxed(std::unique_ptr<T> value) : value_(std::move(value)) {}
  Boxed(tl::unexpected<E> error) : error_(std::make_unique<E>(std::move(error).value())) {}

  bool has_value() const { return value_ != nullptr; }
  explicit operator bool() const { return has_value(); }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return std::move(*value_); }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }
  E& error() & { return *error_; }
  const E& error() const& { return *error_; }
  E&& error() && { return std::move(*error_); }
  /// The value where it lies: it holds neither then.
  std::unique_ptr<T> take() { return std::move(value_); }

 private:
  std::unique_ptr<T> value_;
  std::unique_ptr<E> error_;
};

}  // namespace drover
