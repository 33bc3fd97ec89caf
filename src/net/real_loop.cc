#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/assert.h"
#include "base/sanitized.h"
#include "net/asio_loop.h"
#include "net/linger.h"
#include "net/real_impl.h"
#include "net/real_signals.h"

namespace drover::net {
namespace {

// Ready things run before the kernel is asked again: enough to batch, few enough to stay fair.
constexpr size_t kReadyBatchesMax = 64;
constexpr int kEventsMax = 256;
constexpr int kLingersLeftOutMax = 64;

// The loop that this thread is inside of; posts to it need no lock.
thread_local AsioLoop::Impl* current_loop = nullptr;

class Inside {
 public:
  explicit Inside(AsioLoop::Impl* loop) : before_(std::exchange(current_loop, loop)) {}
  ~Inside() { current_loop = before_; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  AsioLoop::Impl* before_;
};

// Past the C library, where a thread may be cancelled: see real_fd.cc.

int wait_by_milliseconds(int epoll_fd, epoll_event* events, int timeout_ms) {
  if constexpr (kSanitized) return ::epoll_wait(epoll_fd, events, kEventsMax, timeout_ms);
  return static_cast<int>(
      ::syscall(SYS_epoll_pwait, epoll_fd, events, kEventsMax, timeout_ms, nullptr, size_t{0}));
}

int wait_by_nanoseconds(int epoll_fd, epoll_event* events, const timespec& timeout) {
  if constexpr (kSanitized) {
    return ::epoll_pwait2(epoll_fd, events, kEventsMax, &timeout, nullptr);
  }
  return static_cast<int>(
      ::syscall(SYS_epoll_pwait2, epoll_fd, events, kEventsMax, &timeout, nullptr, size_t{0}));
}

/// By the nanosecond where the kernel can (5.11), by the millisecond, rounded up,
/// elsewhere. Forever with Duration::max().
int wait_for_events(int epoll_fd, epoll_event* events, Duration timeout) {
  static bool by_nanoseconds = true;
  if (timeout == Duration::zero()) return wait_by_milliseconds(epoll_fd, events, 0);
  if (timeout == Duration::max()) return wait_by_milliseconds(epoll_fd, events, -1);
  if (by_nanoseconds) {
    timespec span{};
    span.tv_sec = static_cast<time_t>(timeout / 1s);
    span.tv_nsec = static_cast<long>((timeout % 1s).count());
    int n = wait_by_nanoseconds(epoll_fd, events, span);
    if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return n;
    by_nanoseconds = false;
  }
  auto ms =
      std::min<int64_t>(std::chrono::ceil<std::chrono::milliseconds>(timeout).count(), 60'000);
  return wait_by_milliseconds(epoll_fd, events, static_cast<int>(ms));
}

}  // namespace

AsioLoop::Impl::Impl() {
  // A write to a peer that left is an error (EPIPE), never a signal.
  std::signal(SIGPIPE, SIG_IGN);
  epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  inbox_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  DROVER_ASSERT(epoll_fd_ >= 0 && inbox_fd_ >= 0);
  bool watched = watch(inbox_fd_, &inbox_watch_);
  DROVER_ASSERT(watched);
}

AsioLoop::Impl::~Impl() {
  // While what they hold can still be taken off the watch.
  signals.reset();
  kept_.clear();
  for (const Ready& left : std::exchange(ready_, {})) left.drop();
  inbox_.clear();
  timers_ = TimerHeap();
  ::close(inbox_fd_);
  ::close(epoll_fd_);
}

bool AsioLoop::Impl::watch(int fd, Watched* watched) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = watched;
  return ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void AsioLoop::Impl::unwatch(int fd) {
  // Closing would do only where no copy of the descriptor is open elsewhere.
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

MonoTime AsioLoop::Impl::mono() {
  if (current_loop != this) return clock_.mono();
  if (!std::exchange(mono_known_, true)) mono_ = clock_.mono();
  return mono_;
}

WallTime AsioLoop::Impl::wall() {
  if (current_loop != this) return clock_.wall();
  if (!std::exchange(wall_known_, true)) wall_ = clock_.wall();
  return wall_;
}

void AsioLoop::Impl::post(std::function<void()> fn) {
  if (current_loop == this) {
    ready_.emplace_back(std::move(fn));
    return;
  }
  std::lock_guard<std::mutex> lock(inbox_mutex_);
  inbox_.push_back(std::move(fn));
  if (std::exchange(inbox_signalled_, true)) return;
  // Under the lock, so that the loop cannot go between the push and the wake.
  uint64_t one = 1;
  ssize_t n = ::write(inbox_fd_, &one, sizeof one);
  (void)n;  // fails only when the counter is full: after 2^64 of these
}

void AsioLoop::Impl::resume_soon(std::coroutine_handle<> h) {
  if (current_loop == this) {
    ready_.emplace_back(h);
  } else {
    post([h] { h.resume(); });
  }
}

void AsioLoop::Impl::call_soon(async::Turn& turn) {
  if (current_loop == this) {
    ready_.emplace_back(turn);
  } else {
    post([&turn] { turn.on_turn(); });
  }
}

void AsioLoop::Impl::Ready::run() const {
  switch (kind) {
    case Kind::kCoroutine:
      return std::coroutine_handle<>::from_address(of).resume();
    case Kind::kTurn:
      return static_cast<async::Turn*>(of)->on_turn();
    case Kind::kFunction:
      std::unique_ptr<std::function<void()>> fn(static_cast<std::function<void()>*>(of));
      return (*fn)();
  }
}

void AsioLoop::Impl::Ready::drop() const {
  if (kind == Kind::kFunction) delete static_cast<std::function<void()>*>(of);
}

void AsioLoop::Impl::take_inbox() {
  // The counter is never read: each write to it is a change, and so an event.
  std::lock_guard<std::mutex> lock(inbox_mutex_);
  inbox_signalled_ = false;
  for (auto& fn : inbox_) ready_.emplace_back(std::move(fn));
  inbox_.clear();
}

void AsioLoop::Impl::run_timers() {
  // Timers that the callbacks add for now wait for the next round: the loop stays fair.
  if (timers_.empty()) return;
  MonoTime now = clock_.mono();
  while (auto fn = timers_.pop_due(now)) {
    (*fn)();
    forget_time();
  }
}

void AsioLoop::Impl::run_ready() {
  for (size_t i = 0; i < kReadyBatchesMax && !ready_.empty(); ++i) {
    batch_.swap(ready_);
    for (size_t at = 0; at < batch_.size(); ++at) {
      if (at + 1 < batch_.size() && batch_[at + 1].kind == Ready::Kind::kCoroutine) {
        async::fetch_frame(batch_[at + 1].of);
      }
      batch_[at].run();
      forget_time();
    }
    batch_.clear();
  }
}

void AsioLoop::Impl::linger(Duration most) {
  // After n times in vain it is left out n times.
  if (lingers_left_out_++ < lingers_in_vain_) return;
  lingers_left_out_ = 0;
  linger_until_ = clock_.mono() + most;
}

int AsioLoop::Impl::look(epoll_event* events) {
  const MonoTime until =
      timers_.empty() ? linger_until_ : std::min(linger_until_, timers_.earliest());
  linger_until_ = MonoTime();
  do {
    const int n = wait_for_events(epoll_fd_, events, Duration::zero());
    if (n > 0) {
      lingers_in_vain_ = 0;
      return n;
    }
    // Who sends the next thing may be waiting for this very processor.
    ::sched_yield();
  } while (clock_.mono() < until);
  lingers_in_vain_ = std::min(lingers_in_vain_ + 1, kLingersLeftOutMax);
  return 0;
}

void AsioLoop::Impl::wait(bool may_sleep) {
  epoll_event events[kEventsMax];
  int n = may_sleep && linger_until_ != MonoTime() ? look(events) : 0;
  Duration timeout = Duration::zero();
  if (may_sleep) {
    timeout = Duration::max();
    if (!timers_.empty() && timers_.earliest() != MonoTime::max()) {
      timeout = std::max<Duration>(timers_.earliest() - clock_.mono(), Duration::zero());
    }
  }
  if (n <= 0) n = wait_for_events(epoll_fd_, events, timeout);
  for (int i = 0; i < n; ++i) {
    static_cast<Watched*>(events[i].data.ptr)->on_ready(events[i].events);
  }
}

void AsioLoop::Impl::turn() {
  Inside inside(this);
  forget_time();
  run_ready();
  if (stopping) return;
  wait(ready_.empty());
  forget_time();
  run_timers();
  run_ready();
}

AsioLoop::AsioLoop() : impl_(std::make_unique<Impl>()) {}
AsioLoop::~AsioLoop() = default;

MonoTime AsioLoop::mono() { return impl_->mono(); }
WallTime AsioLoop::wall() { return impl_->wall(); }
void AsioLoop::post(std::function<void()> fn) { impl_->post(std::move(fn)); }
void AsioLoop::resume_soon(std::coroutine_handle<> h) { impl_->resume_soon(h); }
void AsioLoop::call_soon(async::Turn& turn) { impl_->call_soon(turn); }
async::Loop::TimerId AsioLoop::call_at(MonoTime t, std::function<void()> fn) {
  return impl_->call_at(t, std::move(fn));
}
async::Loop::TimerId AsioLoop::turn_at(MonoTime t, async::Turn& turn) {
  return impl_->turn_at(t, turn);
}
void AsioLoop::cancel_timer(TimerId id) { impl_->cancel_timer(id); }

void linger(AsioLoop& loop, Duration most) { loop.impl().linger(most); }

void AsioLoop::run() {
  impl_->stopping = false;
  while (!impl_->stopping) impl_->turn();
}

void AsioLoop::run_once() {
  impl_->stopping = false;  // whoever runs rounds after a stop() still wants them
  impl_->turn();
}

void AsioLoop::stop() {
  post([this] { impl_->stopping = true; });
}

void AsioLoop::on_signal(std::vector<int> signals, std::function<void(int)> fn) {
  impl_->signals = watch_signals(*impl_, std::move(signals), std::move(fn));
}

}  // namespace drover::net
