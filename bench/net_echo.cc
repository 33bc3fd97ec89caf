// What does one echo over our loop and streams cost the server, in CPU? The floor for everything
// that Drover does on the wire: a read, a write and a wait with a deadline per request.
//
//   bench_net_echo [connections] [seconds] [bytes]
//
// The server has a thread and a loop of its own, whose CPU time is what is counted; the clients
// run on another. Prints microseconds of CPU per echo, ours and the
// kernel's.

#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "net/test_net.h"

namespace drover::net {
namespace {

struct Cpu {
  double user_us = 0;
  double kernel_us = 0;
};

Cpu thread_cpu() {
  rusage used{};
  getrusage(RUSAGE_THREAD, &used);
  Cpu out;
  out.user_us =
      static_cast<double>(used.ru_utime.tv_sec) * 1e6 + static_cast<double>(used.ru_utime.tv_usec);
  out.kernel_us =
      static_cast<double>(used.ru_stime.tv_sec) * 1e6 + static_cast<double>(used.ru_stime.tv_usec);
  return out;
}

Task<void> serve_one(Context ctx, std::unique_ptr<Stream> stream, uint64_t* echoes) {
  std::vector<char> buffer(16 << 10);
  for (;;) {
    // A fresh deadline for each request, as a server has.
    Context request = ctx.with_timeout(30s);
    auto n = co_await stream->read(request, buffer);
    if (!n || *n == 0) co_return;
    auto written = co_await stream->write(request, std::string_view(buffer.data(), *n));
    if (!written) co_return;
    ++*echoes;
  }
}

Task<void> serve(Context ctx, Listener* listener, uint64_t* echoes) {
  async::Scope scope(ctx);
  for (;;) {
    auto stream = co_await listener->accept(ctx);
    if (!stream) break;
    scope.spawn(serve_one(scope.context(), std::move(*stream), echoes));
  }
  scope.cancel();
  co_await scope.join();
}

Task<void> client(Context ctx, Dialer* dialer, DialTarget target, size_t bytes) {
  auto stream = co_await dialer->dial(ctx, target);
  if (!stream) co_return;
  std::string text(bytes, 'x');
  while (!ctx.cancelled()) {
    auto written = co_await (*stream)->write(ctx, text);
    if (!written) co_return;
    auto answer = co_await read_n(ctx, stream->get(), bytes);
    if (!answer) co_return;
  }
}

Task<void> clients(Context ctx, Dialer* dialer, DialTarget target, int connections, size_t bytes) {
  async::Scope scope(ctx);
  for (int i = 0; i < connections; ++i) {
    scope.spawn(client(scope.context(), dialer, target, bytes));
  }
  co_await scope.join();
}

int run(int connections, int seconds, size_t bytes) {
  std::atomic<uint16_t> port{0};
  std::atomic<bool> stop{false};
  std::thread server([&] {
    RealNet net;
    auto listener = net.network->listen(any_port(), TlsServerOptions());
    if (!listener) std::abort();
    port = (*listener)->local().port;
    uint64_t echoes = 0;
    std::function<void()> watch = [&] {
      if (stop) {
        (*listener)->close();
      } else {
        net.loop.call_after(20ms, watch);
      }
    };
    net.loop.post(watch);
    Cpu before = thread_cpu();
    net.loop.run_task(serve(Context(net.loop), listener->get(), &echoes));
    Cpu after = thread_cpu();
    double n = static_cast<double>(std::max<uint64_t>(echoes, 1));
    std::printf("%d connections, %zu bytes: %.0f echoes, CPU each: %.2f us user, %.2f us kernel\n",
                connections, bytes, n, (after.user_us - before.user_us) / n,
                (after.kernel_us - before.kernel_us) / n);
  });
  while (port == 0) std::this_thread::yield();
  RealNet net;
  Endpoint at = any_port();
  at.port = port;
  Context ctx = Context(net.loop).with_timeout(std::chrono::seconds(seconds));
  net.loop.run_task(clients(ctx, &net.network->dialer(), target_of(at), connections, bytes));
  stop = true;
  server.join();
  return 0;
}

}  // namespace
}  // namespace drover::net

int main(int argc, char** argv) {
  int connections = argc > 1 ? std::atoi(argv[1]) : 64;
  int seconds = argc > 2 ? std::atoi(argv[2]) : 3;
  size_t bytes = argc > 3 ? static_cast<size_t>(std::atoi(argv[3])) : 100;
  return drover::net::run(connections, seconds, bytes);
}
