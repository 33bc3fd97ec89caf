#pragma once
// Elliptic-curve signatures as JOSE and COSE use them: ES256 (P-256, SHA-256) and ES384 (P-384,
// SHA-384), the signature being r || s of fixed size (RFC 7518 section 3.4, RFC 9053 section 2.1).
//
// The algorithm belongs to the key, never to the message: what a document says of its own algorithm
// is compared with the key's, so that no message can choose how it is checked.
//
// Ownership: values; a copy shares the OpenSSL key, which is never changed. Threads: any.
// Failure: a key that is not on one of the two curves is invalid_argument; verify answers false for
// whatever is not the signature; OpenSSL failing to sign ends the process (DROVER_ASSERT).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "crypto/sha256.h"

struct evp_pkey_st;

namespace drover::crypto {

enum class SignatureAlgorithm : uint8_t { kEs256, kEs384 };

/// "ES256", "ES384": the JOSE name.
std::string_view jose_name(SignatureAlgorithm algorithm);
/// -7, -35: the COSE identifier (RFC 9053 table 1).
int64_t cose_id(SignatureAlgorithm algorithm);

class PublicKey {
 public:
  /// From a DER SubjectPublicKeyInfo (RFC 5280), with nothing after it.
  static Result<PublicKey> from_spki(std::string_view der);
  /// From the coordinates of a point (RFC 7518 section 6.2.1: each as long as the curve's field).
  static Result<PublicKey> from_point(SignatureAlgorithm algorithm, std::string_view x,
                                      std::string_view y);
  /// Takes part in what OpenSSL owns; for certificates.
  static Result<PublicKey> from_openssl(std::shared_ptr<evp_pkey_st> key);

  SignatureAlgorithm algorithm() const { return algorithm_; }
  bool verify(std::string_view message, std::string_view signature) const;
  std::string spki() const;
  /// The coordinates, as from_point takes them.
  std::string x() const;
  std::string y() const;
  /// SHA-256 of the SubjectPublicKeyInfo (as RFC 7469 pins keys).
  Digest fingerprint() const { return sha256(spki()); }

  evp_pkey_st* openssl() const { return key_.get(); }

 private:
  PublicKey(SignatureAlgorithm algorithm, std::shared_ptr<evp_pkey_st> key)
      : algorithm_(algorithm), key_(std::move(key)) {}
  SignatureAlgorithm algorithm_;
  std::shared_ptr<evp_pkey_st> key_;
};

/// A private key: the one that a server signs its journals with, and those of tests and simulated
/// issuers.
class SigningKey {
 public:
  static SigningKey generate(SignatureAlgorithm algorithm, Random& random);
  /// PKCS #8 in PEM, not encrypted; the message of a fault holds nothing of it.
  static Result<SigningKey> from_pem(std::string_view text);

  SignatureAlgorithm algorithm() const { return algorithm_; }
  PublicKey public_key() const;
  std::string sign(std::string_view message) const;
  /// PKCS #8 in PEM: for the file of a key.
  std::string pem() const;

  evp_pkey_st* openssl() const { return key_.get(); }

 private:
  SigningKey(SignatureAlgorithm algorithm, std::shared_ptr<evp_pkey_st> key)
      : algorithm_(algorithm), key_(std::move(key)) {}
  SignatureAlgorithm algorithm_;
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace drover::crypto
