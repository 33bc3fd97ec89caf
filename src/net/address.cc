#include "net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace drover::net {
namespace {

struct Range4 {
  uint32_t base;
  int bits;
};
constexpr uint32_t v4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}
// Everything in IPv4 that is not public unicast.
constexpr Range4 kNotPublic4[] = {
    {v4(0, 0, 0, 0), 8},         // "this network"; 0.0.0.0 reaches the local host on Linux
    {v4(10, 0, 0, 0), 8},        // RFC 1918
    {v4(100, 64, 0, 0), 10},     // carrier-grade NAT; a cloud's metadata service lives here too
    {v4(127, 0, 0, 0), 8},       // loopback
    {v4(168, 63, 129, 16), 32},  // Azure's platform service: public by number, inside by nature
    {v4(169, 254, 0, 0), 16},    // link-local, metadata services
    {v4(172, 16, 0, 0), 12},     // RFC 1918
    {v4(192, 0, 0, 0), 24},      // protocol assignments
    {v4(192, 0, 2, 0), 24},      // documentation
    {v4(192, 88, 99, 0), 24},    // 6to4 relays, withdrawn
    {v4(192, 168, 0, 0), 16},    // RFC 1918
    {v4(198, 18, 0, 0), 15},     // benchmarking
    {v4(198, 51, 100, 0), 24},   // documentation
    {v4(203, 0, 113, 0), 24},    // documentation
    {v4(224, 0, 0, 0), 4},       // multicast
    {v4(240, 0, 0, 0), 4},       // reserved, broadcast
};

bool public4(uint32_t address) {
  return std::none_of(std::begin(kNotPublic4), std::end(kNotPublic4), [address](const Range4& r) {
    uint32_t mask = r.bits == 0 ? 0 : ~uint32_t{0} << (32 - r.bits);
    return (address & mask) == r.base;
  });
}

bool prefix_matches(const uint8_t* a, const uint8_t* b, int bits) {
  int whole = bits / 8;
  if (std::memcmp(a, b, static_cast<size_t>(whole)) != 0) return false;
  int rest = bits % 8;
  if (rest == 0) return true;
  uint8_t mask = static_cast<uint8_t>(0xff << (8 - rest));
  return (a[whole] & mask) == (b[whole] & mask);
}

uint32_t word(const uint8_t* p) { return v4(p[0], p[1], p[2], p[3]); }

template <size_t N>
bool starts_with(const std::array<uint8_t, 16>& a, const uint8_t (&prefix)[N]) {
  return std::memcmp(a.data(), prefix, N) == 0;
}

constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr uint8_t kTranslated[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0};
constexpr uint8_t kNat64[12] = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
constexpr uint8_t k6to4[2] = {0x20, 0x02};
constexpr uint8_t kDocumentation[4] = {0x20, 0x01, 0x0d, 0xb8};

bool public6(const std::array<uint8_t, 16>& a) {
  if (starts_with(a, kMapped) || starts_with(a, kTranslated) || starts_with(a, kNat64)) {
    return public4(word(&a[12]));
  }
  if ((a[0] & 0xe0) != 0x20) return false;  // only 2000::/3 is global unicast
  // 2001::/23: Teredo, ORCHID, benchmarking and other protocol assignments.
  if (a[0] == 0x20 && a[1] == 0x01 && (a[2] & 0xfe) == 0) return false;
  if (starts_with(a, kDocumentation)) return false;
  if (a[0] == 0x3f && a[1] == 0xff && (a[2] & 0xf0) == 0) return false;  // documentation, 3fff::/20
  if (starts_with(a, k6to4) && !public4(word(&a[2]))) return false;
  // ISATAP: an interface id of [02]00:5efe and the IPv4 address.
  if ((a[8] & 0xfd) == 0 && a[9] == 0 && a[10] == 0x5e && a[11] == 0xfe) {
    return public4(word(&a[12]));
  }
  return true;
}

bool same_host(std::string_view a, std::string_view b) {
  if (!a.empty() && a.back() == '.') a.remove_suffix(1);
  if (!b.empty() && b.back() == '.') b.remove_suffix(1);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

std::string_view without_brackets(std::string_view host) {
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    return host.substr(1, host.size() - 2);
  }
  return host;
}

bool in_cidr(std::string_view cidr, const IpAddress& address) {
  size_t slash = cidr.find('/');
  if (slash == std::string_view::npos) return false;
  auto base = IpAddress::parse(without_brackets(cidr.substr(0, slash)));
  std::string_view digits = cidr.substr(slash + 1);
  int bits = -1;
  auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (!base || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) {
    return false;
  }
  if (bits < 0 || bits > (base->v4 ? 32 : 128)) return false;
  return prefix_matches(base->bytes.data(), address.bytes.data(), bits + (base->v4 ? 96 : 0));
}

