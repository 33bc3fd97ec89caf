#pragma once
// Attestation evidence: a document in which hardware (or its vendor's service) vouches for what an
// endpoint runs. One interface over all kinds: a document and what is expected of it give claims,
// or an error with a precise reason. Pure: the time is handed in, trust is handed in.
//
// In the words of RFC 9334 (RATS): the endpoint is the attester, this is the verifier, and the road
// that sends work there is the relying party.
//
// A document is believed only if it is of the expected kind, signed under a pinned root or by a
// pinned issuer key, valid and young enough at `now`, not from a debug mode, with the measurements
// allowed, made for our nonce, and bound to the key of the connection we speak over. What is not
// expected (no nonce, no key) is not checked, and the claims say so: `for_nonce`, `bound`.
//
// Binding: a 32-byte nonce n, and k, the SHA-256 of the DER SubjectPublicKeyInfo of the TLS key.
//   AWS Nitro: the document's nonce is n, and its user_data is k (or its public_key is that
//              SubjectPublicKeyInfo).
//   NVIDIA:    has one field, so its nonce is bound_nonce(n, k), in hex.
//
// Values; any thread. Limits: base/limits/attest.h. Failure: invalid_argument with the reason
// "format" for bytes that are no such document; permission_denied otherwise, with one of the
// reasons "algorithm", "key", "signature", "root", "chain", "issuer", "digest", "expired",
// "not_yet_valid", "stale", "debug", "measurement", "verdict", "nonce", "binding".

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/limits/attest.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/jwt.h"
#include "crypto/sha256.h"

namespace drover::attest {

enum class Kind : uint8_t { kAwsNitro, kNvidiaCc };

/// "aws-nitro", "nvidia-cc": as catalogs, rules and the command line say it.
std::string_view kind_name(Kind kind);
Result<Kind> parse_kind(std::string_view name);
/// Both names, for messages: "aws-nitro, nvidia-cc".
std::string kind_names();

/// Whom an operator trusts, and which software: part of an endpoint's description.
struct Trust {
  // AWS Nitro.
  /// SHA-256 fingerprints of root certificates; empty: AWS's own root of the commercial partition.
  std::vector<crypto::Digest> roots;
  /// For each register that matters, the values allowed (raw bytes). Registers not named may hold
  /// anything; none at all is refused, since then any enclave of anybody would do.
  std::map<int, std::vector<std::string>> pcrs;
  /// Says that any enclave shall do (to look at a document, never to send work).
  bool any_measurement = false;

  // NVIDIA.
  crypto::JwkSet issuer_keys;
  std::string issuer = "https://nras.attestation.nvidia.com";
  /// Beginnings of "hwmodel" ("GH100") and exact driver versions allowed; empty: any that the
  /// issuer found good.
  std::vector<std::string> hardware;
  std::vector<std::string> drivers;

  /// Documents of a debug mode prove nothing: its memory can be read from outside.
  bool allow_debug = false;
};

struct Expectations {
  Kind kind = Kind::kAwsNitro;
  WallTime now;
  Duration max_age = limits::kEvidenceAgeMax;
  /// The nonce that was sent (raw bytes).
  std::optional<std::string> nonce;
  /// SHA-256 of the SubjectPublicKeyInfo of the connection's key.
  std::optional<crypto::Digest> connection_key;
  Trust trust;
};

/// What a verified document says.
struct Claims {
  Kind kind = Kind::kAwsNitro;
  /// The enclave's module, or the devices' ids.
  std::string subject;
  WallTime issued_at;
  /// When the certificate or the token that vouches for it ends.
  WallTime expires_at;
  bool debug = false;
  bool for_nonce = false;
  bool bound = false;
  /// Named facts in the document's order: "pcr0" → hex, "GPU-0.hwmodel" → "GH100 …".
  std::vector<std::pair<std::string, std::string>> facts;
  /// SHA-256 of the document, so that a journal can name it.
  crypto::Digest document;

  Json to_json() const;
};

/// The document as it came: CBOR bytes (Nitro), JSON text (NVIDIA).
Result<Claims> verify(std::string_view document, const Expectations& expected);

/// What an attester with one field for a nonce puts there: SHA-256("drover.attest.v1" 0x00 n k).
crypto::Digest bound_nonce(std::string_view nonce, const crypto::Digest& connection_key);

// For the verifiers.

/// permission_denied with a reason of the list above.
Error refusal(std::string_view reason, std::string message);
/// Puts "format" where an error has no reason yet.
Error as_format(Error error);
/// Neither from the future nor older than expected; "not_yet_valid", "stale".
Result<void> check_age(WallTime issued_at, const Expectations& expected);

}  // namespace drover::attest
