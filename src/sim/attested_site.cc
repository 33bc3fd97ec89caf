#include "sim/attested_site.h"

namespace drover::sim {

std::string bound_nonce(std::string_view nonce, const crypto::Digest& key) {
  std::string text("drover.attest.v1");
  text += '\0';
  text += nonce;
  text += key.view();
  return std::string(crypto::sha256(text).view());
}

AttestedSite::AttestedSite(async::Loop& loop, net::Network& network, AttestedSiteOptions options,
                           http::Handler rest)
    : loop_(loop), network_(network), options_(std::move(options)), rest_(std::move(rest)) {}

Result<void> AttestedSite::start() {
  TRY(std::unique_ptr<net::Listener> listener, network_.listen(options_.local, options_.tls));
  url_ = "https://" + listener->local().to_string();
  server_ = std::make_unique<http::Server>(
      loop_, std::move(listener),
      [this](async::Context ctx, http::ServerRequest& request, http::ServerResponse& response) {
        return handle(std::move(ctx), request, response);
      });
  server_->start();
  return {};
}

async::Task<void> AttestedSite::stop(async::Context ctx) {
  if (server_ == nullptr) co_return;
  server_->drop_connections();
  co_await server_->stop(ctx, 1s);
}

std::string AttestedSite::document(const std::string& nonce) {
  if (replay_ && !last_.empty()) return last_;
  if (options_.nitro != nullptr) {
    NitroFields fields;
    fields.timestamp = loop_.wall();
    fields.pcrs = options_.pcrs;
    fields.nonce = nonce;
    fields.user_data = std::string(options_.key.view());
    last_ = options_.nitro->document(fields);
  } else {
    NvidiaFields fields;
    fields.issued_at = loop_.wall();
    fields.nonce = bound_nonce(nonce, options_.key);
    last_ = options_.nvidia->document(fields);
  }
  return last_;
}

async::Task<void> AttestedSite::handle(async::Context ctx, http::ServerRequest& request,
                                       http::ServerResponse& response) {
  if (request.head().path() != "/attestation") {
    co_await rest_(std::move(ctx), request, response);
    co_return;
  }
  http::ResponseHead head;
  std::string body;
  auto nonce = from_hex(request.head().query_param("nonce").value_or(""));
  if (nonce && !nonce->empty()) {
    ++documents_;
    head.headers.add("content-type",
                     options_.nitro != nullptr ? "application/cbor" : "application/json");
    body = document(*nonce);
  } else {
    head.status = 400;
    head.headers.add("content-type", "text/plain");
    body = "say for which nonce: ?nonce=HEX\n";
  }
  auto sent = co_await response.respond(ctx, std::move(head), std::move(body));
  (void)sent;
}

}  // namespace drover::sim
