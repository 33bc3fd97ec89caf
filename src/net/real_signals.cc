#include "net/real_signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "base/assert.h"

namespace drover::net {
namespace {

/// Where the handler writes; -1: nobody takes signals.
std::atomic<int> pipe_end{-1};

void on_signal_number(int number) {
  int saved = errno;
  unsigned char byte = static_cast<unsigned char>(number);
  ssize_t n = ::write(pipe_end.load(), &byte, 1);
  (void)n;  // a full pipe holds more signals than anybody needs
  errno = saved;
}

class SignalPipe final : public Watched {
 public:
  SignalPipe(AsioLoop::Impl& loop, std::vector<int> signals, std::function<void(int)> fn)
      : loop_(loop), signals_(std::move(signals)), fn_(std::move(fn)) {
    int made = ::pipe2(fds_, O_NONBLOCK | O_CLOEXEC);
    DROVER_ASSERT(made == 0);
    int before = pipe_end.exchange(fds_[1]);
    DROVER_ASSERT(before == -1);
    bool watched = loop_.watch(fds_[0], this);
    DROVER_ASSERT(watched);
    for (int number : signals_) {
      struct sigaction action{};
      action.sa_handler = on_signal_number;
      action.sa_flags = SA_RESTART;
      ::sigaction(number, &action, nullptr);
    }
  }
  ~SignalPipe() override {
    for (int number : signals_) std::signal(number, SIG_DFL);
    pipe_end = -1;
    loop_.unwatch(fds_[0]);
    ::close(fds_[0]);
    ::close(fds_[1]);
  }
  SignalPipe(const SignalPipe&) = delete;
  SignalPipe& operator=(const SignalPipe&) = delete;

  void on_ready(uint32_t events) override {
    unsigned char bytes[64];
    for (;;) {
      ssize_t n = ::read(fds_[0], bytes, sizeof bytes);
      if (n <= 0) return;
      for (ssize_t i = 0; i < n; ++i) {
        loop_.post([fn = fn_, number = int{bytes[i]}] { fn(number); });
      }
    }
  }

 private:
  AsioLoop::Impl& loop_;
  std::vector<int> signals_;
  std::function<void(int)> fn_;
  int fds_[2] = {-1, -1};
};

}  // namespace

std::unique_ptr<Watched> watch_signals(AsioLoop::Impl& loop, std::vector<int> signals,
                                       std::function<void(int)> fn) {
  return std::make_unique<SignalPipe>(loop, std::move(signals), std::move(fn));
}

}  // namespace drover::net
