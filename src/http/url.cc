// Url::parse: a strict reading of RFC 3986 absolute URLs with an authority. Whatever two parsers
// might read in two ways (user-info, back-slashes, control characters, zone ids) is refused.
#include <charconv>

#include "base/bytes.h"
#include "base/decimal.h"
#include "http/message.h"

namespace drover::http {
namespace {

uint16_t default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool is_ipv6_char(char c) {
  return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

Failure bad_url(std::string why) {
  return fail(Error(Code::kInvalidArgument, "not a usable URL: " + why).with_reason("bad_url"));
}

Result<uint16_t> parse_port(std::string_view text) {
  unsigned value = 0;
  auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size() || value == 0 ||
      value > 65535 || text.size() > 5) {
    return bad_url("the port must be a number from 1 to 65535");
  }
  return static_cast<uint16_t>(value);
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  for (unsigned char c : text) {
    if (c <= 0x20 || c >= 0x7f) {
      return bad_url("it holds a space, a control character or a character outside ASCII");
    }
  }
  Url out;
  size_t colon = text.find("://");
  if (colon == std::string_view::npos) return bad_url("it does not begin with http:// or https://");
  out.scheme = to_lower(text.substr(0, colon));
  if (out.scheme != "http" && out.scheme != "https") {
    return bad_url("the scheme must be http or https");
  }
  std::string_view rest = text.substr(colon + 3);
  if (rest.find_first_of("#\\") != std::string_view::npos) {
    return bad_url("it holds a fragment or a back-slash");
  }
  size_t authority_end = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, authority_end);
  std::string_view target =
      authority_end == std::string_view::npos ? std::string_view() : rest.substr(authority_end);
  // Not repeated in the message: it may hold a password.
  if (authority.find('@') != std::string_view::npos) return bad_url("it holds user information");

  std::string_view port_text;
  bool has_port = false;
  if (authority.starts_with('[')) {
    size_t close = authority.find(']');
    if (close == std::string_view::npos) return bad_url("the bracket of the address is not closed");
    out.host = to_lower(authority.substr(1, close - 1));
    std::string_view after = authority.substr(close + 1);
    if (!after.empty() && after[0] != ':') return bad_url("text follows the bracketed address");
    has_port = !after.empty();
    if (has_port) port_text = after.substr(1);
    for (char c : out.host) {
      if (!is_ipv6_char(c)) return bad_url("the bracketed address is not IPv6");
    }
    if (out.host.find(':') == std::string::npos)
      return bad_url("the bracketed address is not IPv6");
  } else {
    size_t port_at = authority.find(':');
    out.host = to_lower(authority.substr(0, port_at));
    has_port = port_at != std::string_view::npos;
    if (has_port) port_text = authority.substr(port_at + 1);
    for (char c : out.host) {
      if (!is_host_char(c)) return bad_url("the host holds a character that no host name has");
    }
  }
  if (out.host.empty()) return bad_url("it has no host");
  if (out.host.size() > 255) return bad_url("the host is longer than 255 bytes");
  out.port = default_port(out.scheme);
  if (has_port) {
    TRY(out.port, parse_port(port_text));
  }
  out.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  return out;
}

std::string Url::authority() const {
  constexpr std::string_view kMostBeside = "[]:65535";
  const bool v6 = host.find(':') != std::string::npos;
  std::string out;
  out.reserve(host.size() + kMostBeside.size());
  if (v6) out += '[';
  out += host;
  if (v6) out += ']';
  if (port != default_port(scheme)) {
    out += ':';
    append_decimal(out, port);
  }
  return out;
}

std::string Url::origin() const { return scheme + "://" + authority(); }

}  // namespace drover::http
