#pragma once
// A simulated attested endpoint: a server on TLS that proves what it runs, and does the rest of its
// work by a handler that is handed in (a simulated cloud's).
//
//   GET /attestation?nonce=HEX  →  a document of its issuer, for that nonce and its own key
//
// It can lie as an impostor would: answer with a recorded document, with another's key, in debug
// mode, or run something else than it should.
//
// Owner: stop() before it goes; the issuers and what the handler uses outlive it. Loop thread only.
// Failure: start() when the port is taken or the certificate cannot be used; 400 without a nonce.

#include <map>
#include <memory>
#include <string>

#include "http/server.h"
#include "net/stream.h"
#include "sim/attester.h"

namespace drover::sim {

struct AttestedSiteOptions {
  net::Endpoint local;
  net::TlsServerOptions tls;
  /// SHA-256 of the SubjectPublicKeyInfo of the certificate in `tls`.
  crypto::Digest key;
  /// What it runs (AWS Nitro).
  std::map<int, std::string> pcrs;
  /// One of the two signs its documents.
  const NitroIssuer* nitro = nullptr;
  const NvidiaIssuer* nvidia = nullptr;
};

class AttestedSite {
 public:
  AttestedSite(async::Loop& loop, net::Network& network, AttestedSiteOptions options,
               http::Handler rest);
  Result<void> start();
  async::Task<void> stop(async::Context ctx);
  /// "https://127.0.0.1:4711".
  const std::string& url() const { return url_; }
  std::string attestation_url() const { return url_ + "/attestation"; }

  // What goes wrong, from now on.
  void set_pcrs(std::map<int, std::string> pcrs) { options_.pcrs = std::move(pcrs); }
  /// Answers with the last document again.
  void set_replay(bool on) { replay_ = on; }
  /// Claims another's key, as who relays a true enclave's document would have to.
  void set_key(const crypto::Digest& key) { options_.key = key; }

  uint64_t documents() const { return documents_; }

 private:
  async::Task<void> handle(async::Context ctx, http::ServerRequest& request,
                           http::ServerResponse& response);
  std::string document(const std::string& nonce);

  async::Loop& loop_;
  net::Network& network_;
  AttestedSiteOptions options_;
  http::Handler rest_;
  std::unique_ptr<http::Server> server_;
  std::string url_;
  std::string last_;
  bool replay_ = false;
  uint64_t documents_ = 0;
};

/// The nonce that an attester with one field for it answers with (attest/evidence.h, "Binding").
std::string bound_nonce(std::string_view nonce, const crypto::Digest& key);

}  // namespace drover::sim
