#include "net/real_tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <cerrno>
#include <climits>

namespace drover::net {
namespace {

using async::Wake;
using SessionPtr = std::shared_ptr<TlsSession>;

enum class Next : uint8_t { kDone, kEnd, kWaitRead, kWaitWrite, kFailed };

/// What OpenSSL wants after a call that returned rc. On kFailed the session is marked.
Next classify(TlsSession& s, int rc) {
  if (rc > 0) {
    s.established = true;
    return Next::kDone;
  }
  int err = errno;
  switch (SSL_get_error(s.ssl.get(), rc)) {
    case SSL_ERROR_ZERO_RETURN:
      return Next::kEnd;
    case SSL_ERROR_WANT_READ:
      return Next::kWaitRead;
    case SSL_ERROR_WANT_WRITE:
      return Next::kWaitWrite;
    default:
      break;
  }
  bool cut = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  if (s.established && ERR_peek_error() == 0 && err != 0) {
    s.failed = io_error(err, "TLS connection failed");
  } else {
    s.failed = tls_error(s.ssl.get(), s.peer);
    if (s.established && cut) s.failed->reason = "reset";
  }
  return Next::kFailed;
}

Result<void> usable(const TlsSession& s) {
  if (s.core->closed()) return fail(closed_error());
  if (s.failed) return fail(*s.failed);
  return {};
}

/// Waits for what OpenSSL asked for.
Task<Result<void>> wait_for(SessionPtr s, Context ctx, Next next) {
  Wake wake = Wake::kPending;
  if (next == Next::kWaitRead) {
    wake = co_await s->core->readable(ctx);
  } else {
    wake = co_await s->core->writable(ctx);
  }
  CO_TRY_VOID(after_wait(wake, *s->core, ctx));
  co_return usable(*s);
}

Task<Result<void>> tls_handshake(SessionPtr s, Context ctx) {
  CO_TRY_VOID(ctx.check());
  CO_TRY_VOID(usable(*s));
  for (;;) {
    ERR_clear_error();
    errno = 0;
    Next next = classify(*s, SSL_do_handshake(s->ssl.get()));
    if (next == Next::kDone) co_return Result<void>();
    if (next == Next::kEnd) s->failed = tls_error(s->ssl.get(), s->peer);
    if (s->failed) co_return fail(*s->failed);
    CO_TRY_VOID(co_await wait_for(s, ctx, next));
  }
}

Task<Result<size_t>> tls_read(SessionPtr s, Context ctx, std::span<char> buffer) {
  if (buffer.empty()) co_return fail(Code::kInvalidArgument, "read into an empty buffer");
  CO_TRY_VOID(ctx.check());
  CO_TRY_VOID(usable(*s));
  int size = static_cast<int>(std::min<size_t>(buffer.size(), INT_MAX));
  for (;;) {
    ERR_clear_error();
    errno = 0;
    int n = SSL_read(s->ssl.get(), buffer.data(), size);
    Next next = classify(*s, n);
    if (next == Next::kDone) co_return static_cast<size_t>(n);
    if (next == Next::kEnd) co_return size_t{0};
    if (next == Next::kFailed) co_return fail(*s->failed);
    CO_TRY_VOID(co_await wait_for(s, ctx, next));
  }
}

Task<Result<void>> tls_write(SessionPtr s, Context ctx, std::string_view data) {
  CO_TRY_VOID(ctx.check());
  CO_TRY_VOID(usable(*s));
  while (!data.empty()) {
    ERR_clear_error();
    errno = 0;
    int size = static_cast<int>(std::min<size_t>(data.size(), INT_MAX));
    int n = SSL_write(s->ssl.get(), data.data(), size);
    Next next = classify(*s, n);
    if (next == Next::kDone) {
      data.remove_prefix(static_cast<size_t>(n));
      continue;
    }
    if (next == Next::kEnd) s->failed = tls_error(s->ssl.get(), s->peer);
    if (s->failed) co_return fail(*s->failed);
    CO_TRY_VOID(co_await wait_for(s, ctx, next));
  }
  co_return Result<void>();
}

Task<Result<void>> tls_shutdown(SessionPtr s, Context ctx) {
  CO_TRY_VOID(usable(*s));
  while (SSL_is_init_finished(s->ssl.get()) != 0) {
    ERR_clear_error();
    errno = 0;
    int rc = SSL_shutdown(s->ssl.get());
    if (rc >= 0) break;  // 0: ours is sent, the peer's still to come
    Next next = classify(*s, rc);
    if (s->failed) co_return fail(*s->failed);
    if (next == Next::kWaitRead) break;
    CO_TRY_VOID(co_await wait_for(s, ctx, next));
  }
  ::shutdown(s->core->fd(), SHUT_WR);
  co_return Result<void>();
}

}  // namespace

std::shared_ptr<TlsSession> make_tls_session(FdPtr core, std::shared_ptr<TlsContext> context,
                                             SslPtr ssl, std::string peer) {
  auto out = std::make_shared<TlsSession>();
  SSL_set_fd(ssl.get(), core->fd());
  out->core = std::move(core);
  out->context = std::move(context);
  out->ssl = std::move(ssl);
  out->peer = std::move(peer);
  return out;
}

Task<Result<size_t>> TlsStream::read(Context ctx, std::span<char> buffer) {
  return tls_read(session_, std::move(ctx), buffer);
}
Task<Result<void>> TlsStream::write(Context ctx, std::string_view data) {
  return tls_write(session_, std::move(ctx), data);
}
Task<Result<void>> TlsStream::shutdown_write(Context ctx) {
  return tls_shutdown(session_, std::move(ctx));
}
Task<Result<void>> TlsStream::handshake(Context ctx) {
  return tls_handshake(session_, std::move(ctx));
}

std::string TlsStream::peer_key() const {
  X509* certificate = SSL_get0_peer_certificate(session_->ssl.get());
  if (certificate == nullptr) return {};
  unsigned char* key = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);
  std::string out(32, '\0');
  const bool hashed = length > 0 && EVP_Digest(key, static_cast<size_t>(length),
                                               reinterpret_cast<unsigned char*>(out.data()),
                                               nullptr, EVP_sha256(), nullptr) == 1;
  OPENSSL_free(key);
  return hashed ? out : std::string();
}

std::string_view TlsStream::alpn() const {
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(session_->ssl.get(), &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

}  // namespace drover::net
