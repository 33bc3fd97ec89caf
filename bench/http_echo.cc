// The HTTP server by itself, for measuring: answers every request with 1 KiB (or BYTES) after
// reading its body. Prints its address; at SIGTERM prints the CPU time per request that it used.
//
//   build/bench_http_echo [BYTES] & wrk -t1 -c64 -d5s http://127.0.0.1:PORT/
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "async/sim_loop.h"
#include "async/worker_pool.h"
#include "http/server.h"
#include "net/asio_loop.h"

namespace {

using namespace drover;

struct Bench {
  std::string answer;
  uint64_t requests = 0;
};

async::Task<void> serve(Bench* bench, async::Context ctx, http::ServerRequest& request,
                        http::ServerResponse& response) {
  Result<std::string> body = co_await request.read_all(ctx, 64u << 20);
  if (!body) co_return;
  ++bench->requests;
  http::ResponseHead head;
  head.headers.add("Content-Type", "application/json");
  std::string answer = bench->answer;
  Result<void> sent = co_await response.respond(ctx, std::move(head), std::move(answer));
  (void)sent;
}

async::Task<void> stop(http::Server* server, net::AsioLoop* loop) {
  co_await server->stop(async::Context(*loop), 1s);
  loop->stop();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  Bench bench;
  bench.answer = std::string(argc > 1 ? static_cast<size_t>(std::atol(argv[1])) : 1024, 'x');
  net::AsioLoop loop;
  async::WorkerPool pool("blocking", 1);
  auto network = net::make_asio_network(loop, pool);
  auto listener = network->listen(net::Endpoint{"127.0.0.1", 0}, net::TlsServerOptions());
  if (!listener) {
    std::fprintf(stderr, "%s\n", listener.error().to_string().c_str());
    return 1;
  }
  http::Handler handler = [&bench](async::Context ctx, http::ServerRequest& request,
                                   http::ServerResponse& response) {
    return serve(&bench, std::move(ctx), request, response);
  };
  http::Server server(loop, std::move(*listener), std::move(handler));
  std::printf("%s\n", server.local().to_string().c_str());
  std::fflush(stdout);
  server.start();
  loop.on_signal({SIGTERM, SIGINT},
                 [&](int) { async::detail::start_detached(stop(&server, &loop)); });
  double before = cpu_seconds();
  loop.run();
  double used = cpu_seconds() - before;
  std::printf("requests %llu cpu_us_per_request %.2f\n",
              static_cast<unsigned long long>(bench.requests),
              bench.requests == 0 ? 0.0 : used * 1e6 / static_cast<double>(bench.requests));
  return 0;
}
