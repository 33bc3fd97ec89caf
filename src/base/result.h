#pragma once
// Errors as values. Every function that can fail returns Result<T>; exceptions are for start-up
// only.
//
// An Error names a canonical code (what kind of failure), a retry class (what may be tried next),
// a message a person can act on, and notes added on the way up. Messages never hold secrets.
//
//   Result<int> parse(std::string_view);
//   TRY(int n, parse(text));            // in a plain function: returns the error upwards
//   CO_TRY(auto body, co_await read()); // in a coroutine
//
// Thread safety: values; no shared state.

#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace drover {

/// Canonical failure codes (the names of google.rpc.Code, which A2A and gRPC share).
enum class Code : uint8_t {
  kCancelled,
  kInvalidArgument,
  kDeadlineExceeded,
  kNotFound,
  kAlreadyExists,
  kPermissionDenied,
  kUnauthenticated,
  kResourceExhausted,
  kFailedPrecondition,
  kAborted,
  kOutOfRange,
  kUnimplemented,
  kInternal,
  kUnavailable,
  kDataLoss,
};

/// What an error allows: nothing, the same target again, another target, or a wait first.
enum class Retry : uint8_t { kNever, kSameTarget, kOtherTarget, kAfter };

/// Lower-case wire name of a code, such as "not_found".
std::string_view code_name(Code code);
/// Lower-case wire name of a retry class, such as "other_target".
std::string_view retry_name(Retry retry);

struct Error {
  Code code = Code::kInternal;
  Retry retry = Retry::kNever;
  /// For people: what went wrong and, where known, what to do.
  std::string message;
  /// Machine-readable detail within the code, such as "context_length_exceeded"; may be empty.
  std::string reason;
  /// How long the other side asked to be left alone.
  std::optional<std::chrono::nanoseconds> retry_after;
  /// Context added on the way up, innermost first.
  std::vector<std::string> notes;

  Error() = default;
  Error(Code c, std::string m, Retry r = Retry::kNever)
      : code(c), retry(r), message(std::move(m)) {}

  Error& note(std::string text) & {
    notes.push_back(std::move(text));
    return *this;
  }
  Error&& note(std::string text) && {
    notes.push_back(std::move(text));
    return std::move(*this);
  }
  Error&& with_reason(std::string text) && {
    reason = std::move(text);
    return std::move(*this);
  }
  Error&& with_retry(Retry r) && {
    retry = r;
    return std::move(*this);
  }

  /// "not_found: no session s_1 (while reading the journal)".
  std::string to_string() const;
};

namespace detail {
/// Errors on the heap: what makes and ends them is out of line, and of no weight where none is.
[[gnu::returns_nonnull]] Error* box_error(Error&& error);
[[gnu::returns_nonnull]] Error* box_error(const Error& error);
void end_error(Error* error);
}  // namespace detail

/// What fail() makes, for a Result to take. A pointer: what a coroutine returns may stand in its
/// frame for as long as that waits for something else. Moved from, it is only to go.
class Failure {
 public:
  explicit Failure(Error&& error) : error_(detail::box_error(std::move(error))) {}
  explicit Failure(const Error& error) : error_(detail::box_error(error)) {}
  Failure(Failure&& o) noexcept : error_(std::exchange(o.error_, nullptr)) {}
  Failure& operator=(Failure&& o) noexcept {
    std::swap(error_, o.error_);
    return *this;
  }
  ~Failure() {
    if (error_ != nullptr) detail::end_error(error_);
  }

  const Error& value() const { return *error_; }
  /// The error, which is the caller's to end.
  Error* release() && {
    DROVER_ASSERT(error_ != nullptr);
    return std::exchange(error_, nullptr);
  }

 private:
  Error* error_;
};

/// Says which of a Result's constructors is meant, as make_unique_for_overwrite() does.
struct ForOverwrite {};

/// A value or an Error, used like std::expected<T, Error>. The error lies on the heap: it is some
/// hundred bytes, and each frame of a coroutine on a result's way up has room for it, mostly in
/// vain. A T does not throw when it is moved. Moved from, a Result still holds what it held, a
/// value or an error, itself moved from.
template <typename T>
class Result {
 public:
  Result()
    requires std::is_default_constructible_v<T>
      : value_() {}
  /// Of a T that says all it is at first, which is not zeroed before that.
  explicit Result(ForOverwrite) { ::new (static_cast<void*>(std::addressof(value_))) T; }
  template <typename U = T>
    requires(!std::is_same_v<std::remove_cvref_t<U>, Result> &&
             !std::is_same_v<std::remove_cvref_t<U>, ForOverwrite> &&
             !std::is_same_v<std::remove_cvref_t<U>, Failure> && std::is_constructible_v<T, U &&>)
  explicit(!std::is_convertible_v<U&&, T>) Result(U&& value) : value_(std::forward<U>(value)) {}
  Result(Failure failure) : error_(std::move(failure).release()) {}
  Result(const Result& o)
    requires std::is_copy_constructible_v<T>
  {
    if (o.has_value()) {
      std::construct_at(std::addressof(value_), o.value_);
    } else {
      error_ = detail::box_error(*o.error_);
    }
  }
  Result(Result&& o) noexcept(std::is_nothrow_move_constructible_v<T>)
    requires std::is_move_constructible_v<T>
  {
    if (o.has_value()) {
      std::construct_at(std::addressof(value_), std::move(o.value_));
    } else {
      error_ = detail::box_error(std::move(*o.error_));
    }
  }
  /// Of what a T is made from, such as the pointer to a class that is derived from T's.
  template <typename U>
    requires(!std::is_same_v<U, T> && std::is_constructible_v<T, U &&> &&
             !std::is_constructible_v<T, Result<U> &&>)
  explicit(!std::is_convertible_v<U&&, T>) Result(Result<U> o) {
    if (o.has_value()) {
      std::construct_at(std::addressof(value_), *std::move(o));
    } else {
      error_ = detail::box_error(std::move(o).error());
    }
  }
  Result& operator=(const Result& o)
    requires std::is_copy_constructible_v<T> && std::is_copy_assignable_v<T>
  {
    if (this == &o) return *this;
    if (has_value() && o.has_value()) {
      value_ = o.value_;
      return *this;
    }
    return *this = Result(o);
  }
  Result& operator=(Result&& o) noexcept(std::is_nothrow_move_constructible_v<T> &&
                                         std::is_nothrow_move_assignable_v<T>)
    requires std::is_move_constructible_v<T> && std::is_move_assignable_v<T>
  {
    if (this == &o) return *this;
    if (has_value() && o.has_value()) {
      value_ = std::move(o.value_);
      return *this;
    }
    std::destroy_at(this);
    std::construct_at(this, std::move(o));
    return *this;
  }
  ~Result() {
    if (error_ != nullptr) {
      detail::end_error(error_);
    } else {
      std::destroy_at(std::addressof(value_));
    }
  }

