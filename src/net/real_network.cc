// The real network: listeners, and the dialer with its resolver and address policy.

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstring>

#include "async/sync.h"
#include "base/limits/net.h"
#include "base/limits/road.h"
#include "net/address.h"
#include "net/real_tcp.h"
#include "net/real_tls.h"

namespace drover::net {
namespace {

using async::Executor;
using async::OneShot;
using async::Semaphore;

class TcpListener final : public Listener {
 public:
  TcpListener(FdPtr core, std::shared_ptr<TlsContext> tls)
      : core_(std::move(core)), tls_(std::move(tls)), local_(local_endpoint(core_->fd())) {}
  ~TcpListener() override { core_->close(); }

  Task<Result<std::unique_ptr<Stream>>> accept(Context ctx) override {
    return accept_stream(core_, tls_, std::move(ctx));
  }
  Endpoint local() const override { return local_; }
  void close() override { core_->close(); }

 private:
  static Task<Result<std::unique_ptr<Stream>>> accept_stream(FdPtr core,
                                                             std::shared_ptr<TlsContext> tls,
                                                             Context ctx) {
    CO_TRY(auto accepted, co_await accept_on(core, ctx));
    if (tls != nullptr) {
      // The handshake is the connection's own business: a slow client must not hold the others up.
      auto session =
          make_tls_session(accepted.core, tls, tls->accept_session(), accepted.remote.to_string());
      co_return std::make_unique<TlsStream>(std::move(session), std::move(accepted.remote));
    }
    co_return std::make_unique<TcpStream>(std::move(accepted.core), std::move(accepted.remote));
  }

  FdPtr core_;
  std::shared_ptr<TlsContext> tls_;
  Endpoint local_;
};

using Addresses = Result<std::vector<std::string>>;

Addresses resolve_blocking(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  int rc = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (rc == EAI_NONAME || rc == EAI_NODATA || rc == EAI_ADDRFAMILY) {
    // A literal of a family that this machine has no address in is still a literal.
    hints.ai_flags = AI_NUMERICHOST;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) == 0) rc = 0;
  }
  if (rc != 0) {
    return fail(Error(Code::kUnavailable, "cannot resolve " + host + ": " + gai_strerror(rc),
                      Retry::kOtherTarget)
                    .with_reason("dns"));
  }
  std::vector<std::string> out;
  for (addrinfo* a = found; a != nullptr && out.size() < limits::kResolvedAddressesMax;
       a = a->ai_next) {
    out.push_back(from_sockaddr(a->ai_addr).ip);
  }
  ::freeaddrinfo(found);
  return out;
}

/// getaddrinfo on the blocking executor. A caller whose context ends leaves; the look-up itself
/// cannot be interrupted and keeps its place in the count until it is over.
class BlockingResolver final : public Resolver {
 public:
  explicit BlockingResolver(Executor& executor)
      : executor_(&executor), slots_(std::make_shared<Semaphore>(limits::kResolvesMax)) {}

  Task<Addresses> resolve(Context ctx, std::string host) override {
    return look_up(executor_, slots_, std::move(ctx), std::move(host));
  }

 private:
  struct Job {
    std::string host;
    std::shared_ptr<Semaphore> slots;
    Semaphore::Permit permit;
    OneShot<Addresses> answer;
  };

  static Task<Addresses> look_up(Executor* executor, std::shared_ptr<Semaphore> slots, Context ctx,
                                 std::string host) {
    if (host.empty() || host.size() > 253 || host.find('\0') != std::string::npos) {
      co_return fail(Code::kInvalidArgument, "not a host name: " + host);
    }
    if (IpAddress::parse(host)) co_return std::vector<std::string>(1, host);
    auto job = std::make_shared<Job>();
    job->host = std::move(host);
    job->slots = slots;
    CO_TRY(job->permit, co_await slots->acquire(ctx));
    submit(executor, &ctx.loop(), job);
    auto answer = co_await job->answer.take(ctx);
    if (!answer) {
      Error error = answer.error();
      error.reason = "dns";
      error.note("while resolving " + job->host);
      co_return fail(std::move(error));
    }
    co_return std::move(*answer);
  }

  static void submit(Executor* executor, async::Loop* loop, std::shared_ptr<Job> job) {
    executor->submit([loop, job] {
      auto addresses = std::make_shared<Addresses>(resolve_blocking(job->host));
      loop->post([job, addresses] {
        job->permit.release();  // here, since permits belong to the loop's thread
        job->answer.set(std::move(*addresses));
      });
    });
  }

  Executor* executor_;
  std::shared_ptr<Semaphore> slots_;
};

