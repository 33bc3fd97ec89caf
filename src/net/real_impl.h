#pragma once
// Private to the real_*.cc files: the loop's insides, what it watches, and FdCore, one descriptor
// whose readiness can be awaited.

#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "async/wait.h"
#include "base/local_ptr.h"
#include "base/result.h"
#include "net/asio_loop.h"
#include "net/timer_heap.h"

struct epoll_event;

namespace drover::net {

/// Something whose descriptor the loop watches. on_ready() is called between the tasks, never
/// within one; it may wake, post and change its own state, but must run nothing of anybody else and
/// must not end another Watched: the events of one round are handed out one after another.
class Watched {
 public:
  virtual ~Watched() = default;
  /// `events`: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR.
  virtual void on_ready(uint32_t events) = 0;
};

struct AsioLoop::Impl {
  Impl();
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// Registers the descriptor, once and for both directions, edge-triggered: an event tells of a
  /// change, and no system call is needed to wait for the next one. False if the kernel cannot.
  bool watch(int fd, Watched* watched);
  void unwatch(int fd);

  void post(std::function<void()> fn);
  void resume_soon(std::coroutine_handle<> h);
  void call_soon(async::Turn& turn);
  TimerHeap::Id call_at(MonoTime t, std::function<void()> fn) {
    return timers_.add(t, std::move(fn));
  }
  TimerHeap::Id turn_at(MonoTime t, async::Turn& turn) { return timers_.add(t, turn); }
  void cancel_timer(TimerHeap::Id id) { timers_.cancel(id); }
  /// net/linger.h
  void linger(Duration most);
  /// One round: what is ready, then the kernel's events (waiting for one if nothing is ready).
  void turn();

  /// Lives until it is released or the loop goes.
  void keep(std::shared_ptr<void> thing) { kept_.insert(std::move(thing)); }
  void release(const std::shared_ptr<void>& thing) { kept_.erase(thing); }

  /// The time. Within the loop's callbacks it is read once for each: a request asks some twenty
  /// times, and a callback takes microseconds. Elsewhere, and on other threads, it is read anew.
  MonoTime mono();
  WallTime wall();

  bool stopping = false;
  std::unique_ptr<Watched> signals;

 private:
  void forget_time() { mono_known_ = wall_known_ = false; }

  /// Wakes the loop from other threads.
  class Inbox final : public Watched {
   public:
    explicit Inbox(Impl& loop) : loop_(loop) {}
    void on_ready(uint32_t events) override { loop_.take_inbox(); }

   private:
    Impl& loop_;
  };

  /// What is to be done next, made where it stands: what is moved there is read in wider pieces
  /// than it was written in a moment before, for which the processor waits.
  struct Ready {
    enum class Kind : uint8_t { kCoroutine, kTurn, kFunction };
    explicit Ready(std::coroutine_handle<> h) : of(h.address()), kind(Kind::kCoroutine) {}
    explicit Ready(async::Turn& turn) : of(&turn), kind(Kind::kTurn) {}
    explicit Ready(std::function<void()> fn)
        : of(new std::function<void()>(std::move(fn))), kind(Kind::kFunction) {}
    /// Once; or else drop().
    void run() const;
    void drop() const;
    void* of;  // a function is owned
    Kind kind;
  };
  void run_ready();
  void run_timers();
  void take_inbox();
  void wait(bool may_sleep);
  /// The events that came while it was looked for them; 0: none did in time.
  int look(epoll_event* events);

  SystemClock clock_;
  bool mono_known_ = false;
  bool wall_known_ = false;
  MonoTime mono_{};
  WallTime wall_{};

  MonoTime linger_until_{};
  int lingers_in_vain_ = 0;   // one after another
  int lingers_left_out_ = 0;  // since the last of them
  int epoll_fd_ = -1;
  std::vector<Ready> ready_;
  std::vector<Ready> batch_;
  TimerHeap timers_;
  std::unordered_set<std::shared_ptr<void>> kept_;

  std::mutex inbox_mutex_;
  std::vector<std::function<void()>> inbox_;
  bool inbox_signalled_ = false;
  int inbox_fd_ = -1;
  Inbox inbox_watch_{*this};
};

/// A non-blocking descriptor whose readiness can be awaited. Shared by the stream that owns it and
/// by every operation under way on it, so that a stream may go while they wait: they then end with
/// kCancelled. Wait only after the kernel has said EAGAIN (or `drained` tells the same): it speaks
/// of changes only.
class FdCore final : public Watched {
 public:
  /// Owns fd.
  FdCore(AsioLoop& loop, int fd);
  ~FdCore() override;
  FdCore(const FdCore&) = delete;
  FdCore& operator=(const FdCore&) = delete;

  int fd() const { return fd_; }
  ssize_t read(std::span<char> buffer);
  /// Of a socket, `more` goes with it.
  ssize_t write(std::string_view data, std::string_view more);
  bool closed() const { return fd_ < 0; }
  AsioLoop& loop() { return *loop_; }
  async::Waiter readable(const Context& ctx) { return readers_.wait(ctx); }
  /// See Stream.
  async::WaitQueue* nothing_to_read() { return drained_ && !closed() ? &readers_ : nullptr; }
  async::Waiter writable(const Context& ctx) { return writers_.wait(ctx); }
  /// Ends all waits; idempotent.
  void close();
  /// The peer sees a reset.
  void close_with_reset();

  /// Nothing is left to read until the next event.
  bool drained() const { return drained_; }
  /// The kernel has said so, or a read of a stream took less than it asked for, which says the same
  /// (epoll(7)). Not once the peer has ended its side, since no event would follow that says so.
  void note_drained() { drained_ = !ended_; }

 private:
  void on_ready(uint32_t events) override;

  AsioLoop* loop_;
  int fd_;
  bool socket_;
  bool drained_ = false;
  bool ended_ = false;  // the peer has ended its side, or the descriptor has failed
  async::WaitQueue readers_;
  async::WaitQueue writers_;
};

using FdPtr = LocalPtr<FdCore>;

/// The error for a failed system call on an established connection.
Error io_error(int err, std::string_view what);
/// The error of an operation on a closed stream.
Error closed_error();

/// What Stream::try_read and try_write say of them.
std::optional<Result<size_t>> fd_try_read(FdCore& core, std::span<char> buffer);
Result<size_t> fd_try_write(FdCore& core, std::string_view data, std::string_view more = {});
/// Reads at least a byte, 0 at the end.
Task<Result<size_t>> fd_read(FdPtr core, Context ctx, std::span<char> buffer);
/// Returns at once unless the last read has shown that nothing is left.
Task<Result<void>> fd_readable(FdPtr core, Context ctx);
Task<Result<void>> fd_write(FdPtr core, Context ctx, std::string_view data);
/// The wait for readiness with its errors.
Result<void> after_wait(async::Wake wake, const FdCore& core, const Context& ctx);

}  // namespace drover::net