  bool has_value() const { return error_ == nullptr; }
  explicit operator bool() const { return has_value(); }
  T& operator*() & { return value_; }
  const T& operator*() const& { return value_; }
  T&& operator*() && { return std::move(value_); }
  T* operator->() { return std::addressof(value_); }
  const T* operator->() const { return std::addressof(value_); }
  /// Throws where there is none: for start-up only.
  T& value() & { return check(), value_; }
  const T& value() const& { return check(), value_; }
  T&& value() && { return check(), std::move(value_); }
  template <typename U>
  T value_or(U&& other) const& {
    return has_value() ? value_ : static_cast<T>(std::forward<U>(other));
  }
  template <typename U>
  T value_or(U&& other) && {
    return has_value() ? std::move(value_) : static_cast<T>(std::forward<U>(other));
  }
  /// Precondition: there is no value.
  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return std::move(*error_); }
  /// It is this value, and no error.
  template <typename U>
    requires(!std::is_same_v<U, Result>)
  friend bool operator==(const Result& r, const U& value) {
    return r.has_value() && *r == value;
  }

 private:
  void check() const {
    if (!has_value()) throw tl::bad_expected_access<Error>(*error_);
  }

  Error* error_ = nullptr;  // null: there is a value
  union {
    T value_;
  };
};

/// Nothing, or an Error.
template <>
class Result<void> {
 public:
  Result() = default;
  Result(Failure failure) : error_(std::move(failure).release()) {}
  Result(const Result& o) : error_(o.error_ ? detail::box_error(*o.error_) : nullptr) {}
  Result(Result&& o) noexcept
      : error_(o.error_ ? detail::box_error(std::move(*o.error_)) : nullptr) {}
  Result& operator=(Result o) noexcept {
    std::swap(error_, o.error_);
    return *this;
  }
  ~Result() {
    if (error_ != nullptr) detail::end_error(error_);
  }

  bool has_value() const { return error_ == nullptr; }
  explicit operator bool() const { return has_value(); }
  /// Throws where there is an error: for start-up only.
  void value() const {
    if (!has_value()) throw tl::bad_expected_access<Error>(*error_);
  }
  /// Precondition: it has one.
  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return std::move(*error_); }

 private:
  Error* error_ = nullptr;
};

/// Shorthand: `return fail(Code::kNotFound, "no such key");`
inline Failure fail(Code code, std::string message, Retry retry = Retry::kNever) {
  return Failure(Error(code, std::move(message), retry));
}
inline Failure fail(Error&& error) { return Failure(std::move(error)); }
inline Failure fail(const Error& error) { return Failure(error); }

}  // namespace drover

#define DROVER_CAT_(a, b) a##b
#define DROVER_CAT(a, b) DROVER_CAT_(a, b)
#define DROVER_TRY_(tmp, decl, ret, ...)                \
  auto tmp = (__VA_ARGS__);                             \
  if (!tmp) ret ::drover::fail(std::move(tmp).error()); \
  decl = std::move(*tmp)
#define DROVER_TRY_VOID_(tmp, ret, ...)                   \
  do {                                                    \
    auto tmp = (__VA_ARGS__);                             \
    if (!tmp) ret ::drover::fail(std::move(tmp).error()); \
  } while (0)

/// TRY(auto x, expr): declares x from a Result or returns its error.
#define TRY(decl, ...) DROVER_TRY_(DROVER_CAT(try_, __COUNTER__), decl, return, __VA_ARGS__)
/// TRY_VOID(expr): returns the error of a Result<void>.
#define TRY_VOID(...) DROVER_TRY_VOID_(DROVER_CAT(try_, __COUNTER__), return, __VA_ARGS__)
/// The same two inside a coroutine; expr may begin with co_await.
#define CO_TRY(decl, ...) DROVER_TRY_(DROVER_CAT(try_, __COUNTER__), decl, co_return, __VA_ARGS__)
#define CO_TRY_VOID(...) DROVER_TRY_VOID_(DROVER_CAT(try_, __COUNTER__), co_return, __VA_ARGS__)
