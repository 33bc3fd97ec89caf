#include "cloud/sigv4_verify.h"

#include <algorithm>

#include "base/bytes.h"
#include "cloud/sigv4_claim.h"

namespace drover::cloud::sigv4 {
namespace {

constexpr std::string_view kInvalid = "InvalidSignatureException";

bool is_signed(const Claim& claim, std::string_view name) {
  return std::binary_search(claim.signed_headers.begin(), claim.signed_headers.end(), name);
}

/// All headers of the claimed names, in the order of the request.
Result<std::vector<SignedHeader>> signed_headers(const Request& request, const Claim& claim) {
  std::vector<SignedHeader> out;
  for (const std::string& name : claim.signed_headers) {
    const size_t before = out.size();
    for (const auto& [header, value] : request.headers) {
      if (iequals(header, name)) out.push_back({name, value});
    }
    if (out.size() > before) continue;
    const auto other = find_header(request, name);  // host for :authority and the reverse
    if (!other) return refuse(kInvalid, "a signed header is not in the request: " + name);
    out.push_back({name, *other});
  }
  return out;
}

Result<void> check_what_is_signed(const Request& request, const Claim& claim) {
  if (!is_signed(claim, "host") && !is_signed(claim, ":authority")) {
    return refuse(kInvalid, "neither host nor :authority is signed");
  }
  for (const auto& [name, value] : request.headers) {
    const std::string lower = to_lower(name);
    if (lower.starts_with("x-amz-") && !is_signed(claim, lower)) {
      return refuse(kInvalid, "a header that must be signed is not: " + lower);
    }
  }
  return {};
}

Result<void> check_scope_and_time(const VerifyPolicy& policy, const Claim& claim, WallTime now) {
  if (!policy.region.empty() && claim.region != policy.region) {
    return refuse(kInvalid, "the credential should be scoped to region " + policy.region);
  }
  const auto& services = policy.services;
  if (!services.empty() &&
      std::find(services.begin(), services.end(), claim.service) == services.end()) {
    return refuse(kInvalid, "the credential should be scoped to service " + services.front());
  }
  auto signed_at = parse_amz_date(claim.amz_date);
  if (!signed_at || claim.amz_date.substr(0, 8) != claim.date) {
    return refuse(kInvalid, "the date of the request does not fit its credential scope");
  }
  const Duration valid = claim.lifetime_seconds
                             ? Duration(std::chrono::seconds(*claim.lifetime_seconds))
                             : policy.skew_max;
  if (*signed_at > now + policy.skew_max) {
    return refuse(kInvalid, "the signature is not yet current: " + claim.amz_date + " is after " +
                                format_amz_date(now));
  }
  if (*signed_at + valid < now) {
    return refuse(kInvalid, "the signature has expired: " + claim.amz_date + " is before " +
                                format_amz_date(now));
  }
  return {};
}

Result<void> check_token(const Request& request, const Claim& claim,
                         const AwsCredentials& credentials) {
  constexpr std::string_view kUnknown = "UnrecognizedClientException";
  const std::string_view sent = claim.lifetime_seconds
                                    ? std::string_view(claim.token)
                                    : find_header(request, "x-amz-security-token").value_or("");
  const std::string_view expected = credentials.session_token.reveal();
  if (sent.empty() && !expected.empty()) {
    return refuse(kUnknown, "temporary credentials need x-amz-security-token");
  }
  if (!equal_constant_time(sent, expected)) {
    return refuse(kUnknown, "the security token is not that of the access key id");
  }
  return {};
}

/// The hash that went into the signature, once it is known to be that of the body.
Result<std::string_view> signed_payload_hash(const VerifyPolicy& policy, const Request& request) {
  const auto claimed = find_header(request, "x-amz-content-sha256");
  if (!claimed || *claimed == request.payload_hash) return request.payload_hash;
  if (*claimed == kUnsignedPayload && policy.allow_unsigned_payload) return kUnsignedPayload;
  return refuse(kInvalid, *claimed == kUnsignedPayload
                              ? "this service needs a signed payload"
                              : "x-amz-content-sha256 is not the hash of the body");
}

}  // namespace

Result<Verified> Verifier::verify(const Request& request, WallTime now) {
  TRY(Claim claim, read_claim(request));
  const AwsCredentials* credentials = lookup_(claim.access_key_id);
  if (!credentials) {
    return refuse("UnrecognizedClientException", "the access key id is not known");
  }
  TRY_VOID(check_scope_and_time(policy_, claim, now));
  if (credentials->expires && *credentials->expires <= now) {
    return refuse("ExpiredTokenException", "the session credentials have expired");
  }
  TRY_VOID(check_token(request, claim, *credentials));
  TRY_VOID(check_what_is_signed(request, claim));
  TRY(const std::string_view payload, signed_payload_hash(policy_, request));
  TRY(const auto headers, signed_headers(request, claim));

  const std::string canonical = canonical_request(
      request.method, canonical_path(path_of(request.target), policy_.path),
      canonical_query(query_of(request.target), claim.lifetime_seconds ? "X-Amz-Signature" : ""),
      canonical_headers(headers), payload);
  const std::string text = string_to_sign(
      claim.amz_date, credential_scope(claim.date, claim.region, claim.service), canonical);
  const crypto::Digest& key =
      keys_.get(credentials->secret_access_key, claim.date, claim.region, claim.service);
  if (!equal_constant_time(signature_hex(key, text), claim.signature)) {
    return refuse(kInvalid, "the signature does not match the request");
  }
  return Verified{std::move(claim.access_key_id), std::move(claim.region),
                  std::move(claim.service)};
}

}  // namespace drover::cloud::sigv4