/// The share of the remaining time that one of several addresses may take.
Duration attempt_time(const Context& ctx, size_t addresses_left) {
  if (!ctx.has_deadline()) return limits::kConnectTimeout;
  return ctx.remaining() / static_cast<int64_t>(addresses_left);
}

class TcpDialer final : public Dialer {
 public:
  TcpDialer(AsioLoop& loop, Executor& blocking) : loop_(&loop), resolver_(blocking) {}

  Task<Result<std::unique_ptr<Stream>>> dial(Context ctx, DialTarget target) override {
    std::shared_ptr<TlsContext> tls;
    if (target.tls.enabled) {
      CO_TRY(tls, trust(target.tls.ca_file));
    }
    CO_TRY(auto addresses, co_await resolver_.resolve(ctx, target.host));
    CO_TRY_VOID(keep_allowed(target, &addresses));
    CO_TRY(auto connected, co_await connect_first(loop_, ctx, std::move(addresses), target.port));
    if (target.tls.enabled) {
      co_return co_await start_tls(std::move(connected), std::move(tls), ctx, target);
    }
    co_return std::make_unique<TcpStream>(std::move(connected.core), std::move(connected.remote));
  }

 private:
  static Task<Result<std::unique_ptr<Stream>>> start_tls(Accepted connected,
                                                         std::shared_ptr<TlsContext> tls,
                                                         Context ctx, DialTarget target) {
    CO_TRY(auto ssl, tls->connect_session(target.host, target.tls));
    auto session = make_tls_session(connected.core, tls, std::move(ssl), target.host);
    auto stream = std::make_unique<TlsStream>(std::move(session), std::move(connected.remote));
    auto done = co_await stream->handshake(ctx);
    if (!done) {
      Error error = std::move(done.error());
      if (error.reason != "tls") error.note("during the TLS handshake with " + target.host);
      error.reason = "tls";
      co_return fail(std::move(error));
    }
    co_return stream;
  }

  /// Reading the roots takes milliseconds, so contexts are kept; a bundle that changed is read
  /// anew.
  Result<std::shared_ptr<TlsContext>> trust(const std::string& ca_file) {
    struct stat info{};
    std::string key = ca_file;
    if (!ca_file.empty() && ::stat(ca_file.c_str(), &info) == 0) {
      key += "@" + std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec);
    }
    auto it = trusts_.find(key);
    if (it != trusts_.end()) return it->second;
    TRY(auto context, TlsContext::client(ca_file));
    if (trusts_.size() >= limits::kTlsTrustsMax) trusts_.clear();
    trusts_.emplace(std::move(key), context);
    return context;
  }

  static Result<void> keep_allowed(const DialTarget& target, std::vector<std::string>* addresses) {
    std::erase_if(*addresses, [&](const std::string& ip) {
      return !address_allowed(target.policy, target.host, target.port, ip);
    });
    if (!addresses->empty()) return {};
    return fail(Error(Code::kPermissionDenied,
                      target.host + " is not a public address, and the address policy does not "
                                    "allow it")
                    .with_reason("address_forbidden"));
  }

  static Task<Result<Accepted>> connect_first(AsioLoop* loop, Context ctx,
                                              std::vector<std::string> addresses, uint16_t port) {
    Error last(Code::kUnavailable, "no address", Retry::kOtherTarget);
    for (size_t i = 0; i < addresses.size(); ++i) {
      Accepted out;
      out.remote.ip = addresses[i];
      out.remote.port = port;
      Context attempt = ctx.with_timeout(attempt_time(ctx, addresses.size() - i));
      auto core = co_await connect_to(loop, attempt, out.remote);
      if (core) {
        out.core = std::move(*core);
        co_return out;
      }
      last = std::move(core.error());
      if (!ctx.check()) break;
    }
    co_return fail(std::move(last));
  }

  AsioLoop* loop_;
  BlockingResolver resolver_;
  std::map<std::string, std::shared_ptr<TlsContext>> trusts_;
};

class RealNetwork final : public Network {
 public:
  RealNetwork(AsioLoop& loop, Executor& blocking) : loop_(&loop), dialer_(loop, blocking) {}

  Result<std::unique_ptr<Listener>> listen(Endpoint local, TlsServerOptions tls) override {
    std::shared_ptr<TlsContext> context;
    if (tls.enabled) {
      TRY(context, TlsContext::server(tls));
    }
    TRY(auto core, open_listener(*loop_, local));
    return std::make_unique<TcpListener>(std::move(core), std::move(context));
  }
  Dialer& dialer() override { return dialer_; }

 private:
  AsioLoop* loop_;
  TcpDialer dialer_;
};

}  // namespace

std::unique_ptr<Network> make_asio_network(AsioLoop& loop, async::Executor& blocking) {
  return std::make_unique<RealNetwork>(loop, blocking);
}

}  // namespace drover::net
