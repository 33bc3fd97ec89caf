// Any bytes as what a server sends to our client, over two requests on one connection. However they
// are cut into pieces, the outcome is the same; a connection with bytes left over is never reused.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "async/sim_loop.h"
#include "http/client.h"
#include "http/memory_net.h"

namespace {

using namespace drover;
using namespace drover::http;

async::Task<void> call(Client* client, async::SimLoop* loop, std::string method, std::string* out) {
  ClientRequest request;
  request.method = std::move(method);
  request.url = *Url::parse("http://h/");
  Result<std::unique_ptr<ClientResponse>> response =
      co_await client->send(async::Context(*loop), request);
  if (!response) {
    *out += "error " + response.error().reason + ";";
    co_return;
  }
  const ResponseHead& head = (*response)->head();
  if (head.status < 200 || head.status > 599) __builtin_trap();
  *out += std::to_string(head.status) + " ";
  for (const Headers::View& field : head.headers.fields()) {
    if (!is_token(field.first) || !is_field_value(field.second)) __builtin_trap();
    *out += std::string(field.first) + "=" + std::string(field.second) + ",";
  }
  for (;;) {
    Result<std::string_view> part = co_await (*response)->read_some(async::Context(*loop));
    if (!part) {
      *out += " broken " + part.error().reason + ";";
      co_return;
    }
    if (part->empty()) break;
    *out += *part;
  }
  *out += ";";
}

std::string talk(std::string_view bytes, size_t piece, bool head) {
  async::SimLoop loop;
  auto hub = std::make_shared<MemoryHub>();
  MemoryDialer dialer(hub);
  std::unique_ptr<Client> client = make_client(loop, dialer);
  std::string out;
  async::detail::start_detached(call(client.get(), &loop, head ? "HEAD" : "POST", &out));
  if (hub->waiting.empty()) __builtin_trap();
  auto* server = static_cast<MemoryStream*>(hub->waiting.front().get());
  server->out()->read_max = piece;
  server->out()->bytes = bytes;
  server->out()->ended = true;
  server->out()->wake();
  loop.run(1'000'000);
  if (client->idle_connections() != 0) __builtin_trap();
  client.reset();
  hub->waiting.clear();
  loop.run(1'000'000);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  bool head = (data[0] & 128) != 0;
  std::string whole = talk(bytes, SIZE_MAX, head);
  std::string pieces = talk(bytes, 1 + data[0] % 64, head);
  if (whole != pieces) __builtin_trap();
  return 0;
}
