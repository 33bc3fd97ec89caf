#pragma once
// Internal to src/providers: how failures of one attempt become Errors. Pure.

#include <span>
#include <string_view>

#include "dialect/dialect.h"
#include "providers/credentials.h"
#include "providers/provider.h"

namespace drover::providers {

/// A failure while sending or reading. What the caller's own deadline or cancellation caused is
/// kNever; what an attempt's own timeout caused is for another target, `phase` as its reason if the
/// transport named none.
Error transport_error(Error error, const Context& ctx, std::string_view phase);

/// An answer that is no success: non-2xx, or of a media type that is not this API's.
Error refusal(const dialect::Dialect& dialect, const http::ResponseHead& head,
              std::string_view body, WallTime now);

/// An error in place of an answer, under status 200.
Error error_in_answer(const dialect::Dialect& dialect, std::string_view body);

/// Of an error that a provider states under status 200: true if it says that it will not do this (a
/// limit, overload, a fault of the request), false if it broke while it worked. Who does not work
/// bills nothing.
bool says_no(const Error& error);

/// Bytes that are not the dialect's: another endpoint may do better.
Error malformed(Error error);

/// Bytes with every secret replaced: before they are read as an error, because what is made of them
/// (a code in snake case, a cut message) may no longer hold the secret's exact bytes.
std::string without_secrets(std::string text, std::span<const SecretPtr> secrets);

/// The error with every secret in its texts replaced.
Error without_secrets(Error error, std::span<const SecretPtr> secrets);

}  // namespace drover::providers
