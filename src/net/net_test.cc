#include <gtest/gtest.h>

#include "async/scope.h"
#include "async/worker_pool.h"
#include "net/asio_loop.h"

namespace drover::net {
namespace {

struct RealNet {
  AsioLoop loop;
  async::WorkerPool pool{2};
  std::unique_ptr<Network> network = make_asio_network(loop, pool);
  Context ctx{loop};
};

Endpoint any_port() {
  Endpoint e;
  e.ip = "127.0.0.1";
  return e;
}

DialTarget target_of(const Endpoint& e) {
  DialTarget t;
  t.host = e.ip;
  t.port = e.port;
  t.policy.allow_private = true;
  return t;
}

Task<void> echo_one(Context ctx, std::unique_ptr<Stream> stream) {
  std::vector<char> buffer(16 << 10);
  for (;;) {
    auto n = co_await stream->read(ctx, buffer);
    if (!n || *n == 0) break;
    auto written = co_await stream->write(ctx, std::string_view(buffer.data(), *n));
    if (!written) break;
  }
}

Task<void> echo_server(Context ctx, Listener* listener) {
  async::Scope scope(ctx);
  for (;;) {
    auto stream = co_await listener->accept(ctx);
    if (!stream) break;
    scope.spawn(echo_one(scope.context(), std::move(*stream)));
  }
  scope.cancel();
  co_await scope.join();
}

Task<Result<std::string>> read_n(Context ctx, Stream* stream, size_t n) {
  std::string out;
  std::vector<char> buffer(64 << 10);
  while (out.size() < n) {
    CO_TRY(size_t got, co_await stream->read(ctx, buffer));
    if (got == 0) break;
    out.append(buffer.data(), got);
  }
  co_return out;
}

Task<Result<std::string>> ask(Context ctx, Dialer* dialer, DialTarget target, std::string text) {
  CO_TRY(auto stream, co_await dialer->dial(ctx, target));
  CO_TRY_VOID(co_await stream->write(ctx, text));
  co_return co_await read_n(ctx, stream.get(), text.size());
}

Task<Result<std::string>> echo_once(Context ctx, Network* network) {
  CO_TRY(auto listener, network->listen(any_port(), TlsServerOptions()));
  async::Scope scope(ctx);
  scope.spawn(echo_server(scope.context(), listener.get()));
  auto answer = co_await ask(ctx, &network->dialer(), target_of(listener->local()), "hello");
  listener->close();
  co_await scope.join();
  co_return answer;
}

TEST(AsioNet, Echo) {
  RealNet net;
  auto r = net.loop.run_task(echo_once(net.ctx.with_timeout(5s), net.network.get()));
  ASSERT_TRUE(r) << r.error().to_string();
  EXPECT_EQ(*r, "hello");
}

}  // namespace
}  // namespace drover::net
