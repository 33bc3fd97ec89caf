#pragma once
// The HTTP server: HTTP/1.1 and HTTP/2 (by ALPN on TLS, by prior knowledge on plain connections)
// on one listener. A handler is called once per request, runs as a task in the connection's scope,
// and its context ends when the client goes away.
//
// Limits (base/limits/http.h): header bytes and count, body bytes, connections, streams, read and
// idle times. Violations answer 4xx with a short JSON body and close. Loop thread only. A client
// that ends its side while its request is being handled counts as gone.
//
// stop() must have ended before a Server goes whose handlers use what its owner owns: the
// destructor only drops the connections, and their handlers end on the loop later. Sources: RFC
// 9112, RFC 9113.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "async/scope.h"
#include "http/message.h"
#include "net/stream.h"

namespace drover::http {

using async::Context;
using async::Task;

/// A request whose body may still be arriving.
class ServerRequest {
 public:
  virtual ~ServerRequest() = default;
  virtual const RequestHead& head() const = 0;
  /// Good as long as the request.
  virtual const net::Endpoint& remote() const = 0;
  virtual bool is_tls() const = 0;
  /// The next part of the body; empty at its end. The view lives until the next call.
  virtual Task<Result<std::string_view>> read_some(Context ctx) = 0;
  /// The whole body. kResourceExhausted with reason "body_too_large" beyond max_bytes.
  virtual Task<Result<std::string>> read_all(Context ctx, size_t max_bytes) = 0;
  /// The same where all of it has arrived and is within max_bytes: no task is needed for it.
  virtual std::optional<std::string> take_buffered(size_t max_bytes) { return std::nullopt; }

  /// What a handler's tasks share, for a handler that need not be a task itself.
  class Kept {
   public:
    virtual ~Kept() = default;
  };
  /// Until the handler's task has gone. At most once for a request.
  void keep(std::unique_ptr<Kept> kept) { kept_ = std::move(kept); }

 protected:
  void end_kept() { kept_.reset(); }

 private:
  std::unique_ptr<Kept> kept_;
};

/// The answer. Either respond() once, or respond_prepared() after prepare(), or start(), write()…,
/// finish().
class ServerResponse {
 public:
  virtual ~ServerResponse() = default;
  /// A complete answer with Content-Length.
  virtual Task<Result<void>> respond(Context ctx, ResponseHead head, std::string body) = 0;
  /// Puts a complete answer together for the time when it may be told; nothing of it leaves before
  /// that. Any other answer takes its place.
  virtual void prepare(ResponseHead head, std::string body);
  /// It may be told: sends of it what goes out without waiting. respond_prepared() must follow.
  virtual void tell_prepared() {}
  /// Sends what was prepared, or what is left of it.
  virtual Task<Result<void>> respond_prepared(Context ctx);
  /// Sends status and headers of a streamed answer (chunked on HTTP/1.1 unless the head has a
  /// Content-Length), and its first part where that is here already. The view lives until the end.
  virtual Task<Result<void>> start(Context ctx, ResponseHead head, std::string_view first = {}) = 0;
  /// Sends a part; returns when it is handed to the socket (back-pressure). Fails once the client
  /// left.
  virtual Task<Result<void>> write(Context ctx, std::string_view data) = 0;
  /// `last`: a part that goes out with the end.
  virtual Task<Result<void>> finish(Context ctx, std::string_view last = {}) = 0;
  /// Ends the answer as broken: connection reset (HTTP/1.1) or RST_STREAM, so that nobody takes a
  /// cut stream for a whole one.
  virtual void abort() = 0;
  virtual bool started() const = 0;

 private:
  ResponseHead prepared_head_;
  std::string prepared_body_;
};

/// ctx is cancelled when the client goes away. A handler that returns without an answer gets a 500,
/// or what its failed read of the body asks for (400, 408, 413). May take the context by value.
using Handler =
    std::function<Task<void>(Context&& ctx, ServerRequest& request, ServerResponse& response)>;

struct ServerOptions {
  size_t connections_max;
  size_t header_bytes_max;
  /// Hard ceiling of a request body, whatever read_all() is told; beyond it: 413.
  size_t body_bytes_max;
  Duration read_timeout;
  Duration idle_timeout;
  ServerOptions();
};

class Server {
 public:
  /// Serves until stop(). The listener is owned.
  Server(async::Loop& loop, std::unique_ptr<net::Listener> listener, Handler handler,
         ServerOptions options = ServerOptions());
  ~Server();
  void start();
  net::Endpoint local() const;
  /// Stops accepting, tells kept-alive clients to go, waits for what is in flight up to `deadline`,
  /// then cuts. Returns how many requests were cut.
  Task<size_t> stop(Context ctx, Duration deadline);
  /// Drops all connections at once, as a crash or an outage would (simulators).
  void drop_connections();
  size_t open_connections() const;
  size_t in_flight() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace drover::http
