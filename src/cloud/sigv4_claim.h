#pragma once
// What a signed request claims of itself, read from its Authorization header or its query. Reading
// only: nothing here is believed before sigv4_verify.cc has checked the signature.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cloud/sigv4_canonical.h"

namespace drover::cloud::sigv4 {

struct Claim {
  std::string access_key_id;
  std::string date;  // YYYYMMDD of the scope
  std::string region;
  std::string service;
  std::string amz_date;
  std::vector<std::string> signed_headers;  // sorted, lower-case
  std::string signature;                    // 64 hex digits
  std::string token;                        // of the query; headers are looked up
  /// Presigned requests only: how long they are valid.
  std::optional<int64_t> lifetime_seconds;
};

/// Refuses with unauthenticated and AWS's exception name in `reason`.
Result<Claim> read_claim(const Request& request);

/// The first value of a header; ":authority" and "host" stand in for each other.
std::optional<std::string_view> find_header(const Request& request, std::string_view lower_name);

/// Shorthand of refusals: unauthenticated, with AWS's name of the exception.
inline Failure refuse(std::string_view exception, std::string message) {
  return fail(
      Error(Code::kUnauthenticated, std::move(message)).with_reason(std::string(exception)));
}

}  // namespace drover::cloud::sigv4
