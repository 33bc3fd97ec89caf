#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "base/sanitized.h"
#include "net/real_impl.h"

namespace drover::net {

using async::Wake;

namespace {

bool is_socket(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

// recv() and send() are points where a thread may be cancelled: in a process with several threads
// the C library puts two locked instructions around each, a fiftieth of what a small call through
// the gateway costs. No thread of ours is ever cancelled. The sanitizers watch the library's calls.

ssize_t receive(int fd, std::span<char> buffer) {
  if constexpr (kSanitized) return ::recv(fd, buffer.data(), buffer.size(), 0);
  return ::syscall(SYS_recvfrom, fd, buffer.data(), buffer.size(), 0, nullptr, nullptr);
}

ssize_t send(int fd, std::string_view data) {
  if constexpr (kSanitized) return ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
  return ::syscall(SYS_sendto, fd, data.data(), data.size(), MSG_NOSIGNAL, nullptr, size_t{0});
}

ssize_t send(int fd, const msghdr& message) {
  if constexpr (kSanitized) return ::sendmsg(fd, &message, MSG_NOSIGNAL);
  return ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
}

}  // namespace

FdCore::FdCore(AsioLoop& loop, int fd) : loop_(&loop), fd_(fd), socket_(is_socket(fd)) {
  if (loop.impl().watch(fd, this) || errno == EPERM)
    return;  // EPERM: a file, which is always ready
  LOG_WARN("a descriptor cannot be watched: {}", strerror(errno));
  close();
}

FdCore::~FdCore() { close(); }

// The calls of sockets pass by the file layer's locks and checks.
ssize_t FdCore::read(std::span<char> buffer) {
  return socket_ ? receive(fd_, buffer) : ::read(fd_, buffer.data(), buffer.size());
}

ssize_t FdCore::write(std::string_view data, std::string_view more) {
  if (!socket_) return ::write(fd_, data.data(), data.size());
  if (more.empty()) return send(fd_, data);
  std::array<iovec, 2> parts = {iovec{const_cast<char*>(data.data()), data.size()},
                                iovec{const_cast<char*>(more.data()), more.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return send(fd_, message);
}

void FdCore::on_ready(uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ended_ = true;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    drained_ = false;
    readers_.wake_all();
  }
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) writers_.wake_all();
}

void FdCore::close() {
  if (closed()) return;
  loop_->impl().unwatch(fd_);
  ::close(std::exchange(fd_, -1));
  readers_.wake_all();
  writers_.wake_all();
}

void FdCore::close_with_reset() {
  if (closed()) return;
  linger hard{};
  hard.l_onoff = 1;
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close();
}

Error io_error(int err, std::string_view what) {
  std::string message(what);
  message += ": ";
  message += err == EPIPE || err == ECONNRESET ? "the peer closed the connection" : strerror(err);
  return Error(Code::kUnavailable, std::move(message), Retry::kOtherTarget).with_reason("reset");
}

Error closed_error() { return Error(Code::kCancelled, "the stream was closed"); }

Result<void> after_wait(Wake wake, const FdCore& core, const Context& ctx) {
  if (core.closed()) return fail(closed_error());
  if (wake != Wake::kWoken) return fail(async::wake_error(wake, ctx));
  return {};
}

std::optional<Result<size_t>> fd_try_read(FdCore& core, std::span<char> buffer) {
  if (buffer.empty()) return fail(Code::kInvalidArgument, "read into an empty buffer");
  if (core.closed()) return fail(closed_error());
  while (!core.drained()) {
    ssize_t n = core.read(buffer);
    if (n >= 0) {
      if (n > 0 && static_cast<size_t>(n) < buffer.size()) core.note_drained();
      return static_cast<size_t>(n);
    }
    if (errno == EAGAIN) {
      core.note_drained();
      break;
    }
    if (errno != EINTR) return fail(io_error(errno, "read failed"));
  }
  return std::nullopt;
}

Result<size_t> fd_try_write(FdCore& core, std::string_view data, std::string_view more) {
  for (;;) {
    if (core.closed()) return fail(closed_error());
    ssize_t n = core.write(data, more);
    if (n >= 0) return static_cast<size_t>(n);
    if (errno == EAGAIN) return size_t{0};
    if (errno != EINTR) return fail(io_error(errno, "write failed"));
  }
}

Task<Result<size_t>> fd_read(FdPtr core, Context ctx, std::span<char> buffer) {
  // A peer that never lets us wait must not outlast the context either.
  CO_TRY_VOID(ctx.check());
  for (;;) {
    std::optional<Result<size_t>> now = fd_try_read(*core, buffer);
    if (now) co_return std::move(*now);
    Wake wake = co_await core->readable(ctx);
    CO_TRY_VOID(after_wait(wake, *core, ctx));
  }
}

// Thousands of these wait at once: nothing stands in the frame but what is waited with.
Task<Result<void>> fd_readable(FdPtr core, Context ctx) {
  Wake wake = Wake::kWoken;
  while (wake == Wake::kWoken && !core->closed() && core->drained()) {
    wake = co_await core->readable(ctx);
  }
  co_return after_wait(wake, *core, ctx);
}

Task<Result<void>> fd_write(FdPtr core, Context ctx, std::string_view data) {
  CO_TRY_VOID(ctx.check());
  while (!data.empty()) {
    CO_TRY(size_t n, fd_try_write(*core, data));
    data.remove_prefix(n);
    if (data.empty()) break;
    Wake wake = co_await core->writable(ctx);
    CO_TRY_VOID(after_wait(wake, *core, ctx));
  }
  co_return Result<void>();
}

}  // namespace drover::net
