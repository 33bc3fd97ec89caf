#pragma once
// Limits of attestation evidence: what each limits, its unit, and what happens when it is reached.

#include <cstddef>

#include "base/time.h"

namespace drover::limits {

/// Bytes of one evidence document as received; larger is refused.
inline constexpr size_t kEvidenceBytesMax = 256u << 10;
/// Certificates of a Nitro document's bundle, and devices of an NVIDIA one; more are refused.
inline constexpr size_t kEvidenceCertificatesMax = 8;
inline constexpr size_t kEvidenceDevicesMax = 64;
/// How far the clock of who issued evidence may be ahead of ours; further is refused.
inline constexpr Duration kEvidenceSkewMax = 60s;
/// How old evidence may be where the operator says nothing else.
inline constexpr Duration kEvidenceAgeMax = 10min;
/// A nonce that was not answered within this time is void.
inline constexpr Duration kNonceLifetime = 2min;
/// Endpoints of which evidence is held, and that have a nonce out; evidence of further ones is
/// refused with resource_exhausted, and the oldest nonce goes.
inline constexpr size_t kEvidenceHeldMax = 10'000;
inline constexpr size_t kNoncesMax = 10'000;
/// Fetching a document takes at most this long; then the fetch has failed.
inline constexpr Duration kEvidenceFetchTimeout = 20s;
/// How young rules may want evidence at the least; a requirement that wants it younger is refused.
inline constexpr Duration kEvidenceAgeMin = 10s;
/// However young evidence is wanted, an endpoint is asked for it at most so often, unless its own
/// max_age is shorter than twice that.
inline constexpr Duration kEvidenceRefetchMin = 5s;
/// The age that a call wanted is kept to for so long; then as the configuration says again.
inline constexpr Duration kEvidenceAskedFor = 6h;
/// The pause before a document is asked for again: at least, and after failures in a row at most.
inline constexpr Duration kEvidencePauseMin = 1s;
inline constexpr Duration kEvidencePauseMax = 60s;

}  // namespace drover::limits
