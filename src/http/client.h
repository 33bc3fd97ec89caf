#pragma once
// The HTTP client with kept-alive pools per origin (HTTP/1.1). One call, one answer whose body is
// read in parts. A connection goes back to the pool only after its body was read to the end.
// A request on a reused connection that dies before any byte of an answer is sent again once on a
// fresh connection if it is idempotent (by method, or by an Idempotency-Key header) or could not be
// written. Idle connections are watched: one that the peer ends leaves the pool at once.
// Connections are shared only between requests with the same origin, TLS options and address
// policy. Redirects are not followed, interim answers are skipped, no content coding is asked for.
//
// Errors: kUnavailable/kOtherTarget with reason "connect", "reset", "tls", "protocol";
// kDeadlineExceeded with reason "connect", "headers", "body"; kInvalidArgument for a request that
// no server could read safely (control characters in a header); the dialer's refusals as they are.
// Limits (base/limits/http.h): header bytes and count, idle connections. Loop thread only.

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/local_ptr.h"
#include "http/message.h"
#include "net/stream.h"

namespace drover::http {

using async::Context;
using async::Task;

/// Where a request goes and what its head begins with: what is the same for many requests, which
/// may then share one.
struct RequestTarget {
  std::string method = "POST";
  Url url;
  Headers headers;            // Host (unless given) and Content-Length are added
  net::TlsClientOptions tls;  // `enabled` follows the URL
  net::AddressPolicy policy;

  /// Checks it, and puts together what each head begins with, so that no request to it need do so
  /// again: nothing of it is changed from then on. One that no server could read safely stays as it
  /// was, and each request to it fails.
  void prepare();
  /// What prepare() put together; empty without it.
  std::string prepared;
};

/// What is one request's own.
struct RequestCall {
  /// A header; its texts outlive the call. The name is a constant of the program's, and a token:
  /// only the value is looked at.
  struct Field {
    std::string_view name;
    std::string_view value;
  };
  /// After the target's. Neither Host nor what is added; what has no name is not sent.
  std::array<Field, 2> more_headers;
  std::string body;
  /// Sent in place of `body`, where it is set: a text that its owner keeps, perhaps for another
  /// request, and that is not copied for this one. Of the loop's thread.
  LocalPtr<const std::string> lent_body;
  std::string_view content() const { return lent_body ? *lent_body : std::string_view(body); }
  Duration connect_timeout;
  /// From the request sent to the answer's head.
  Duration headers_timeout;
  /// Set to true once all of it has gone out: from then on the server may act on it, whatever comes
  /// of the answer. Null, or outlives the call.
  bool* sent = nullptr;
  RequestCall();
};

/// A request with a target of its own.
struct ClientRequest : RequestTarget, RequestCall {};

/// When the parts of a call happened, for traces. Zero if it did not happen.
struct ClientTiming {
  MonoTime started;
  MonoTime connected;  // == started on a reused connection
  MonoTime sent;
  MonoTime first_byte;
  bool reused = false;
};

class ClientResponse {
 public:
  virtual ~ClientResponse() = default;
  virtual const ResponseHead& head() const = 0;
  virtual const ClientTiming& timing() const = 0;
  /// The next part of the body; empty at its proper end. A body cut short is an error
  /// (kUnavailable, reason "cut"), never an end. The view lives until the next call.
  virtual Task<Result<std::string_view>> read_some(Context ctx) = 0;
  /// The whole rest; kResourceExhausted beyond max_bytes.
  virtual Task<Result<std::string>> read_all(Context ctx, size_t max_bytes) = 0;
  /// The same where all of it has arrived and is within max_bytes: no task is needed for it.
  virtual std::optional<std::string> take_buffered(size_t max_bytes) { return std::nullopt; }
  /// Gives the connection up (closed, not pooled). The destructor does the same if unread.
  virtual void abort() = 0;
};

class Client {
 public:
  virtual ~Client() = default;
  /// Target and call are read while the task runs, and again if it is sent again: they outlive the
  /// task, and are not changed meanwhile. Of the answer they need not.
  virtual Task<Result<std::unique_ptr<ClientResponse>>> send_to(Context ctx,
                                                                const RequestTarget& target,
                                                                const RequestCall& call) = 0;
  Task<Result<std::unique_ptr<ClientResponse>>> send(Context ctx, const ClientRequest& request) {
    return send_to(std::move(ctx), request, request);
  }
  /// Closes idle connections.
  virtual void clear_idle() = 0;
  virtual size_t idle_connections() const = 0;
};

/// The loop and the dialer must outlive the client; responses may outlive it.
std::unique_ptr<Client> make_client(async::Loop& loop, net::Dialer& dialer);

}  // namespace drover::http
