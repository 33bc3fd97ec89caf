#pragma once
// The network as interfaces: byte streams, listeners, dialers, resolvers. Two forms: real sockets
// (asio_*.cc, the only files that include Boost.Asio) and the simulated network (sim_net.h), which
// delays, cuts, stalls and corrupts by script and by seed. Everything above speaks to these.
//
// Loop-affine. Every wait ends with its context. Errors of a peer are kUnavailable with
// Retry::kOtherTarget; an orderly end of stream is a read of 0 bytes, never an error.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "async/wait.h"
#include "base/result.h"

namespace drover::net {

using async::Context;
using async::Task;

/// A numeric address and port.
struct Endpoint {
  std::string ip;
  uint16_t port = 0;
  std::string to_string() const;  // "127.0.0.1:80", "[::1]:80"
  bool operator==(const Endpoint&) const = default;
};

/// True for 127.0.0.0/8 and ::1 (and the v4-mapped forms).
bool is_loopback(std::string_view ip);
/// Link-local, unique-local, RFC 1918, CGNAT, loopback, unspecified, multicast, reserved: whatever
/// is not a public unicast address, v4-mapped and NAT64 forms included.
bool is_private(std::string_view ip);

class Stream {
 public:
  virtual ~Stream() = default;
  /// Reads at least one byte into the buffer; 0 means the peer ended the stream.
  virtual Task<Result<size_t>> read(Context ctx, std::span<char> buffer) = 0;
  /// Waits until there is something to read (the end counts), so that nobody holds a buffer for
  /// bytes that may be long in coming. A stream that cannot tell returns at once: read() waits.
  virtual Task<Result<void>> readable(Context ctx);
  /// The same without a task, for whoever keeps the stream meanwhile: where to wait until there may
  /// be something, and then to ask again. Null: there may be, or the stream was closed, or it can
  /// tell this by readable() only.
  virtual async::WaitQueue* nothing_to_read() { return nullptr; }
  /// Like read() where it need not wait. Nothing: it would, or the stream cannot tell.
  virtual std::optional<Result<size_t>> try_read(std::span<char> buffer) { return std::nullopt; }
  /// Writes all of it, or fails. The data must stay alive until the task ends.
  virtual Task<Result<void>> write(Context ctx, std::string_view data) = 0;
  /// Writes what goes without waiting and says how much that was: none of it, if the stream cannot
  /// tell. Most requests and answers go whole, and need no task to wait in.
  virtual Result<size_t> try_write(std::string_view data) { return size_t{0}; }
  /// The same of two pieces that follow each other, which need not be copied into one.
  virtual Result<size_t> try_write_both(std::string_view first, std::string_view second);
  /// Ends our half (FIN, TLS close_notify).
  virtual Task<Result<void>> shutdown_write(Context ctx) = 0;
  /// Closes at once; pending reads and writes end with kCancelled. Idempotent.
  virtual void close() = 0;
  /// Closes so that the peer sees a reset, never an orderly end: for answers that broke off.
  virtual void reset() { close(); }
  /// Completes what must precede alpn() (the server side of TLS); nothing on plain streams. read
  /// and write do it by themselves; who needs alpn() first calls this, in the connection's task.
  virtual Task<Result<void>> handshake(Context ctx);
  /// Good as long as the stream.
  virtual const Endpoint& remote() const = 0;
  /// "h2", "http/1.1" or "" (no TLS or nothing negotiated).
  virtual std::string_view alpn() const { return {}; }
  virtual bool is_tls() const { return false; }
};

class Listener {
 public:
  virtual ~Listener() = default;
  virtual Task<Result<std::unique_ptr<Stream>>> accept(Context ctx) = 0;
  virtual Endpoint local() const = 0;
  virtual void close() = 0;
};

/// Which addresses a dial may reach. The check is made on the resolved address that is then
/// connected to, so a name that resolves differently a moment later changes nothing.
struct AddressPolicy {
  /// Operator-configured endpoints may be anywhere; URLs from agents, tools and planners may not.
  bool allow_private = false;
  /// Exact "host", "host:port" or CIDR ("10.1.0.0/16") entries that are allowed all the same.
  std::vector<std::string> allow;
};

struct TlsClientOptions {
  bool enabled = false;
  /// PEM bundle to trust instead of the system's.
  std::string ca_file;
  bool verify = true;
  std::vector<std::string> alpn;
};

struct DialTarget {
  std::string host;  // a name or a literal address (no brackets)
  uint16_t port = 0;
  TlsClientOptions tls;
  AddressPolicy policy;
};

class Dialer {
 public:
  virtual ~Dialer() = default;
  /// Resolves, checks the policy, connects (several addresses in turn), does TLS. The context's
  /// deadline covers all of it. kPermissionDenied when the policy forbids every address.
  virtual Task<Result<std::unique_ptr<Stream>>> dial(Context ctx, DialTarget target) = 0;
};

class Resolver {
 public:
  virtual ~Resolver() = default;
  virtual Task<Result<std::vector<std::string>>> resolve(Context ctx, std::string host) = 0;
};

struct TlsServerOptions {
  bool enabled = false;
  std::string cert_file;
  std::string key_file;
  std::vector<std::string> alpn = {"h2", "http/1.1"};
};

/// What a process needs of the network, made once in app (real) or by a test (simulated).
class Network {
 public:
  virtual ~Network() = default;
  virtual Result<std::unique_ptr<Listener>> listen(Endpoint local, TlsServerOptions tls) = 0;
  virtual Dialer& dialer() = 0;
};

}  // namespace drover::net
