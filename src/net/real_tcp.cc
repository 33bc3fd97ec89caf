#include "net/real_tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "async/sync.h"
#include "base/log.h"
#include "net/address.h"

namespace drover::net {
namespace {

using async::Wake;

// Connections the kernel holds for us between two rounds of the loop (it caps this at somaxconn).
constexpr int kBacklog = 4096;
// Out of descriptors: accepting again at once would spin, since the connection is still pending.
constexpr Duration kAcceptPause = 50ms;

Error connect_error(const Endpoint& endpoint, int err) {
  return Error(Code::kUnavailable,
               "cannot connect to " + endpoint.to_string() + ": " + strerror(err),
               Retry::kOtherTarget)
      .with_reason("connect");
}

bool out_of_resources(int err) {
  return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

}  // namespace

void set_no_delay(int fd) {
  int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Task<Result<void>> TcpStream::shutdown_write(Context ctx) {
  if (core_->closed()) co_return fail(closed_error());
  if (::shutdown(core_->fd(), SHUT_WR) != 0 && errno != ENOTCONN) {
    co_return fail(io_error(errno, "shutdown failed"));
  }
  co_return Result<void>();
}

Endpoint local_endpoint(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  return from_sockaddr(reinterpret_cast<sockaddr*>(&address));
}

Result<FdPtr> open_listener(AsioLoop& loop, const Endpoint& local) {
  sockaddr_storage address;
  socklen_t length = to_sockaddr(local, &address);
  if (length == 0) return fail(Code::kInvalidArgument, "not an address: " + local.ip);
  int fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return fail(Code::kUnavailable, std::string("cannot open a socket: ") + strerror(errno));
  int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // "::" means IPv6 only, on every machine; who wants both listens twice.
  if (address.ss_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  // Accepted sockets inherit it, which saves a system call for each.
  set_no_delay(fd);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(fd, kBacklog) != 0) {
    int err = errno;
    ::close(fd);
    Code code = err == EADDRINUSE ? Code::kAlreadyExists
                : err == EACCES   ? Code::kPermissionDenied
                                  : Code::kUnavailable;
    return fail(code, "cannot listen on " + local.to_string() + ": " + strerror(err));
  }
  return LocalPtr<FdCore>::make(loop, fd);
}

Task<Result<Accepted>> accept_on(FdPtr listener, Context ctx) {
  bool warned = false;
  for (;;) {
    CO_TRY_VOID(ctx.check());
    if (listener->closed()) co_return fail(Code::kCancelled, "the listener was closed");
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    int fd = ::accept4(listener->fd(), reinterpret_cast<sockaddr*>(&address), &length,
                       SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      Accepted out;
      out.core = LocalPtr<FdCore>::make(listener->loop(), fd);
      out.remote = from_sockaddr(reinterpret_cast<sockaddr*>(&address));
      co_return out;
    }
    if (errno == EAGAIN) {
      Wake wake = co_await listener->readable(ctx);
      if (listener->closed()) co_return fail(Code::kCancelled, "the listener was closed");
      if (wake != Wake::kWoken) co_return fail(async::wake_error(wake, ctx));
    } else if (out_of_resources(errno)) {
      if (!std::exchange(warned, true)) LOG_WARN("cannot accept connections: {}", strerror(errno));
      CO_TRY_VOID(co_await async::sleep_for(ctx, kAcceptPause));
    } else if (errno == EBADF || errno == EINVAL) {
      co_return fail(Code::kInternal, std::string("accept failed: ") + strerror(errno));
    }
    // Anything else is a connection that died in the queue (accept(2)): the next one.
  }
}

Task<Result<FdPtr>> connect_to(AsioLoop* loop, Context ctx, Endpoint endpoint) {
  CO_TRY_VOID(ctx.check());
  sockaddr_storage address;
  socklen_t length = to_sockaddr(endpoint, &address);
  if (length == 0) co_return fail(Code::kInvalidArgument, "not an address: " + endpoint.ip);
  int fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return fail(connect_error(endpoint, errno));
  set_no_delay(fd);
  int rc = ::connect(fd, reinterpret_cast<sockaddr*>(&address), length);
  if (rc != 0 && errno != EINPROGRESS) {
    int err = errno;
    ::close(fd);
    co_return fail(connect_error(endpoint, err));
  }
  auto core = LocalPtr<FdCore>::make(*loop, fd);
  if (rc != 0) {
    Wake wake = co_await core->writable(ctx);
    if (wake != Wake::kWoken) {
      core->close();
      Error error = async::wake_error(wake, ctx);
      error.reason = "connect";
      error.note("while connecting to " + endpoint.to_string());
      co_return fail(std::move(error));
    }
    int err = 0;
    socklen_t size = sizeof err;
    ::getsockopt(core->fd(), SOL_SOCKET, SO_ERROR, &err, &size);
    if (err != 0) {
      core->close();
      co_return fail(connect_error(endpoint, err));
    }
  }
  co_return core;
}

}  // namespace drover::net
