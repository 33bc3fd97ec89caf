#pragma once
// AWS Signature Version 4: signs a request, in headers or (presigned) in the query. Signing is
// apart from getting and refreshing credentials (credentials.h): both and the time are handed in.
//
//   sigv4::Signer signer("us-east-1", "bedrock");
//   TRY(auto added, signer.sign(request, credentials, now));
//   for (auto& [name, value] : added) headers.set(name, value);
//
// Ownership: the signer owns a small cache of derived keys, wiped with it. Threads: one loop.
// Failure: unauthenticated, when credentials are empty or expired; invalid_argument, when the
// request has no host or payload hash. No message holds a secret.
// Limits: limits::kSigningKeysMax derived keys; a presigned URL lives at most seven days.
// Not here: SigV4A (multi-region keys), chunked payloads. Source: see sigv4_canonical.h.

#include <string>
#include <string_view>
#include <vector>

#include "base/limits/cloud.h"
#include "base/result.h"
#include "base/time.h"
#include "cloud/aws_credentials.h"
#include "cloud/sigv4_canonical.h"
#include "crypto/sha256.h"

namespace drover::cloud::sigv4 {

/// What was hashed on the way, for tests. It holds session tokens: not for logs.
struct Explanation {
  std::string canonical_request;
  std::string string_to_sign;
  std::string signature;
};

struct Options {
  PathRules path;
  /// Sends and signs x-amz-content-sha256 (S3 wants it; others take it).
  bool send_payload_hash = false;
  /// Sends the session token without signing it: a few old services want that.
  bool leave_token_unsigned = false;
  Explanation* explain = nullptr;
};

/// Signing keys by secret, date, region and service. Deriving one costs four HMACs, and one serves
/// for a day.
class KeyCache {
 public:
  const crypto::Digest& get(const Secret& secret, std::string_view date, std::string_view region,
                            std::string_view service);
  KeyCache() = default;
  KeyCache(const KeyCache&) = delete;
  KeyCache& operator=(const KeyCache&) = delete;
  ~KeyCache();

 private:
  struct Entry {
    Secret secret;
    std::string scope;
    crypto::Digest key;
  };
  std::vector<Entry> entries_;
  size_t oldest_ = 0;  // replaced next, once the cache is full
};

class Signer {
 public:
  Signer(std::string region, std::string service)
      : region_(std::move(region)), service_(std::move(service)) {}

  /// The headers to set on the request: x-amz-security-token (if there is one), x-amz-date,
  /// x-amz-content-sha256 (if asked for), authorization. Earlier values of these in the request are
  /// not signed, so that a retry may sign the same headers anew.
  Result<std::vector<http::Headers::Field>> sign(const Request& request,
                                                 const AwsCredentials& credentials, WallTime now,
                                                 const Options& options = {});

  /// The request target with its signature in the query, valid for `lifetime`.
  Result<std::string> presign(const Request& request, const AwsCredentials& credentials,
                              WallTime now, Duration lifetime, const Options& options = {});

 private:
  std::string signature(const Secret& secret, std::string_view amz_date, std::string canonical,
                        Explanation* explain);

  const std::string region_;
  const std::string service_;
  KeyCache keys_;
};

/// HMAC of the string to sign under a derived key, in hex.
std::string signature_hex(const crypto::Digest& key, std::string_view text);

/// Whether a header of the request is signed: all but those that proxies and connections change.
bool is_signable(std::string_view lower_name);

}  // namespace drover::cloud::sigv4
