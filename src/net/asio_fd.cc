#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/asio_impl.h"

namespace drover::net {

using async::Wake;

FdCore::FdCore(AsioLoop& loop, int fd) : loop_(&loop), descriptor_(loop.impl().io, fd) {}

FdCore::~FdCore() = default;

void FdCore::arm(Side& side, AsioDescriptor::wait_type type) {
  if (side.armed || closed_) return;
  side.armed = true;
  descriptor_.async_wait(
      type, [self = shared_from_this(), &side](boost::system::error_code) { self->fired(side); });
}

void FdCore::fired(Side& side) {
  side.armed = false;
  if (&side == &read_side_) drained = false;
  side.queue.wake_all();
}

void FdCore::close() {
  if (closed_) return;
  closed_ = true;
  boost::system::error_code ignored;
  descriptor_.close(ignored);
  read_side_.queue.wake_all();
  write_side_.queue.wake_all();
}

void FdCore::close_with_reset() {
  if (closed_) return;
  linger hard{};
  hard.l_onoff = 1;
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
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
    if (!core->drained) {
      ssize_t n = ::read(core->fd(), buffer.data(), buffer.size());
      if (n >= 0) {
        // A short read of a stream means that the kernel's buffer is empty (epoll(7)).
        core->drained = n > 0 && static_cast<size_t>(n) < buffer.size();
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
