#pragma once
// An imposter: a server on the simulated network that speaks raw bytes by script, one script for
// each request, so that the real HTTP client and the real provider are what is tested. Virtual
// time.

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "async/scope.h"
#include "async/sim_loop.h"
#include "async/sync.h"
#include "net/sim_net.h"

namespace drover::providers {

/// What one request is answered with: parts with a pause before each, then silence or an end.
struct ImposterScript {
  struct Part {
    Duration pause{};
    std::string bytes;
  };
  std::vector<Part> parts;
  /// The connection is closed after the last part (otherwise it waits for the next request).
  bool close = false;

  ImposterScript& then(std::string bytes, Duration pause = Duration::zero()) {
    Part part;
    part.bytes = std::move(bytes);
    part.pause = pause;
    parts.push_back(std::move(part));
    return *this;
  }
  ImposterScript& and_close() {
    close = true;
    return *this;
  }
};

/// A whole answer with Content-Length.
inline ImposterScript answer(int status, std::string body, std::string extra_headers = "",
                             std::string type = "application/json") {
  ImposterScript out;
  out.then("HTTP/1.1 " + std::to_string(status) + " X\r\ncontent-type: " + type +
           "\r\ncontent-length: " + std::to_string(body.size()) + "\r\n" + extra_headers + "\r\n" +
           body);
  return out;
}

inline std::string chunk(const std::string& bytes) {
  char size[20];
  std::snprintf(size, sizeof(size), "%zx\r\n", bytes.size());
  return size + bytes + "\r\n";
}

/// The head of a stream; parts follow by sse() and ended by end_of_stream().
inline ImposterScript stream_head(std::string type = "text/event-stream") {
  ImposterScript out;
  out.then("HTTP/1.1 200 OK\r\ncontent-type: " + type +
           "\r\nx-request-id: req-9\r\nx-ratelimit-remaining-tokens: 77\r\n"
           "transfer-encoding: chunked\r\n\r\n");
  return out;
}
inline std::string sse(const std::string& data) { return chunk("data: " + data + "\n\n"); }
inline std::string end_of_stream() { return sse("[DONE]") + "0\r\n\r\n"; }

class Imposter {
 public:
  Imposter(async::SimLoop& loop, net::SimNetwork& network, std::string host)
      : scope_(async::Context(loop)) {
    net::Endpoint at;
    at.ip = host;
    at.port = 80;
    listener_ = std::move(*network.listen(at, net::TlsServerOptions()));
    scope_.spawn(accept_loop(this));
  }
  /// Ends everything; to be awaited by the test before the network goes.
  async::Task<void> close() {
    scope_.cancel("the test is over");
    listener_->close();
    co_await scope_.join();
  }

  /// Scripts in order; the last one repeats.
  void script(ImposterScript s) { scripts_.push_back(std::move(s)); }
  /// From now on this one alone.
  void only(ImposterScript s) {
    scripts_.clear();
    script(std::move(s));
  }
  /// Heads and bodies as they came.
  const std::vector<std::string>& requests() const { return requests_; }
  std::string last_body() const {
    if (requests_.empty()) return {};
    return requests_.back().substr(requests_.back().find("\r\n\r\n") + 4);
  }

 private:
  static async::Task<void> accept_loop(Imposter* self) {
    while (true) {
      async::Context ctx = self->scope_.context();
      auto stream = co_await self->listener_->accept(ctx);
      if (!stream) co_return;
      self->scope_.spawn(serve(self, std::move(*stream)));
    }
  }

  static size_t body_size(const std::string& head) {
    size_t at = head.find("ontent-length: ");
    if (at == std::string::npos) at = head.find("ontent-Length: ");
    return at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 15, nullptr, 10);
  }

  static async::Task<void> serve(Imposter* self, std::unique_ptr<net::Stream> stream) {
    async::Context ctx = self->scope_.context();
    std::string buffer;
    std::vector<char> part(65536);
    while (true) {
      size_t head = buffer.find("\r\n\r\n");
      if (head == std::string::npos ||
          buffer.size() < head + 4 + body_size(buffer.substr(0, head))) {
        std::span<char> room(part);
        auto n = co_await stream->read(ctx, room);
        if (!n || *n == 0) co_return;
        buffer.append(part.data(), *n);
        continue;
      }
      size_t size = head + 4 + body_size(buffer.substr(0, head));
      self->requests_.push_back(buffer.substr(0, size));
      buffer.erase(0, size);
      if (self->scripts_.empty()) co_return;
      ImposterScript script = self->scripts_.front();
      if (self->scripts_.size() > 1) self->scripts_.pop_front();
      for (const ImposterScript::Part& p : script.parts) {
        if (p.pause > Duration::zero()) {
          auto slept = co_await async::sleep_for(ctx, p.pause);
          if (!slept) co_return;
        }
        auto written = co_await stream->write(ctx, p.bytes);
        if (!written) co_return;
      }
      if (script.close) co_return;
    }
  }

  async::Scope scope_;
  std::unique_ptr<net::Listener> listener_;
  std::deque<ImposterScript> scripts_;
  std::vector<std::string> requests_;
};

}  // namespace drover::providers
