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
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

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

template <typename T>
using Result = tl::expected<T, Error>;

/// Shorthand: `return fail(Code::kNotFound, "no such key");`
inline tl::unexpected<Error> fail(Code code, std::string message, Retry retry = Retry::kNever) {
  return tl::unexpected<Error>(Error(code, std::move(message), retry));
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

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
