#pragma once
// TLS settings as OpenSSL holds them, and its errors in words. No sockets here.
//
// TLS 1.2 and 1.3. Clients verify the chain and the name unless told not to; servers choose ALPN by
// their own order and go on without it when nothing is shared. Errors have the reason "tls".

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/stream.h"

namespace drover::net {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

/// A context with what its callbacks point to.
class TlsContext {
 public:
  static Result<std::shared_ptr<TlsContext>> server(const TlsServerOptions& options);
  /// Trusts ca_file, or the system's roots if it is empty.
  static Result<std::shared_ptr<TlsContext>> client(const std::string& ca_file);
  ~TlsContext() { SSL_CTX_free(ctx_); }
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// A session that expects a client.
  SslPtr accept_session() const;
  /// A session with `host` (name or address), which its certificate must be for.
  Result<SslPtr> connect_session(const std::string& host, const TlsClientOptions& options) const;

 private:
  TlsContext() = default;
  static int select_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_length,
                         const unsigned char* in, unsigned in_length, void* self);
  SSL_CTX* ctx_ = nullptr;
  std::string alpn_;  // wire form
};

/// Why the last OpenSSL call on this session failed, as an Error; empties OpenSSL's queue.
/// `peer` names the other side in the message.
Error tls_error(SSL* ssl, const std::string& peer);

}  // namespace drover::net
