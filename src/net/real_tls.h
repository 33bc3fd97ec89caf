#pragma once
// Private to the real_*.cc files: TLS over an FdCore. OpenSSL reads and writes the socket itself
// (no copies through memory BIOs); when it would block, the core is awaited.

#include <memory>
#include <optional>
#include <string>

#include "net/real_impl.h"
#include "net/tls_context.h"
#include "net/tls_peer.h"

namespace drover::net {

/// Shared by the stream and the operations under way on it, like the core.
struct TlsSession {
  FdPtr core;
  std::shared_ptr<TlsContext> context;  // its callbacks must outlive ssl
  SslPtr ssl;
  std::string peer;  // for messages
  /// The handshake is over (OpenSSL no longer says so once the session has failed).
  bool established = false;
  /// Once OpenSSL has failed on a session it must not be called on it again.
  std::optional<Error> failed;
};

std::shared_ptr<TlsSession> make_tls_session(FdPtr core, std::shared_ptr<TlsContext> context,
                                             SslPtr ssl, std::string peer);

class TlsStream final : public Stream, public TlsPeer {
 public:
  TlsStream(std::shared_ptr<TlsSession> session, Endpoint remote)
      : session_(std::move(session)), remote_(std::move(remote)) {}
  ~TlsStream() override { session_->core->close(); }

  Task<Result<size_t>> read(Context ctx, std::span<char> buffer) override;
  Task<Result<void>> write(Context ctx, std::string_view data) override;
  Task<Result<void>> shutdown_write(Context ctx) override;
  Task<Result<void>> handshake(Context ctx) override;
  /// Without close_notify: whoever closes in the middle must not look like an orderly end.
  void close() override { session_->core->close(); }
  void reset() override { session_->core->close_with_reset(); }
  const Endpoint& remote() const override { return remote_; }
  std::string_view alpn() const override;
  bool is_tls() const override { return true; }
  std::string peer_key() const override;

 private:
  std::shared_ptr<TlsSession> session_;
  Endpoint remote_;
};

}  // namespace drover::net
