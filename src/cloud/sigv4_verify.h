#pragma once
// The other side of sigv4.h: checks the signature of a request, in headers or in the query, as AWS
// does. The simulated clouds use it, so that what our signer and the official SDKs send is proven
// and not assumed.
//
// It works from the raw request target. HTTP/1.1 clients sign "host", HTTP/2 clients ":authority";
// either is taken from whichever the request has. Signed must be: one of these, the date, and all
// x-amz-* headers of the request. The payload is checked against the hash that the caller made of
// the body that arrived.
//
// Ownership: the credentials that `lookup` points to live as long as the call. Threads: one loop.
// Failure: unauthenticated with AWS's name in `reason`: MissingAuthenticationTokenException,
// IncompleteSignatureException, UnrecognizedClientException, ExpiredTokenException,
// InvalidSignatureException. Messages say what differs, never what would have been right.
// Limits: limits::kSignatureSkewMax, limits::kSigningKeysMax.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits/cloud.h"
#include "cloud/sigv4.h"

namespace drover::cloud::sigv4 {

struct VerifyPolicy {
  /// The region that must have been signed for; empty: any.
  std::string region;
  /// The service names that may have been signed for; empty: any.
  std::vector<std::string> services;
  Duration skew_max = limits::kSignatureSkewMax;
  PathRules path;
  /// Takes x-amz-content-sha256: UNSIGNED-PAYLOAD.
  bool allow_unsigned_payload = false;
};

struct Verified {
  std::string access_key_id;
  std::string region;
  std::string service;
};

class Verifier {
 public:
  /// The credentials of an access key id, or null.
  using Lookup = std::function<const AwsCredentials*(std::string_view access_key_id)>;

  Verifier(VerifyPolicy policy, Lookup lookup)
      : policy_(std::move(policy)), lookup_(std::move(lookup)) {}

  /// `request.payload_hash` is of the body that arrived.
  Result<Verified> verify(const Request& request, WallTime now);

 private:
  const VerifyPolicy policy_;
  const Lookup lookup_;
  KeyCache keys_;
};

}  // namespace drover::cloud::sigv4
