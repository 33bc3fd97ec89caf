#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "net/real_impl.h"

namespace drover::net {

using async::Wake;

FdCore::FdCore(AsioLoop& loop, int fd) : loop_(&loop), fd_(fd) {
  if (loop.impl().watch(fd, this) || errno == EPERM)
    return;  // EPERM: a file, which is always ready
  LOG_WARN("a descriptor cannot be watched: {}", strerror(errno));
  close();
}

FdCore::~FdCore() { close(); }

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

Task<Result<size_t>> fd_read(std::shared_ptr<FdCore> core, Context ctx, std::span<char> buffer) {
  if (buffer.empty()) co_return fail(Code::kInvalidArgument, "read into an empty buffer");
  // A peer that never lets us wait must not outlast the context either.
  CO_TRY_VOID(ctx.check());
  for (;;) {
    if (core->closed()) co_return fail(closed_error());
    if (!core->drained()) {
      ssize_t n = ::read(core->fd(), buffer.data(), buffer.size());
      if (n >= 0) {
        if (n > 0 && static_cast<size_t>(n) < buffer.size()) core->note_short_read();
        co_return static_cast<size_t>(n);
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN) co_return fail(io_error(errno, "read failed"));
    }
    Wake wake = co_await core->readable(ctx);
    CO_TRY_VOID(after_wait(wake, *core, ctx));
  }
}

Task<Result<void>> fd_write(std::shared_ptr<FdCore> core, Context ctx, std::string_view data) {
  CO_TRY_VOID(ctx.check());
  while (!data.empty()) {
    if (core->closed()) co_return fail(closed_error());
    ssize_t n = ::write(core->fd(), data.data(), data.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) co_return fail(io_error(errno, "write failed"));
      n = 0;
    }
    data.remove_prefix(static_cast<size_t>(n));
    if (data.empty()) break;
    Wake wake = co_await core->writable(ctx);
    CO_TRY_VOID(after_wait(wake, *core, ctx));
  }
  co_return Result<void>();
}

}  // namespace drover::net
