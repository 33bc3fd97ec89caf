#pragma once
// Limits of credentials and signatures: what each limits, its unit, and what happens when it is
// reached.

#include <cstddef>

#include "base/time.h"

namespace drover::limits {

/// Derived signing keys kept by one signer or verifier; the oldest is replaced.
inline constexpr size_t kSigningKeysMax = 32;
/// Bytes of ~/.aws/credentials or config; larger is refused.
inline constexpr size_t kProfileBytesMax = 1u << 20;
/// One attempt to get or renew credentials or a token.
inline constexpr Duration kCredentialFetchTimeout = 10s;
/// How far the date of a signed request may be from the verifier's clock (as AWS has it).
inline constexpr Duration kSignatureSkewMax = 5min;

}  // namespace drover::limits
