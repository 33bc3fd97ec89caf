#pragma once
// Private to the asio_*.cc files: the loop's insides and FdCore, one descriptor on the loop.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "async/wait.h"
#include "base/result.h"
#include "net/asio_loop.h"
#include "net/timer_heap.h"

namespace drover::net {

using AsioExecutor = boost::asio::io_context::executor_type;
using AsioDescriptor = boost::asio::posix::basic_stream_descriptor<AsioExecutor>;
using AsioTimer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, AsioExecutor>;

struct AsioLoop::Impl {
  Impl();
  ~Impl();

  void post(std::function<void()> fn);
  TimerHeap::Id call_at(MonoTime t, std::function<void()> fn);
  void cancel_timer(TimerHeap::Id id) { timers_.cancel(id); }
  /// One round: what is ready, then one event of the kernel (waiting for it if nothing is ready).
  void turn();

  // Only one thread touches io; other threads go through the inbox and its eventfd.
  boost::asio::io_context io{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  SystemClock clock;
  bool stopping = false;

 private:
  void run_ready();
  void take_inbox();
  void watch_inbox();
  void arm_timer();
  void run_timers();

 public:
  std::unique_ptr<boost::asio::signal_set> signals;
  std::function<void(int)> signal_fn;
  void watch_signals();

 private:
  std::vector<std::function<void()>> ready_;
  std::vector<std::function<void()>> batch_;

  TimerHeap timers_;
  AsioTimer timer_;
  MonoTime armed_at_ = MonoTime::max();
  uint64_t armed_generation_ = 0;

  std::mutex inbox_mutex_;
  std::vector<std::function<void()>> inbox_;
  bool inbox_signalled_ = false;
  AsioDescriptor inbox_event_;
};

/// A non-blocking descriptor whose readiness can be awaited. Shared by the stream that owns it and
/// by every operation under way on it, so that a stream may go while they wait: they then end with
/// kCancelled. A wait given up (deadline, cancel) leaves the kernel's watch armed for the next one.
class FdCore : public std::enable_shared_from_this<FdCore> {
 public:
  /// Owns fd.
  FdCore(AsioLoop& loop, int fd);
  ~FdCore();
  FdCore(const FdCore&) = delete;
  FdCore& operator=(const FdCore&) = delete;

  int fd() { return descriptor_.native_handle(); }
  bool closed() const { return closed_; }
  AsioLoop& loop() { return *loop_; }
  async::Waiter readable(Context ctx) {
    arm(read_side_, AsioDescriptor::wait_read);
    return read_side_.queue.wait(std::move(ctx));
  }
  async::Waiter writable(Context ctx) {
    arm(write_side_, AsioDescriptor::wait_write);
    return write_side_.queue.wait(std::move(ctx));
  }
  /// Ends all waits; idempotent.
  void close();
  /// Takes the descriptor out, unwatched, for the caller to close (or use in other ways).
  void close_with_reset();

  /// The last read took less than it asked for: the next is worth a try only after a wait.
  bool drained = false;

 private:
  struct Side {
    async::WaitQueue queue;
    bool armed = false;
  };
  void arm(Side& side, AsioDescriptor::wait_type type);
  void fired(Side& side);

  AsioLoop* loop_;
  AsioDescriptor descriptor_;
  Side read_side_;
  Side write_side_;
  bool closed_ = false;
};

/// The error for a failed system call on an established connection.
Error io_error(int err, std::string_view what);
/// The error of an operation on a closed stream.
Error closed_error();

/// Reads at least a byte, 0 at the end.
Task<Result<size_t>> fd_read(std::shared_ptr<FdCore> core, Context ctx, std::span<char> buffer);
Task<Result<void>> fd_write(std::shared_ptr<FdCore> core, Context ctx, std::string_view data);
/// The wait for readiness with its errors.
Result<void> after_wait(async::Wake wake, const FdCore& core, const Context& ctx);

}  // namespace drover::net
