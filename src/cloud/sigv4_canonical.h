#pragma once
// The canonical form of a request that AWS Signature Version 4 hashes. Pure functions, shared by
// the signer (sigv4.h) and the verifier (sigv4_verify.h); both work on the raw request target,
// because "%3A" and ":" in a path are different requests to AWS (canonical "%253A" and "%3A").
//
// Limits: those of the HTTP layer on targets and headers; nothing here is worse than n log n.
// Source: "Create a signed AWS API request" in the IAM User Guide; awslabs/aws-c-auth's vectors.

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "http/message.h"

namespace drover::cloud::sigv4 {

inline constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view kTerminator = "aws4_request";
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

/// How the path enters the canonical request. The defaults are every service's but S3's, which
/// takes neither.
struct PathRules {
  /// Removes "." and ".." segments and doubled slashes.
  bool normalize = true;
  /// Encodes what is already encoded once more.
  bool double_encode = true;
};

/// A request as it will be, or was, on the wire. Views: the caller keeps what they point to.
struct Request {
  std::string_view method;
  /// Raw request target: path and query, exactly as sent.
  std::string_view target;
  std::span<const http::Headers::Field> headers;
  /// The Host or ":authority" on the wire; stands in when `headers` has neither.
  std::string_view authority;
  /// SHA-256 of the body in lower-case hex (crypto::sha256_hex), or kUnsignedPayload.
  std::string_view payload_hash;
};

/// Target up to '?', and after it.
std::string_view path_of(std::string_view target);
std::string_view query_of(std::string_view target);

std::string canonical_path(std::string_view raw_path, PathRules rules);

/// Parameters encoded once, sorted by name, then value. Those named `skip` are left out.
std::string canonical_query(std::string_view raw_query, std::string_view skip = {});

/// One header that is signed: lower-case name, value as sent.
struct SignedHeader {
  std::string name;
  std::string_view value;
};

/// "name:value\n" lines, sorted; values trimmed, runs of white space collapsed, repeated names
/// joined with ','. And the ';'-separated list of names.
struct CanonicalHeaders {
  std::string lines;
  std::string names;
};
CanonicalHeaders canonical_headers(const std::vector<SignedHeader>& headers);

std::string canonical_request(std::string_view method, std::string_view path,
                              std::string_view query, const CanonicalHeaders& headers,
                              std::string_view payload_hash);

/// "20261123/us-east-1/bedrock/aws4_request".
std::string credential_scope(std::string_view date, std::string_view region,
                             std::string_view service);

std::string string_to_sign(std::string_view amz_date, std::string_view scope,
                           std::string_view canonical_request);

/// Reads "20261123T092000Z".
Result<WallTime> parse_amz_date(std::string_view text);

}  // namespace drover::cloud::sigv4
