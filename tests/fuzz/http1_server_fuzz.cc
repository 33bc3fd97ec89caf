// Any bytes to the HTTP server, over a stream in memory. However they are cut into pieces, the
// server sees the same requests (no smuggling by timing), answers only in HTTP, ends with the
// client, and leaves nothing running. Bytes that begin with HTTP/2's preface reach that too.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "async/sim_loop.h"
#include "base/log.h"
#include "http/memory_net.h"
#include "http/server.h"

namespace {

using namespace drover;
using namespace drover::http;

using Seen = std::vector<std::string>;

async::Task<void> handle(Seen* seen, async::Context ctx, ServerRequest& request,
                         ServerResponse& response) {
  std::string line = request.head().method + " " + request.head().target;
  for (const Headers::View& field : request.head().headers.fields()) {
    if (!is_token(field.first) || !is_field_value(field.second)) __builtin_trap();
    line += " " + std::string(field.first) + "=" + std::string(field.second);
  }
  size_t index = seen->size();
  seen->push_back(line);
  ResponseHead head;
  if (line.size() % 2 == 0) {
    Result<std::string> body = co_await request.read_all(ctx, 2'000);
    if (!body) co_return;
    (*seen)[index] += " " + *body;
    Result<void> sent = co_await response.respond(ctx, std::move(head), "fine");
    (void)sent;
    co_return;
  }
  std::string body;
  for (;;) {
    Result<std::string_view> part = co_await request.read_some(ctx);
    if (!part) co_return;
    if (part->empty()) break;
    body += *part;
  }
  (*seen)[index] += " " + body;
  Result<void> sent = co_await response.start(ctx, std::move(head));
  if (sent) sent = co_await response.write(ctx, body);
  if (sent) sent = co_await response.finish(ctx);
}

async::Task<void> stop(Server* server, async::SimLoop* loop) {
  co_await server->stop(async::Context(*loop), 1s);
}

Seen serve(std::string_view bytes, size_t piece) {
  async::SimLoop loop;
  Seen seen;
  auto hub = std::make_shared<MemoryHub>();
  Handler handler = [&seen](async::Context ctx, ServerRequest& request, ServerResponse& response) {
    return handle(&seen, std::move(ctx), request, response);
  };
  ServerOptions options;
  options.header_bytes_max = 1'000;
  options.body_bytes_max = 5'000;
  Server server(loop, std::make_unique<MemoryListener>(hub), std::move(handler), options);
  server.start();
  std::unique_ptr<MemoryStream> client = hub->connect();
  client->out()->read_max = piece;
  client->out()->bytes = bytes;
  client->out()->readable.wake_all();
  loop.run_for(Duration(0));
  const std::string& answer = client->in()->bytes;
  if (!bytes.starts_with("PRI ") && !answer.empty() && !answer.starts_with("HTTP/1.1 ")) {
    __builtin_trap();
  }
  client->close();
  loop.run_for(Duration(0));
  if (server.in_flight() != 0 || server.open_connections() != 0) __builtin_trap();
  loop.run_task(stop(&server, &loop));
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool quiet = (configure_log(LogLevel::kOff, LogFormat::kText), true);
  (void)quiet;
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Seen whole = serve(bytes, SIZE_MAX);
  Seen pieces = serve(bytes, 1 + data[0] % 64);
  // On HTTP/2 a reset in the same read may spare the handler a call.
  if (!bytes.starts_with("PRI ") && whole != pieces) __builtin_trap();
  return 0;
}
