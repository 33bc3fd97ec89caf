#pragma once
// The hash chain of a session's events, the salted commitment to a payload, and keyed content
// names for blobs (DESIGN.md, "The contract"). Pure functions.
//
//   commitment(n) = HMAC-SHA256(salt(n), payload(n))
//   chain(0)      = SHA-256("drover.chain.v1" 0x00 session id)
//   chain(n)      = SHA-256(chain(n-1) || envelope(n) || commitment(n))
//
// The first and last part of a link have a fixed size, so no two inputs give the same bytes. The
// payload enters only through its commitment: after a purge (payload and salt destroyed, the
// commitment kept) the chain still verifies, and without the salt the commitment gives no way to
// test a guess at the payload. The envelope's bytes must be canonical; the caller sees to that.
//
// Content names are keyed by session: equal content in two sessions has two names, so that a name
// tells nobody that content was seen before.
//
// Threads: any. Failure: a short salt or key is a fault of the program (DROVER_ASSERT).

#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/sha256.h"

namespace drover::crypto {

inline constexpr size_t kSaltBytes = 16;
inline constexpr size_t kContentKeyBytes = 32;

/// A fresh salt for one payload.
std::string make_salt(Random& random);
/// A fresh key for the content names of one session.
Secret make_content_key(Random& random);

/// Commits to a payload without revealing it. The salt has at least kSaltBytes.
Digest payload_commitment(std::string_view salt, std::string_view payload);

/// The hash that precedes a session's first event.
Digest chain_start(std::string_view session_id);
/// The hash of an event whose predecessor's hash is `previous`.
Digest chain_next(const Digest& previous, std::string_view envelope, const Digest& commitment);

/// Reads a digest from 64 hex digits.
Result<Digest> parse_digest(std::string_view hex);

/// The keyed name of a blob: 64 hex digits. The key has at least kContentKeyBytes.
std::string content_name(const Secret& session_key, std::string_view content);

}  // namespace drover::crypto
