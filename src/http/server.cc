#include "http/server.h"

#include <unordered_set>

#include "async/sim_loop.h"
#include "async/sync.h"
#include "base/json.h"
#include "base/limits/http.h"
#include "base/log.h"
#include "http/http1_connection.h"
#include "http/http2_connection.h"
#include "http/server_core.h"

namespace drover::http {

ServerOptions::ServerOptions()
    : connections_max(limits::kHttpConnectionsMax),
      header_bytes_max(limits::kHttpHeaderBytesMax),
      body_bytes_max(limits::kHttpBodyBytesMax),
      read_timeout(limits::kHttpReadTimeout),
      idle_timeout(limits::kHttpIdleTimeout) {}

void ServerResponse::prepare(ResponseHead head, std::string body) {
  prepared_head_ = std::move(head);
  prepared_body_ = std::move(body);
}

Task<Result<void>> ServerResponse::respond_prepared(Context ctx) {
  return respond(std::move(ctx), std::move(prepared_head_), std::move(prepared_body_));
}

const std::string& ServerCore::date() {
  WallTime now = loop.wall();
  int64_t second = unix_seconds(now);
  if (second != date_second_) {
    date_ = format_http_date(now);
    date_line_ = "Date: " + date_ + "\r\n";
    date_second_ = second;
  }
  return date_;
}

std::string error_body(int status, std::string_view message) {
  std::string code;
  for (char c : reason_phrase(status)) {
    code += c == ' ' ? '_' : (c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  }
  std::string out = R"({"error":{"code":)";
  append_json_string(out, code);
  out += R"(,"message":)";
  append_json_string(out, message);
  out += "}}";
  return out;
}

struct Server::Impl {
  Impl(async::Loop& loop, std::unique_ptr<net::Listener> l, Handler handler, ServerOptions options)
      : core(loop, std::move(handler), options), listener(std::move(l)), scope(Context(loop)) {}

  static Task<void> accept_loop(Impl* self);
  static Task<void> serve(Impl* self, std::unique_ptr<net::Stream> stream);
  static Task<void> serve_protocols(Impl* self, std::unique_ptr<net::Stream> stream);
  static Task<void> run_connection(Impl* self, Connection* connection);
  /// Keeps the state alive until the last handler has ended.
  static Task<void> reap(std::shared_ptr<Impl> self) { co_await self->scope.join(); }

  void stop_accepting() {
    core.stopping = true;
    listener->close();
    room.wake_all();
  }
  void drop_all() {
    std::unordered_set<Connection*> all = connections;
    for (Connection* c : all) c->drop();
  }

  ServerCore core;
  std::unique_ptr<net::Listener> listener;
  async::Scope scope;
  std::unordered_set<Connection*> connections;
  async::WaitQueue room;   // a connection has ended
  async::WaitQueue ended;  // the last connection has ended
  size_t open = 0;         // connections, those that shake hands included
  bool started = false;
};

Task<void> Server::Impl::accept_loop(Impl* self) {
  Context ctx = self->scope.context();
  while (!self->core.stopping) {
    if (self->open >= self->core.options.connections_max) {
      async::Wake wake = co_await self->room.wait(ctx);
      if (wake != async::Wake::kWoken) co_return;
      continue;
    }
    Result<std::unique_ptr<net::Stream>> stream = co_await self->listener->accept(ctx);
    if (self->core.stopping) co_return;
    if (!stream) {
      if (ctx.cancelled()) co_return;
      // Out of descriptors or the like: what is open may end meanwhile.
      LOG_WARN("cannot accept a connection: {}", stream.error().message);
      Result<void> slept = co_await async::sleep_for(ctx, 100ms);
      if (!slept) co_return;
      continue;
    }
    self->scope.spawn(serve(self, std::move(*stream)));
  }
}

Task<void> Server::Impl::run_connection(Impl* self, Connection* connection) {
  self->connections.insert(connection);
  co_await connection->run();
  self->connections.erase(connection);
}

Task<void> Server::Impl::serve_protocols(Impl* self, std::unique_ptr<net::Stream> stream) {
  Context ctx = self->scope.context();
  Context bounded = ctx.with_timeout(self->core.options.read_timeout);
  Result<void> shaken = co_await stream->handshake(std::move(bounded));
  if (!shaken) co_return;
  std::string input;
  if (stream->alpn() != "h2") {
    Http1Connection connection(self->core, ctx, std::move(stream));
    co_await run_connection(self, &connection);
    if (!connection.wants_http2()) co_return;
    stream = connection.take_stream();
    input = connection.take_input();
  }
  Http2Connection connection(self->core, ctx, std::move(stream), std::move(input));
  co_await run_connection(self, &connection);
}

Task<void> Server::Impl::serve(Impl* self, std::unique_ptr<net::Stream> stream) {
  ++self->open;
  co_await serve_protocols(self, std::move(stream));
  --self->open;
  self->room.wake_one();
  if (self->connections.empty()) self->ended.wake_all();
}

Server::Server(async::Loop& loop, std::unique_ptr<net::Listener> listener, Handler handler,
               ServerOptions options)
    : impl_(std::make_shared<Impl>(loop, std::move(listener), std::move(handler), options)) {}

Server::~Server() {
  impl_->stop_accepting();
  impl_->drop_all();
  impl_->scope.cancel("the server is gone");
  if (impl_->scope.running() > 0) async::detail::start_detached(Impl::reap(impl_));
}

void Server::start() {
  if (impl_->started) return;
  impl_->started = true;
  impl_->scope.spawn(Impl::accept_loop(impl_.get()));
}

net::Endpoint Server::local() const { return impl_->listener->local(); }

Task<size_t> Server::stop(Context ctx, Duration deadline) {
  std::shared_ptr<Impl> impl = impl_;
  impl->stop_accepting();
  std::unordered_set<Connection*> all = impl->connections;
  for (Connection* c : all) c->drain();
  Context bounded = ctx.with_timeout(deadline);
  while (!impl->connections.empty()) {
    async::Wake wake = co_await impl->ended.wait(bounded);
    if (wake != async::Wake::kWoken) break;
  }
  size_t cut = impl->core.in_flight;
  impl->drop_all();
  impl->scope.cancel("the server is stopping");
  co_await impl->scope.join();
  co_return cut;
}

void Server::drop_connections() { impl_->drop_all(); }
size_t Server::open_connections() const { return impl_->open; }
size_t Server::in_flight() const { return impl_->core.in_flight; }

}  // namespace drover::http
