#pragma once
// Limits of what crypto/ parses: what each limits, its unit, and what happens when it is reached
// (always a refusal with invalid_argument).

#include <cstddef>

namespace drover::limits {

/// Nesting levels, and data items in all, of one CBOR document.
inline constexpr int kCborDepthMax = 16;
inline constexpr size_t kCborItemsMax = 4'096;
/// Bytes of one DER certificate.
inline constexpr size_t kCertificateBytesMax = 16u << 10;
/// Bytes of one JSON Web Token in its compact form.
inline constexpr size_t kJwtBytesMax = 64u << 10;
/// Bytes of one JSON Web Key Set, and keys of one.
inline constexpr size_t kJwksBytesMax = 1u << 20;
inline constexpr size_t kJwksKeysMax = 256;

}  // namespace drover::limits
