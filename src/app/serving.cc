#include "app/serving.h"

#include "base/bytes.h"
#include "base/log.h"

namespace drover::app {
namespace {

/// Of a session driven one step at a time: what a tool on the same machine takes, and no more.
constexpr Duration kAwakeAfterRequest = 5ms;

}  // namespace

Result<identity::PrincipalRef> Serving::authenticate(std::string_view key,
                                                     const net::Endpoint& remote) {
  if (!own_key_.empty() && equal_constant_time(key, own_key_)) return own_principal_;
  return runtime_.keys().authenticate(key, remote.ip, runtime_.loop().mono());
}

void Serving::accept(std::string key, identity::PrincipalRef principal) {
  own_key_ = std::move(key);
  own_principal_ = std::move(principal);
}

void Serving::keep_awake() {
  auto awake = net::AwakeProcessors::open(runtime_.loop(), kAwakeAfterRequest);
  if (awake) {
    awake_ = std::move(*awake);
  } else {
    LOG_WARN(
        "low_latency: {}: processors rest between requests as ever; give this user the right to "
        "write there, or leave low_latency out",
        awake.error().message);
  }
}

Result<void> Serving::bind() {
  const Config& config = runtime_.config();
  router_ = std::make_unique<api::Router>(
      [this](std::string_view key, const net::Endpoint& remote) {
        return authenticate(key, remote);
      },
      runtime_.random(), runtime_.loop());
  runtime_.add_routes(*router_);
  net::TlsServerOptions tls;
  tls.enabled = config.tls();
  tls.cert_file = config.tls_cert;
  tls.key_file = config.tls_key;
  net::Endpoint local;
  local.ip = config.listen_host;
  local.port = config.listen_port;
  auto listener = runtime_.network().listen(local, std::move(tls));
  if (!listener) {
    Error error = std::move(listener).error();
    error.message += "; set `listen` in drover.yaml, or --listen, to another address";
    return fail(std::move(error));
  }
  server_ = std::make_unique<http::Server>(
      runtime_.loop(), std::move(*listener),
      [this](Context&& ctx, http::ServerRequest& request, http::ServerResponse& response) {
        if (awake_ != nullptr) awake_->touch();
        return router_->handle(std::move(ctx), request, response);
      });
  return {};
}

Result<void> Serving::start() {
  if (server_ == nullptr) TRY_VOID(bind());
  if (runtime_.config().low_latency) keep_awake();
  server_->start();
  return {};
}

Task<size_t> Serving::stop(Context ctx, Duration deadline) {
  runtime_.set_draining();
  if (server_ == nullptr) co_return 0;
  co_return co_await server_->stop(ctx, deadline);
}

}  // namespace drover::app
