#include "net/asio_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>

#include "base/assert.h"
#include "net/asio_impl.h"

namespace drover::net {
namespace {

// Ready things run before the kernel is asked again: enough to batch, few enough to stay fair.
constexpr size_t kReadyBatchesMax = 64;

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

}  // namespace

AsioLoop::Impl::Impl() : timer_(io), inbox_event_(io) {
  // A write to a peer that left is an error (EPIPE), never a signal.
  std::signal(SIGPIPE, SIG_IGN);
  int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  DROVER_ASSERT(fd >= 0);
  inbox_event_.assign(fd);
  watch_inbox();
}

AsioLoop::Impl::~Impl() = default;

void AsioLoop::Impl::post(std::function<void()> fn) {
  if (current_loop == this) {
    ready_.push_back(std::move(fn));
    return;
  }
  bool signal = false;
  {
    std::lock_guard<std::mutex> lock(inbox_mutex_);
    inbox_.push_back(std::move(fn));
    signal = !std::exchange(inbox_signalled_, true);
    // Under the lock, so that the loop cannot go between the push and the wake.
    if (signal) {
      uint64_t one = 1;
      ssize_t n = ::write(inbox_event_.native_handle(), &one, sizeof one);
      (void)n;  // fails only when the counter is full, and then the loop is awake
    }
  }
}

void AsioLoop::Impl::watch_inbox() {
  inbox_event_.async_wait(AsioDescriptor::wait_read, [this](boost::system::error_code ec) {
    if (ec) return;
    take_inbox();
    watch_inbox();
  });
}

void AsioLoop::Impl::take_inbox() {
  std::lock_guard<std::mutex> lock(inbox_mutex_);
  uint64_t count;
  ssize_t n = ::read(inbox_event_.native_handle(), &count, sizeof count);
  (void)n;
  inbox_signalled_ = false;
  for (auto& fn : inbox_) ready_.push_back(std::move(fn));
  inbox_.clear();
}

TimerHeap::Id AsioLoop::Impl::call_at(MonoTime t, std::function<void()> fn) {
  TimerHeap::Id id = timers_.add(t, std::move(fn));
  if (timers_.earliest() < armed_at_) arm_timer();
  return id;
}

void AsioLoop::Impl::arm_timer() {
  // The kernel's timer is moved only to an earlier time. When what it was set for is cancelled, it
  // fires once for nothing, which is cheaper than a system call for every cancel.
  armed_at_ = timers_.earliest();
  uint64_t generation = ++armed_generation_;
  timer_.expires_at(std::chrono::steady_clock::time_point(armed_at_.time_since_epoch()));
  timer_.async_wait([this, generation](boost::system::error_code) {
    if (generation != armed_generation_) return;  // replaced by an earlier one
    armed_at_ = MonoTime::max();
    run_timers();
  });
}

void AsioLoop::Impl::run_timers() {
  // Timers that the callbacks add for now wait for the next round: the loop stays fair.
  MonoTime now = clock.mono();
  while (auto fn = timers_.pop_due(now)) (*fn)();
  if (!timers_.empty() && timers_.earliest() < armed_at_) arm_timer();
}

void AsioLoop::Impl::run_ready() {
  for (size_t i = 0; i < kReadyBatchesMax && !ready_.empty(); ++i) {
    batch_.swap(ready_);
    for (auto& fn : batch_) fn();
    batch_.clear();
  }
}

void AsioLoop::Impl::turn() {
  Inside inside(this);
  run_ready();
  if (stopping) return;
  if (ready_.empty()) {
    io.run_one();
  } else {
    io.poll();
  }
  run_ready();
}

void AsioLoop::Impl::watch_signals() {
  signals->async_wait([this](boost::system::error_code ec, int signal) {
    if (ec) return;
    auto fn = signal_fn;
    fn(signal);
    watch_signals();
  });
}

AsioLoop::AsioLoop() : impl_(std::make_unique<Impl>()) {}
AsioLoop::~AsioLoop() = default;

MonoTime AsioLoop::mono() { return impl_->clock.mono(); }
WallTime AsioLoop::wall() { return impl_->clock.wall(); }
void AsioLoop::post(std::function<void()> fn) { impl_->post(std::move(fn)); }
async::Loop::TimerId AsioLoop::call_at(MonoTime t, std::function<void()> fn) {
  return impl_->call_at(t, std::move(fn));
}
void AsioLoop::cancel_timer(TimerId id) { impl_->cancel_timer(id); }

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
  impl_->signals = std::make_unique<boost::asio::signal_set>(impl_->io);
  for (int s : signals) impl_->signals->add(s);
  impl_->signal_fn = std::move(fn);
  impl_->watch_signals();
}

}  // namespace drover::net
