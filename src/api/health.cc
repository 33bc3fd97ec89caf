#include "api/health.h"

namespace drover::api {
namespace {

Task<void> text(Context ctx, Exchange& exchange, int status, std::string type, std::string body) {
  http::ResponseHead head;
  head.status = status;
  head.headers.add("content-type", std::move(type));
  auto sent = co_await exchange.response.respond(ctx, std::move(head), std::move(body));
  (void)sent;
}

Task<void> metrics(Context ctx, Exchange& exchange, HealthServices services) {
  auto allowed = identity::authorise(exchange.principal, identity::Action::kManageServer,
                                     exchange.principal->tenant);
  if (!allowed) {
    co_await respond_error(ctx, exchange, std::move(allowed).error());
    co_return;
  }
  std::string body = services.metrics();
  co_await text(ctx, exchange, 200, "text/plain; version=0.0.4; charset=utf-8", std::move(body));
}

}  // namespace

void add_health_routes(Router& router, HealthServices services) {
  router.add_open("GET", "/healthz", [](Context ctx, Exchange& exchange) {
    return text(ctx, exchange, 200, "text/plain", "ok\n");
  });
  router.add_open("GET", "/readyz", [services](Context ctx, Exchange& exchange) {
    bool draining = services.draining();
    return text(ctx, exchange, draining ? 503 : 200, "text/plain",
                draining ? "draining\n" : "ready\n");
  });
  router.add("GET", "/metrics", [services](Context ctx, Exchange& exchange) {
    return metrics(ctx, exchange, services);
  });
}

}  // namespace drover::api
