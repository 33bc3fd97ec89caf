#pragma once
// Addresses as 128 bits, and the question that keeps agents away from what is not public: is this
// address a public unicast one? IPv4 is held in its v4-mapped form. Pure functions, any thread.
//
// Ranges: the IANA special-purpose registries (RFC 6890 and updates), with the forms that carry an
// IPv4 address inside (mapped, translated, NAT64, 6to4, ISATAP) judged by that address.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/stream.h"

struct sockaddr;
struct sockaddr_storage;

namespace drover::net {

struct IpAddress {
  std::array<uint8_t, 16> bytes{};
  bool v4 = false;

  /// A canonical literal only ("10.0.0.1", "::1", "fe80::1%eth0"); nullopt for anything else.
  static std::optional<IpAddress> parse(std::string_view text);
  bool loopback() const;
  bool is_public() const;
  std::string to_string() const;
};

/// Whether the policy lets a dial of host:port reach this (resolved, canonical) address.
bool address_allowed(const AddressPolicy& policy, std::string_view host, uint16_t port,
                     std::string_view ip);

/// The length of the socket address written; 0 if ip is not a canonical literal.
unsigned to_sockaddr(const Endpoint& endpoint, sockaddr_storage* out);
Endpoint from_sockaddr(const sockaddr* address);

}  // namespace drover::net