bool entry_allows(std::string_view entry, std::string_view host, uint16_t port,
                  const IpAddress& address) {
  if (entry.find('/') != std::string_view::npos) return in_cidr(entry, address);
  // A bare IPv6 literal has several colons and no port.
  size_t colon = entry.rfind(':');
  bool bracketed = !entry.empty() && entry.front() == '[';
  bool has_port = colon != std::string_view::npos &&
                  (bracketed ? entry[colon - 1] == ']' : entry.find(':') == colon);
  if (has_port) {
    std::string_view digits = entry.substr(colon + 1);
    if (digits != std::to_string(port)) return false;
    entry = entry.substr(0, colon);
  }
  entry = without_brackets(entry);
  if (entry.empty()) return false;
  if (same_host(entry, host)) return true;
  auto literal = IpAddress::parse(entry);
  return literal && literal->bytes == address.bytes;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (size_t zone = text.find('%'); zone != std::string_view::npos) text = text.substr(0, zone);
  if (text.empty() || text.size() > 64) return std::nullopt;
  std::string copy(text);
  IpAddress out;
  if (inet_pton(AF_INET, copy.c_str(), &out.bytes[12]) == 1) {
    out.bytes[10] = out.bytes[11] = 0xff;
    out.v4 = true;
    return out;
  }
  out.bytes.fill(0);
  if (inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) != 1) return std::nullopt;
  out.v4 = starts_with(out.bytes, kMapped);
  return out;
}

bool IpAddress::loopback() const {
  if (v4) return bytes[12] == 127;
  return std::all_of(bytes.begin(), bytes.end() - 1, [](uint8_t b) { return b == 0; }) &&
         bytes[15] == 1;
}

bool IpAddress::is_public() const { return public6(bytes); }

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  if (v4) return inet_ntop(AF_INET, &bytes[12], text, sizeof text);
  return inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
}

bool is_loopback(std::string_view ip) {
  auto address = IpAddress::parse(ip);
  return address && address->loopback();
}

bool is_private(std::string_view ip) {
  auto address = IpAddress::parse(ip);
  return !address || !address->is_public();
}

bool address_allowed(const AddressPolicy& policy, std::string_view host, uint16_t port,
                     std::string_view ip) {
  if (policy.allow_private) return true;
  auto address = IpAddress::parse(ip);
  if (!address) return false;
  if (address->is_public()) return true;
  return std::any_of(policy.allow.begin(), policy.allow.end(), [&](const std::string& entry) {
    return entry_allows(entry, host, port, *address);
  });
}

std::string Endpoint::to_string() const {
  std::string out = ip.find(':') == std::string::npos ? ip : "[" + ip + "]";
  return out + ":" + std::to_string(port);
}

unsigned to_sockaddr(const Endpoint& endpoint, sockaddr_storage* out) {
  std::memset(out, 0, sizeof *out);
  std::string ip = endpoint.ip;
  auto* in4 = reinterpret_cast<sockaddr_in*>(out);
  if (inet_pton(AF_INET, ip.c_str(), &in4->sin_addr) == 1) {
    in4->sin_family = AF_INET;
    in4->sin_port = htons(endpoint.port);
    return sizeof *in4;
  }
  auto* in6 = reinterpret_cast<sockaddr_in6*>(out);
  if (size_t zone = ip.find('%'); zone != std::string::npos) {
    in6->sin6_scope_id = if_nametoindex(ip.c_str() + zone + 1);
    ip.resize(zone);
  }
  if (inet_pton(AF_INET6, ip.c_str(), &in6->sin6_addr) != 1) return 0;
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons(endpoint.port);
  return sizeof *in6;
}

Endpoint from_sockaddr(const sockaddr* address) {
  Endpoint out;
  char text[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];
  if (address->sa_family == AF_INET) {
    auto* in4 = reinterpret_cast<const sockaddr_in*>(address);
    out.ip = inet_ntop(AF_INET, &in4->sin_addr, text, sizeof text);
    out.port = ntohs(in4->sin_port);
  } else if (address->sa_family == AF_INET6) {
    auto* in6 = reinterpret_cast<const sockaddr_in6*>(address);
    out.ip = inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
    char name[IF_NAMESIZE];
    if (in6->sin6_scope_id != 0 && if_indextoname(in6->sin6_scope_id, name) != nullptr) {
      out.ip += std::string("%") + name;
    }
    out.port = ntohs(in6->sin6_port);
  }
  return out;
}

}  // namespace drover::net
