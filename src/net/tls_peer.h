#pragma once
// Who is at the other end of a TLS stream, by its key: for peers that are known by their key and
// not (only) by the name in their certificate, as attested endpoints are.
//
// Loop thread only, after the handshake (a dialled stream has done it).

#include <string>

#include "net/stream.h"

namespace drover::net {

/// TLS streams are this as well.
class TlsPeer {
 public:
  virtual ~TlsPeer() = default;
  /// SHA-256 of the DER SubjectPublicKeyInfo of the peer's certificate (32 bytes), as RFC 7469 pins
  /// keys; empty if the peer showed none.
  virtual std::string peer_key() const = 0;
};

/// The same of any stream; empty where there is no TLS.
inline std::string peer_key(const Stream& stream) {
  const auto* tls = dynamic_cast<const TlsPeer*>(&stream);
  return tls == nullptr ? std::string() : tls->peer_key();
}

}  // namespace drover::net
