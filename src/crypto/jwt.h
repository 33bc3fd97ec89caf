#pragma once
// JSON Web Tokens (RFC 7519) in the compact form of a JSON Web Signature (RFC 7515), and JSON Web
// Key Sets (RFC 7517), as far as we rely on what others signed.
//
// Strict: three parts of base64url in its one spelling, header and claims objects in which no name
// stands twice at any depth, "alg" that of the key (so "none" and HS256 find no key at all), a
// "kid" that the given set has, no "crit", no "b64", and no key taken from the token (jku, jwk, x5u
// and x5c are never followed). RFC 8725 has the reasons.
//
// What claims mean (times, issuer, nonce) is for the caller.
//
// Ownership: values. Threads: any. Limits: base/limits/crypto.h. Failure: invalid_argument for the
// form; permission_denied with the reason "algorithm", "key" or "signature".

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "crypto/signing.h"

namespace drover::crypto {

/// The keys of an issuer, by id.
class JwkSet {
 public:
  /// Reads {"keys": […]}. Keys that are not for signatures, or of kinds that we do not use, are
  /// passed over (RFC 7517 section 5); a private key, or an id that stands twice, is refused.
  static Result<JwkSet> parse(std::string_view json);

  const PublicKey* find(std::string_view id) const;
  void add(std::string id, PublicKey key);
  bool empty() const { return keys_.empty(); }
  size_t size() const { return keys_.size(); }
  Json to_json() const;

 private:
  std::vector<std::pair<std::string, PublicKey>> keys_;
};

struct Jwt {
  std::string algorithm;
  std::string key_id;
  Json header;
  Json claims;
  std::string signed_part;  // header '.' claims, as received
  std::string signature;
};

/// The form alone: nothing of it is to be believed yet.
Result<Jwt> parse_jwt(std::string_view compact);

Result<void> verify_jwt(const Jwt& token, const JwkSet& keys);

/// A signed token; for tests and for the simulated issuers.
std::string make_jwt(const Json& claims, const SigningKey& key, std::string_view key_id);

/// The name that stands twice in an object somewhere in the tree; empty if none does.
std::string duplicate_name(const Json& json);

}  // namespace drover::crypto
