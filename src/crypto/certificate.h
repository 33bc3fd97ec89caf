#pragma once
// X.509 certificates (RFC 5280) for documents that bring their own chain: reading, checking a chain
// to one pinned root at a time that is handed in, and issuing (for tests and simulated issuers).
// TLS has its own checks (net/tls_context.h).
//
// A root is pinned by its SHA-256 fingerprint over the DER bytes; no system store is ever asked.
// Revocation lists are not fetched: what we check lives for hours.
//
// Ownership: values; copies share OpenSSL's object, which is never changed. Threads: any.
// Failure: invalid_argument for bytes that are no certificate; permission_denied from verify_chain
// with the reason "expired", "not_yet_valid" or "chain", naming the certificate.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "crypto/signing.h"

struct x509_st;

namespace drover::crypto {

class Certificate {
 public:
  /// Exactly one DER certificate.
  static Result<Certificate> from_der(std::string_view der);
  /// The first certificate of a PEM text.
  static Result<Certificate> from_pem(std::string_view pem);

  std::string der() const;
  std::string pem() const;
  /// SHA-256 of the DER bytes.
  Digest fingerprint() const { return sha256(der()); }
  Result<PublicKey> public_key() const;
  /// SHA-256 of the SubjectPublicKeyInfo, of whatever kind the key is.
  Digest public_key_fingerprint() const;
  /// The subject's common name; "(no name)" without one.
  std::string common_name() const;
  WallTime not_before() const;
  WallTime not_after() const;
  /// Whether the key usage extension, where there is one, lets the key sign documents.
  bool may_sign() const;

  x509_st* openssl() const { return certificate_.get(); }

 private:
  friend Certificate issue_certificate(const struct CertificateOptions&, const PublicKey&,
                                       const Certificate*, const SigningKey&);
  explicit Certificate(std::shared_ptr<x509_st> certificate)
      : certificate_(std::move(certificate)) {}
  std::shared_ptr<x509_st> certificate_;
};

/// Checks that `leaf` chains to `root` by way of some of `between` (in any order), each valid at
/// that time, an authority where it signs another, within path lengths, by keys of at least 112
/// bits of strength.
Result<void> verify_chain(const Certificate& leaf, std::span<const Certificate> between,
                          const Certificate& root, WallTime at);

struct CertificateOptions {
  std::string common_name;
  WallTime not_before;
  WallTime not_after;
  bool authority = false;
  /// Authorities that may follow; negative: any number.
  int path_length = -1;
  /// As OpenSSL writes them: "DNS:enclave.test,IP:127.0.0.1"; empty: none.
  std::string alternative_names;
};

/// A certificate for `subject`, signed by `issuer_key`; a self-signed one without `issuer`.
Certificate issue_certificate(const CertificateOptions& options, const PublicKey& subject,
                              const Certificate* issuer, const SigningKey& issuer_key);

}  // namespace drover::crypto
