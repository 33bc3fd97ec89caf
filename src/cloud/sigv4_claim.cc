#include "cloud/sigv4_claim.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/bytes.h"

namespace drover::cloud::sigv4 {
namespace {

constexpr std::string_view kIncomplete = "IncompleteSignatureException";

using Fields = std::map<std::string, std::string, std::less<>>;

Failure incomplete(std::string message) { return refuse(kIncomplete, std::move(message)); }

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (true) {
    const size_t end = text.find(separator);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

/// "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…", the fields in any order.
Result<Fields> fields_of_header(std::string_view value) {
  value.remove_prefix(kAlgorithm.size());
  Fields out;
  for (std::string_view part : split(value, ',')) {
    part = trim(part);
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) {
      return incomplete("the authorization header has a part that is not key=value");
    }
    if (!out.emplace(part.substr(0, equals), part.substr(equals + 1)).second) {
      return incomplete("the authorization header names a part twice");
    }
  }
  return out;
}

Result<Fields> fields_of_query(std::string_view query) {
  Fields out;
  for (std::string_view part : split(query, '&')) {
    if (!part.starts_with("X-Amz-")) continue;
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) return incomplete("a signing parameter has no value");
    auto value = percent_decode(part.substr(equals + 1));
    if (!value) return incomplete("a signing parameter is not percent-encoded");
    std::string name(part.substr(6, equals - 6));  // without "X-Amz-"
    if (!out.emplace(std::move(name), std::move(*value)).second) {
      return incomplete("a signing parameter occurs twice");
    }
  }
  return out;
}

Result<std::string> take(Fields& fields, std::string_view name) {
  auto found = fields.find(name);
  if (found == fields.end() || found->second.empty()) {
    return incomplete("the signature lacks " + std::string(name));
  }
  return std::move(found->second);
}

Result<void> read_credential(std::string_view credential, Claim& claim) {
  // The access key id comes first and may itself hold no slash.
  const auto parts = split(credential, '/');
  if (parts.size() != 5 || parts[4] != kTerminator || parts[0].empty()) {
    return incomplete("the credential is not KEY/DATE/REGION/SERVICE/aws4_request");
  }
  claim.access_key_id = parts[0];
  claim.date = parts[1];
  claim.region = parts[2];
  claim.service = parts[3];
  return {};
}

Result<void> read_signed_headers(std::string_view list, Claim& claim) {
  for (std::string_view name : split(list, ';')) {
    const bool in_order = claim.signed_headers.empty() || claim.signed_headers.back() < name;
    if (name.empty() || !in_order || to_lower(name) != name) {
      return incomplete("SignedHeaders is not a sorted list of lower-case names");
    }
    claim.signed_headers.emplace_back(name);
  }
  return {};
}

}  // namespace

std::optional<std::string_view> find_header(const Request& request, std::string_view lower_name) {
  const auto find = [&request](std::string_view wanted) -> std::optional<std::string_view> {
    for (const auto& [name, value] : request.headers) {
      if (iequals(name, wanted)) return value;
    }
    return std::nullopt;
  };
  if (auto value = find(lower_name)) return value;
  if (lower_name == "host" || lower_name == ":authority") {
    if (auto other = find(lower_name == "host" ? ":authority" : "host")) return other;
    if (!request.authority.empty()) return request.authority;
  }
  return std::nullopt;
}

Result<Claim> read_claim(const Request& request) {
  Claim claim;
  Fields fields;
  const auto header = find_header(request, "authorization");
  if (header && header->starts_with(kAlgorithm) &&
      header->substr(kAlgorithm.size()).starts_with(' ')) {
    TRY(fields, fields_of_header(*header));
    claim.amz_date = find_header(request, "x-amz-date").value_or("");
    if (claim.amz_date.empty()) return incomplete("the request has no x-amz-date");
  } else if (!header &&
             query_of(request.target).find("X-Amz-Signature=") != std::string_view::npos) {
    TRY(fields, fields_of_query(query_of(request.target)));
    TRY(const std::string algorithm, take(fields, "Algorithm"));
    if (algorithm != kAlgorithm) return incomplete("unknown signature algorithm");
    TRY(claim.amz_date, take(fields, "Date"));
    TRY(const std::string lifetime, take(fields, "Expires"));
    int64_t seconds = 0;
    const char* end = lifetime.data() + lifetime.size();
    const auto parsed = std::from_chars(lifetime.data(), end, seconds);
    if (parsed.ec != std::errc() || parsed.ptr != end || seconds < 1 || seconds > 604'800) {
      return incomplete("X-Amz-Expires is 1 to 604800 seconds");
    }
    claim.lifetime_seconds = seconds;
    claim.token = fields["Security-Token"];
  } else {
    return refuse("MissingAuthenticationTokenException", "the request is not signed");
  }
  TRY(const std::string credential, take(fields, "Credential"));
  TRY(const std::string names, take(fields, "SignedHeaders"));
  TRY(claim.signature, take(fields, "Signature"));
  TRY_VOID(read_credential(credential, claim));
  TRY_VOID(read_signed_headers(names, claim));
  return claim;
}

}  // namespace drover::cloud::sigv4
