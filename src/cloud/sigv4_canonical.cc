#include "cloud/sigv4_canonical.h"

#include <algorithm>

#include "base/bytes.h"
#include "crypto/sha256.h"

namespace drover::cloud::sigv4 {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/// Decodes valid escapes; a '%' that begins none stays a '%', so that every input has one form.
std::string lenient_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string encode_once(std::string_view text) { return percent_encode(lenient_decode(text)); }

std::string normalize(std::string_view path) {
  std::vector<std::string_view> kept;
  const bool ends_with_slash = path.ends_with('/');
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else {
      kept.push_back(segment);
    }
  }
  std::string out;
  for (std::string_view segment : kept) {
    out += '/';
    out += segment;
  }
  if (out.empty() || ends_with_slash) out += '/';
  return out;
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

void append_collapsed(std::string& out, std::string_view value) {
  while (!value.empty() && is_space(value.front())) value.remove_prefix(1);
  while (!value.empty() && is_space(value.back())) value.remove_suffix(1);
  bool space_before = false;
  for (char c : value) {
    const bool space = is_space(c);
    if (!space) out += c;
    if (space && !space_before) out += ' ';
    space_before = space;
  }
}

}  // namespace

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

std::string_view query_of(std::string_view target) {
  const size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

std::string canonical_path(std::string_view raw_path, PathRules rules) {
  std::string path = rules.normalize ? normalize(raw_path) : std::string(raw_path);
  if (path.empty()) path = "/";
  if (!rules.double_encode) path = lenient_decode(path);
  return percent_encode(path, /*keep_slash=*/true);
}

std::string canonical_query(std::string_view raw_query, std::string_view skip) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!raw_query.empty()) {
    const size_t end = raw_query.find('&');
    const std::string_view part = raw_query.substr(0, end);
    raw_query.remove_prefix(end == std::string_view::npos ? raw_query.size() : end + 1);
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    std::string name = encode_once(part.substr(0, equals));
    if (!skip.empty() && name == skip) continue;
    std::string value;
    if (equals != std::string_view::npos) value = encode_once(part.substr(equals + 1));
    parameters.emplace_back(std::move(name), std::move(value));
  }
  // By name and then value, not by the joined text: "a-b=1" sorts after "a=1" though '-' < '='.
  std::sort(parameters.begin(), parameters.end());
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out += '&';
    out += name;
    out += '=';
    out += value;
  }
  return out;
}

CanonicalHeaders canonical_headers(const std::vector<SignedHeader>& headers) {
  // Repeated names keep the order of the request, hence the index in the comparison.
  std::vector<size_t> order(headers.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&headers](size_t a, size_t b) {
    const int names = headers[a].name.compare(headers[b].name);
    return names != 0 ? names < 0 : a < b;
  });
  CanonicalHeaders out;
  for (size_t i = 0; i < order.size(); ++i) {
    const SignedHeader& header = headers[order[i]];
    const bool repeated = i > 0 && header.name == headers[order[i - 1]].name;
    if (repeated) {
      out.lines.back() = ',';  // instead of the line end
    } else {
      if (i > 0) out.names += ';';
      out.names += header.name;
      out.lines += header.name;
      out.lines += ':';
    }
    append_collapsed(out.lines, header.value);
    out.lines += '\n';
  }
  return out;
}

std::string canonical_request(std::string_view method, std::string_view path,
                              std::string_view query, const CanonicalHeaders& headers,
                              std::string_view payload_hash) {
  std::string out;
  out.reserve(method.size() + path.size() + query.size() + headers.lines.size() +
              headers.names.size() + payload_hash.size() + 8);
  for (std::string_view part :
       {method, path, query, std::string_view(headers.lines), std::string_view(headers.names)}) {
    out += part;
    out += '\n';
  }
  out += payload_hash;
  return out;
}

std::string credential_scope(std::string_view date, std::string_view region,
                             std::string_view service) {
  std::string out(date);
  for (std::string_view part : {region, service, kTerminator}) {
    out += '/';
    out += part;
  }
  return out;
}

std::string string_to_sign(std::string_view amz_date, std::string_view scope,
                           std::string_view canonical_request) {
  std::string out(kAlgorithm);
  for (std::string_view part : {amz_date, scope}) {
    out += '\n';
    out += part;
  }
  out += '\n';
  out += crypto::sha256_hex(canonical_request);
  return out;
}

Result<WallTime> parse_amz_date(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  bool well_formed = text.size() == 16;
  for (size_t i = 0; well_formed && i < text.size(); ++i) {
    well_formed = i == 8 ? text[i] == 'T' : i == 15 ? text[i] == 'Z' : digit(text[i]);
  }
  if (!well_formed) return fail(Code::kInvalidArgument, "x-amz-date is not YYYYMMDDTHHMMSSZ");
  // RFC 3339 without its separators.
  std::string spaced;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == 4 || i == 6) spaced += '-';
    if (i == 11 || i == 13) spaced += ':';
    spaced += text[i];
  }
  return parse_rfc3339(spaced);
}

}  // namespace drover::cloud::sigv4
