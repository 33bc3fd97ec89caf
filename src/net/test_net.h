#pragma once
// For tests only: the real network in a box, an echo server, and the usual small tasks.

#include <memory>
#include <string>
#include <vector>

#include "async/scope.h"
#include "async/sync.h"
#include "async/worker_pool.h"
#include "net/asio_loop.h"

namespace drover::net {

struct RealNet {
  AsioLoop loop;
  async::WorkerPool pool{"blocking", 2};
  std::unique_ptr<Network> network = make_asio_network(loop, pool);
  // No test waits longer, whatever goes wrong.
  Context ctx = Context(loop).with_timeout(20s);
};

inline Endpoint any_port(std::string ip = "127.0.0.1") {
  Endpoint e;
  e.ip = std::move(ip);
  return e;
}

inline DialTarget target_of(const Endpoint& e) {
  DialTarget t;
  t.host = e.ip;
  t.port = e.port;
  t.policy.allow_private = true;
  return t;
}

inline Task<void> echo_one(Context ctx, std::unique_ptr<Stream> stream) {
  std::vector<char> buffer(16 << 10);
  for (;;) {
    auto n = co_await stream->read(ctx, buffer);
    if (!n) co_return;
    if (*n == 0) break;
    auto written = co_await stream->write(ctx, std::string_view(buffer.data(), *n));
    if (!written) co_return;
  }
  auto ended = co_await stream->shutdown_write(ctx);
  (void)ended;
}

/// Until the listener is closed or ctx ends.
inline Task<void> echo_server(Context ctx, Listener* listener) {
  async::Scope scope(ctx);
  for (;;) {
    auto stream = co_await listener->accept(ctx);
    if (!stream) break;
    scope.spawn(echo_one(scope.context(), std::move(*stream)));
  }
  scope.cancel();
  co_await scope.join();
}

/// Up to n bytes, fewer if the stream ends.
inline Task<Result<std::string>> read_n(Context ctx, Stream* stream, size_t n) {
  std::string out;
  std::vector<char> buffer(64 << 10);
  while (out.size() < n) {
    CO_TRY(size_t got, co_await stream->read(ctx, buffer));
    if (got == 0) break;
    out.append(buffer.data(), got);
  }
  co_return out;
}

inline Task<Result<std::string>> ask(Context ctx, Dialer* dialer, DialTarget target,
                                     std::string text) {
  CO_TRY(auto stream, co_await dialer->dial(ctx, target));
  CO_TRY_VOID(co_await stream->write(ctx, text));
  co_return co_await read_n(ctx, stream.get(), text.size());
}

/// Two ends of one connection.
struct Pair {
  std::unique_ptr<Stream> client;
  std::unique_ptr<Stream> server;
};

inline Task<void> accept_into(Context ctx, Listener* listener, std::unique_ptr<Stream>* out) {
  auto stream = co_await listener->accept(ctx);
  if (stream) *out = std::move(*stream);
}

inline Task<Result<Pair>> connect_pair(Context ctx, Network* network, Listener* listener,
                                       DialTarget target) {
  Pair pair;
  async::Scope scope(ctx);
  scope.spawn(accept_into(scope.context(), listener, &pair.server));
  auto client = co_await network->dialer().dial(ctx, target);
  if (!client) scope.cancel();
  co_await scope.join();
  if (!client) co_return fail(client.error());
  pair.client = std::move(*client);
  co_return pair;
}

inline Result<Pair> plain_pair(RealNet& net) {
  TRY(auto listener, net.network->listen(any_port(), TlsServerOptions()));
  return net.loop.run_task(
      connect_pair(net.ctx, net.network.get(), listener.get(), target_of(listener->local())));
}

}  // namespace drover::net
