#include "cloud/sigv4.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/bytes.h"
#include "base/limits/cloud.h"
#include "crypto/hmac.h"

namespace drover::cloud::sigv4 {
namespace {

// Sorted. Hop-by-hop headers, those that proxies rewrite, and trace context, which a proxy may
// replace. The same set as the official SDKs', and W3C's trace headers.
constexpr std::array<std::string_view, 22> kUnsignable = {"authorization",
                                                          "baggage",
                                                          "cache-control",
                                                          "connection",
                                                          "expect",
                                                          "from",
                                                          "keep-alive",
                                                          "max-forwards",
                                                          "pragma",
                                                          "proxy-authorization",
                                                          "referer",
                                                          "sec-websocket-key",
                                                          "sec-websocket-protocol",
                                                          "sec-websocket-version",
                                                          "te",
                                                          "traceparent",
                                                          "tracestate",
                                                          "trailer",
                                                          "transfer-encoding",
                                                          "upgrade",
                                                          "user-agent",
                                                          "x-amzn-trace-id"};
static_assert(std::is_sorted(kUnsignable.begin(), kUnsignable.end()));

// What the signer itself sets.
constexpr std::array<std::string_view, 3> kOwn = {"x-amz-content-sha256", "x-amz-date",
                                                  "x-amz-security-token"};

constexpr Duration kPresignMax = std::chrono::hours(7 * 24);

Result<void> check(const Request& request, const AwsCredentials& credentials, WallTime now) {
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    return fail(Code::kUnauthenticated, "AWS credentials are empty");
  }
  if (credentials.expires && *credentials.expires <= now) {
    return fail(Code::kUnauthenticated, "AWS credentials (" + credentials.source + ") expired at " +
                                            format_rfc3339(*credentials.expires));
  }
  if (request.payload_hash.empty()) {
    return fail(Code::kInvalidArgument, "sigv4: the payload hash is missing");
  }
  return {};
}

/// A name that SignedHeaders can carry: an RFC 9110 token, or ":authority".
bool is_name(std::string_view name) {
  if (name == ":authority") return true;
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
    return alphanumeric || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

Result<std::vector<SignedHeader>> headers_to_sign(const Request& request) {
  std::vector<SignedHeader> out;
  out.reserve(request.headers.size() + 4);
  bool host = false;
  for (const auto& [name, value] : request.headers) {
    SignedHeader header{to_lower(name), value};
    if (!is_signable(header.name)) continue;
    if (!is_name(header.name)) {
      return fail(Code::kInvalidArgument, "sigv4: a header's name is not a token");
    }
    if (std::find(kOwn.begin(), kOwn.end(), header.name) != kOwn.end()) continue;
    host |= header.name == "host" || header.name == ":authority";
    out.push_back(std::move(header));
  }
  if (!host) {
    if (request.authority.empty()) return fail(Code::kInvalidArgument, "sigv4: no host to sign");
    out.push_back({"host", request.authority});
  }
  return out;
}

std::string_view date_of(std::string_view amz_date) { return amz_date.substr(0, 8); }

}  // namespace

bool is_signable(std::string_view lower_name) {
  return !std::binary_search(kUnsignable.begin(), kUnsignable.end(), lower_name);
}

KeyCache::~KeyCache() {
  for (Entry& entry : entries_) explicit_bzero(entry.key.bytes.data(), entry.key.bytes.size());
}

const crypto::Digest& KeyCache::get(const Secret& secret, std::string_view date,
                                    std::string_view region, std::string_view service) {
  std::string scope = credential_scope(date, region, service);
  for (const Entry& entry : entries_) {
    if (entry.scope == scope && entry.secret.same(secret)) return entry.key;
  }
  std::string start = "AWS4";
  start += secret.reveal();
  crypto::Digest key = crypto::hmac_sha256(start, date);
  explicit_bzero(start.data(), start.size());
  for (std::string_view part : {region, service, kTerminator}) {
    key = crypto::hmac_sha256(key.view(), part);
  }
  Entry fresh{secret, std::move(scope), key};
  if (entries_.size() < limits::kSigningKeysMax) {
    entries_.push_back(std::move(fresh));
    return entries_.back().key;
  }
  Entry& replaced = entries_[oldest_];
  oldest_ = (oldest_ + 1) % entries_.size();
  replaced = std::move(fresh);
  return replaced.key;
}

std::string signature_hex(const crypto::Digest& key, std::string_view text) {
  return crypto::hmac_sha256(key.view(), text).hex();
}

std::string Signer::signature(const Secret& secret, std::string_view amz_date,
                              std::string canonical, Explanation* explain) {
  const std::string_view date = date_of(amz_date);
  const crypto::Digest& key = keys_.get(secret, date, region_, service_);
  std::string text = string_to_sign(amz_date, credential_scope(date, region_, service_), canonical);
  std::string out = signature_hex(key, text);
  if (explain) *explain = Explanation{std::move(canonical), std::move(text), out};
  return out;
}

Result<std::vector<http::Headers::Field>> Signer::sign(const Request& request,
                                                       const AwsCredentials& credentials,
                                                       WallTime now, const Options& options) {
  TRY_VOID(check(request, credentials, now));
  TRY(auto to_sign, headers_to_sign(request));
  const std::string amz_date = format_amz_date(now);
  const std::string_view token = credentials.session_token.reveal();

  std::vector<http::Headers::Field> added;
  added.reserve(4);
  if (!token.empty()) {
    added.emplace_back("X-Amz-Security-Token", token);
    if (!options.leave_token_unsigned) to_sign.push_back({"x-amz-security-token", token});
  }
  added.emplace_back("X-Amz-Date", amz_date);
  to_sign.push_back({"x-amz-date", amz_date});
  if (options.send_payload_hash) {
    added.emplace_back("x-amz-content-sha256", request.payload_hash);
    to_sign.push_back({"x-amz-content-sha256", request.payload_hash});
  }

  const CanonicalHeaders headers = canonical_headers(to_sign);
  const std::string signature_text = signature(
      credentials.secret_access_key, amz_date,
      canonical_request(request.method, canonical_path(path_of(request.target), options.path),
                        canonical_query(query_of(request.target)), headers, request.payload_hash),
      options.explain);
  std::string value(kAlgorithm);
  value += " Credential=" + credentials.access_key_id + '/';
  value += credential_scope(date_of(amz_date), region_, service_);
  value += ", SignedHeaders=" + headers.names + ", Signature=" + signature_text;
  added.emplace_back("Authorization", std::move(value));
  return added;
}

Result<std::string> Signer::presign(const Request& request, const AwsCredentials& credentials,
                                    WallTime now, Duration lifetime, const Options& options) {
  TRY_VOID(check(request, credentials, now));
  if (lifetime < 1s || lifetime > kPresignMax) {
    return fail(Code::kInvalidArgument, "sigv4: a presigned URL lives 1 second to 7 days");
  }
  TRY(auto to_sign, headers_to_sign(request));
  const CanonicalHeaders headers = canonical_headers(to_sign);
  const std::string amz_date = format_amz_date(now);
  const std::string credential =
      credentials.access_key_id + '/' + credential_scope(date_of(amz_date), region_, service_);

  std::string target(request.target);
  target += target.find('?') == std::string::npos ? '?' : '&';
  target += "X-Amz-Algorithm=";
  target += kAlgorithm;
  target += "&X-Amz-Credential=" + percent_encode(credential);
  target += "&X-Amz-Date=" + amz_date;
  target += "&X-Amz-SignedHeaders=" + percent_encode(headers.names);
  target += "&X-Amz-Expires=" + std::to_string(lifetime / 1s);
  std::string token;
  if (!credentials.session_token.empty()) {
    token = "&X-Amz-Security-Token=" + percent_encode(credentials.session_token.reveal());
  }
  if (!options.leave_token_unsigned) target += token;
  const std::string signature_text =
      signature(credentials.secret_access_key, amz_date,
                canonical_request(request.method, canonical_path(path_of(target), options.path),
                                  canonical_query(query_of(target)), headers, request.payload_hash),
                options.explain);
  if (options.leave_token_unsigned) target += token;
  target += "&X-Amz-Signature=" + signature_text;
  return target;
}

}  // namespace drover::cloud::sigv4
