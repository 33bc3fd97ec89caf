#include "net/tls_context.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "net/address.h"

namespace drover::net {
namespace {

std::string last_reason() {
  unsigned long code = ERR_peek_last_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return text == nullptr ? "unknown error" : text;
}

Result<std::string> alpn_wire(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (name.empty() || name.size() > 255) {
      return fail(Code::kInvalidArgument, "not an ALPN name: " + name);
    }
    out += static_cast<char>(name.size());
    out += name;
  }
  return out;
}

void set_common(SSL_CTX* ctx) {
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Partial writes from a moving buffer suit our write loop; idle connections give buffers back.
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(ctx, 1);  // one system call a record, not two
}

std::string verify_text(long result) {
  if (result == X509_V_ERR_HOSTNAME_MISMATCH) return "host name does not match the certificate";
  if (result == X509_V_ERR_IP_ADDRESS_MISMATCH) return "address does not match the certificate";
  return X509_verify_cert_error_string(result);
}

}  // namespace

int TlsContext::select_alpn(SSL*, const unsigned char** out, unsigned char* out_length,
                            const unsigned char* in, unsigned in_length, void* self) {
  const std::string& mine = static_cast<TlsContext*>(self)->alpn_;
  unsigned char* chosen = nullptr;
  int rc = SSL_select_next_proto(&chosen, out_length,
                                 reinterpret_cast<const unsigned char*>(mine.data()),
                                 static_cast<unsigned>(mine.size()), in, in_length);
  if (rc != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Result<std::shared_ptr<TlsContext>> TlsContext::server(const TlsServerOptions& options) {
  ERR_clear_error();
  std::shared_ptr<TlsContext> out(new TlsContext());
  out->ctx_ = SSL_CTX_new(TLS_server_method());
  if (out->ctx_ == nullptr) return fail(Code::kInternal, "cannot set up TLS: " + last_reason());
  set_common(out->ctx_);
  SSL_CTX_set_options(out->ctx_, SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (SSL_CTX_use_certificate_chain_file(out->ctx_, options.cert_file.c_str()) != 1) {
    return fail(Code::kFailedPrecondition,
                "cannot use the certificate " + options.cert_file + ": " + last_reason());
  }
  if (SSL_CTX_use_PrivateKey_file(out->ctx_, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(out->ctx_) != 1) {
    return fail(Code::kFailedPrecondition,
                "cannot use the private key " + options.key_file + ": " + last_reason());
  }
  TRY(out->alpn_, alpn_wire(options.alpn));
  if (!out->alpn_.empty()) SSL_CTX_set_alpn_select_cb(out->ctx_, select_alpn, out.get());
  return out;
}

Result<std::shared_ptr<TlsContext>> TlsContext::client(const std::string& ca_file) {
  ERR_clear_error();
  std::shared_ptr<TlsContext> out(new TlsContext());
  out->ctx_ = SSL_CTX_new(TLS_client_method());
  if (out->ctx_ == nullptr) return fail(Code::kInternal, "cannot set up TLS: " + last_reason());
  set_common(out->ctx_);
  int ok = ca_file.empty() ? SSL_CTX_set_default_verify_paths(out->ctx_)
                           : SSL_CTX_load_verify_file(out->ctx_, ca_file.c_str());
  if (ok != 1) {
    std::string what = ca_file.empty() ? std::string("the system's roots") : ca_file;
    return fail(Error(Code::kFailedPrecondition,
                      "cannot read the certificates to trust in " + what + ": " + last_reason())
                    .with_reason("tls"));
  }
  return out;
}

SslPtr TlsContext::accept_session() const {
  SslPtr ssl(SSL_new(ctx_));
  SSL_set_accept_state(ssl.get());
  return ssl;
}

Result<SslPtr> TlsContext::connect_session(const std::string& host,
                                           const TlsClientOptions& options) const {
  ERR_clear_error();
  SslPtr ssl(SSL_new(ctx_));
  SSL_set_connect_state(ssl.get());
  std::string name = host;
  if (!name.empty() && name.back() == '.') name.pop_back();
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl.get());
  bool ok = true;
  if (auto literal = IpAddress::parse(name)) {
    ok = X509_VERIFY_PARAM_set1_ip_asc(param, literal->to_string().c_str()) == 1;
  } else {
    ok = SSL_set_tlsext_host_name(ssl.get(), name.c_str()) == 1 &&
         X509_VERIFY_PARAM_set1_host(param, name.data(), name.size()) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  }
  if (!ok) {
    return fail(Error(Code::kInvalidArgument, "not a name for TLS: " + host).with_reason("tls"));
  }
  SSL_set_verify(ssl.get(), options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  TRY(std::string wire, alpn_wire(options.alpn));
  if (!wire.empty()) {
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  }
  return ssl;
}

Error tls_error(SSL* ssl, const std::string& peer) {
  std::string why;
  unsigned long code = ERR_peek_error();
  int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  long verified = SSL_get_verify_result(ssl);
  bool checking = (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0;
  if (checking && verified != X509_V_OK && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    why = verify_text(verified);
  } else if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    why = "the peer closed the connection without ending TLS";
  } else if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
             reason == SSL_R_PACKET_LENGTH_TOO_LONG) {
    why = "the peer does not speak TLS";
  } else {
    const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
    why = text == nullptr ? "the peer closed the connection" : text;
  }
  ERR_clear_error();
  return Error(Code::kUnavailable, "TLS with " + peer + " failed: " + why, Retry::kOtherTarget)
      .with_reason("tls");
}

}  // namespace drover::net
