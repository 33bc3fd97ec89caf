#pragma once
// Private to the real_*.cc files: TCP streams and listeners on FdCore.

#include <memory>

#include "net/real_impl.h"

namespace drover::net {

class TcpStream final : public Stream {
 public:
  TcpStream(FdPtr core, Endpoint remote) : core_(std::move(core)), remote_(std::move(remote)) {}
  ~TcpStream() override { core_->close(); }
  Task<Result<size_t>> read(Context ctx, std::span<char> buffer) override {
    return fd_read(core_, std::move(ctx), buffer);
  }
  Task<Result<void>> readable(Context ctx) override { return fd_readable(core_, std::move(ctx)); }
  async::WaitQueue* nothing_to_read() override { return core_->nothing_to_read(); }
  std::optional<Result<size_t>> try_read(std::span<char> buffer) override {
    return fd_try_read(*core_, buffer);
  }
  Result<size_t> try_write(std::string_view data) override { return fd_try_write(*core_, data); }
  Result<size_t> try_write_both(std::string_view first, std::string_view second) override {
    return fd_try_write(*core_, first, second);
  }
  Task<Result<void>> write(Context ctx, std::string_view data) override {
    return fd_write(core_, std::move(ctx), data);
  }
  Task<Result<void>> shutdown_write(Context ctx) override;
  void close() override { core_->close(); }
  void reset() override { core_->close_with_reset(); }
  const Endpoint& remote() const override { return remote_; }

 private:
  FdPtr core_;
  Endpoint remote_;
};

/// Nothing waits in the kernel to be joined with later bytes: requests and tokens leave at once.
void set_no_delay(int fd);

/// Opens a listening socket.
Result<FdPtr> open_listener(AsioLoop& loop, const Endpoint& local);
/// What accept gave: the connection and who it is from.
struct Accepted {
  FdPtr core;
  Endpoint remote;
};
Task<Result<Accepted>> accept_on(FdPtr listener, Context ctx);
Endpoint local_endpoint(int fd);

/// Connects to one address within the context. Reason "connect".
Task<Result<FdPtr>> connect_to(AsioLoop* loop, Context ctx, Endpoint endpoint);

}  // namespace drover::net
